// Images whose channels lie in pieces, as rows of pixels: what a concatenation would make of them.
#pragma once

#include <optional>
#include <vector>

#include "exec/kernel.h"

namespace rockmate::cpu {

using kernels::KernelView;
using kernels::Run;

class Pieces {
 public:
  /// Of inputs of the kernel, which lie channels last, to float32 channels of as many pixels each.
  /// Nothing where they do not.
  [[nodiscard]] static std::optional<Pieces> of(const KernelView& kernel,
                                                const std::vector<std::size_t>& inputs);

  [[nodiscard]] std::int64_t channels() const { return first_.back(); }
  /// Elements [begin, begin + count) of the whole.
  void gather(const Run& run, std::int64_t begin, std::int64_t count, float* to) const;

 private:
  std::vector<std::size_t> inputs_;
  std::vector<std::int64_t> first_ = {0};  // channel of each piece, and how many there are
};

}  // namespace rockmate::cpu
