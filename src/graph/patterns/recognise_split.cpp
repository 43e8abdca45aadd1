// Slices of one tensor that make up an axis without gaps are the parts of a split: what exporters
// make of `chunk`. Its gradient is one concatenation, where those of slices are as many sums of
// images full of zeros.

#include <algorithm>
#include <map>

#include "graph/patterns/recognise.h"

namespace rockmate {
namespace {

struct Slice {
  NodeId node;
  std::size_t axis;
  std::int64_t first, count;
};

// Nothing where it cuts no axis, or several, or leaves elements out on the way.
std::optional<Slice> find_slice(const Graph& graph, NodeId id) {
  const Node& node = graph[id];
  if (node.kind != OpKind::kSlice) return std::nullopt;
  const Shape& shape = graph[node.inputs.front()].type.shape;
  const auto& starts = node.attributes.integers("starts");
  const auto& sizes = node.attributes.integers("sizes");
  const auto& steps = node.attributes.integers("steps");
  std::optional<Slice> found;
  for (std::size_t a = 0; a < shape.size(); ++a) {
    if (steps[a] != 1) return std::nullopt;
    if (sizes[a] == shape[a]) continue;
    if (found || sizes[a] == 0) return std::nullopt;
    found = Slice{id, a, starts[a], sizes[a]};
  }
  return found;
}

}  // namespace

SliceReplacer::SliceReplacer(const Graph& graph) {
  std::map<std::pair<TensorId, std::size_t>, std::vector<Slice>> slices;  // by tensor and axis
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const auto slice = find_slice(graph, NodeId(n));
    if (slice) slices[{graph[NodeId(n)].inputs.front(), slice->axis}].push_back(*slice);
  }
  for (auto& [key, list] : slices) {
    std::sort(list.begin(), list.end(),
              [](const Slice& a, const Slice& b) { return a.first < b.first; });
    Split split{static_cast<std::int64_t>(key.second), {}, {}};
    std::int64_t next = 0;
    for (const Slice& slice : list) {
      if (slice.first != next) break;
      next += slice.count;
      split.sizes.push_back(slice.count);
    }
    const std::int64_t extent = graph[key.first].type.shape[key.second];
    if (next != extent || split.sizes.size() != list.size()) continue;
    for (std::size_t p = 0; p < list.size(); ++p) parts_[list[p].node] = {splits_.size(), p};
    splits_.push_back(std::move(split));
  }
}

std::optional<TensorId> SliceReplacer::operator()(Rewriter& rewriter, NodeId id) {
  const auto found = parts_.find(id);
  if (found == parts_.end()) return std::nullopt;
  const auto& [s, part] = found->second;
  Split& split = splits_[s];
  if (split.made.empty()) {
    const TensorId x = rewriter.mapped(rewriter.graph()[id].inputs.front());
    split.made = rewriter.b(id).split(x, split.sizes, split.axis);
  }
  return split.made[part];
}

}  // namespace rockmate
