// A fused op that goes through its batch slice by slice: all parts for a few samples, then all
// parts for the next ones, so that what parts hand to each other is there for one slice alone.
//
// Beside "parts", it has the attributes "slice", the samples of one, and "sliced", the inputs whose
// first axis is the batch; all that parts make has that axis. The other inputs are whole in each
// slice. The last slice ends with the batch: where that is no multiple, it makes samples again.
// Parts may be fused ops themselves, but not sliced ones.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate {

[[nodiscard]] inline bool is_sliced(const Attributes& attributes) {
  return attributes.find("slice") != nullptr;
}

/// `sliced`: inputs, rising.
[[nodiscard]] Attributes sliced_attributes(std::shared_ptr<const FusedParts> parts,
                                           std::int64_t samples, std::vector<std::size_t> sliced);

/// One slice, as a fused op that is not sliced, and how many there are.
struct BatchSlice {
  /// Of a sliced op. Throws InvalidInput where its inputs are not as its attributes say.
  BatchSlice(const Attributes& attributes, const std::vector<const TensorType*>& whole);

  [[nodiscard]] std::int64_t count() const { return (batch + samples - 1) / samples; }
  /// The first sample of slice `i`.
  [[nodiscard]] std::int64_t first(std::int64_t i) const {
    return std::min(i * samples, batch - samples);
  }
  [[nodiscard]] std::vector<const TensorType*> input_types() const;

  std::int64_t batch = 0, samples;
  std::vector<char> is_cut;  ///< by input
  std::vector<TensorType> inputs;
  std::shared_ptr<const FusedParts> parts;
};

}  // namespace rockmate
