#include "graph/sliced_parts.h"

#include <fmt/format.h>

#include "rockmate/error.h"

namespace rockmate {
namespace {

std::shared_ptr<const FusedParts> cut(const FusedParts& whole, std::int64_t samples) {
  auto made = std::make_shared<FusedParts>(whole);
  for (FusedPart& part : made->parts) {
    for (TensorType& type : part.outputs) type.shape.front() = samples;
    if (part.kind == OpKind::kFused)
      part.attributes.set("parts", cut(part.attributes.parts(), samples));
  }
  return made;
}

}  // namespace

Attributes sliced_attributes(std::shared_ptr<const FusedParts> parts, std::int64_t samples,
                             std::vector<std::size_t> sliced) {
  Attributes attributes;
  attributes.set("parts", std::move(parts));
  attributes.set("slice", samples);
  attributes.set("sliced", std::vector<std::int64_t>(sliced.begin(), sliced.end()));
  return attributes;
}

BatchSlice::BatchSlice(const Attributes& attributes, const std::vector<const TensorType*>& whole)
    : samples(attributes.integer("slice")), is_cut(whole.size()) {
  for (const TensorType* type : whole) inputs.push_back(*type);
  for (const std::int64_t at : attributes.integers("sliced")) {
    const auto i = static_cast<std::size_t>(at);
    if (i >= inputs.size() || inputs[i].shape.empty()) {
      throw InvalidInput(fmt::format("input {} is sliced, expected one of {} tensors with axes", at,
                                     inputs.size()));
    }
    const std::int64_t extent = std::exchange(inputs[i].shape.front(), samples);
    batch = std::max(batch, extent);
    is_cut[i] = 1;
    if (samples < 1 || extent != batch || samples > batch) {
      throw InvalidInput(fmt::format("a slice of {} of input {}, which has {} samples of {}",
                                     samples, at, extent, batch));
    }
  }
  parts = cut(attributes.parts(), samples);
}

std::vector<const TensorType*> BatchSlice::input_types() const {
  std::vector<const TensorType*> types;
  for (const TensorType& type : inputs) types.push_back(&type);
  return types;
}

}  // namespace rockmate
