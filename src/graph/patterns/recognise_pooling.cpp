#include <algorithm>

#include "graph/patterns/recognise.h"

namespace rockmate {
namespace {

bool are_zeros(const std::vector<std::int64_t>& list) {
  return std::ranges::all_of(list, [](std::int64_t n) { return n == 0; });
}

// Zeros around the image alone, fewer than a window on each side.
bool pads_windows(const Attributes& pad, const std::vector<std::int64_t>& window) {
  if (pad.real("value") != 0) return false;
  for (const char* side : {"before", "after"}) {
    const auto& count = pad.integers(side);
    if (count.size() != window.size() + 2 || count[0] != 0 || count[1] != 0) return false;
    for (std::size_t d = 0; d < window.size(); ++d) {
      if (count[d + 2] < 0 || count[d + 2] >= window[d]) return false;
    }
  }
  return true;
}

}  // namespace

// Padding of its own would have to be counted or not like the one before it.
std::optional<TensorId> replace_pooling(Rewriter& rewriter, NodeId id) {
  const Node& pool = rewriter.graph()[id];
  if (pool.kind != OpKind::kAveragePool || pool.attributes.flag("ceil_mode") ||
      !are_zeros(pool.attributes.integers("pads"))) {
    return std::nullopt;
  }
  const Node* const pad = rewriter.made_by(pool.inputs.front(), OpKind::kPad);
  if (pad == nullptr || !pads_windows(pad->attributes, pool.attributes.integers("kernel"))) {
    return std::nullopt;
  }
  std::vector<std::int64_t> pads;
  for (const char* side : {"before", "after"}) {
    const auto& count = pad->attributes.integers(side);
    pads.insert(pads.end(), count.begin() + 2, count.end());
  }
  Attributes attributes = pool.attributes;
  attributes.set("pads", std::move(pads)).set("count_include_pad", true);
  return rewriter.b(id)
      .node(OpKind::kAveragePool, {rewriter.mapped(pad->inputs.front())}, std::move(attributes))
      .front();
}

}  // namespace rockmate
