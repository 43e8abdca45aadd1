#include "exec/cpu/pieces.h"

#include <algorithm>
#include <cstring>

namespace rockmate::cpu {
namespace {

// Runs are too short to call a function for each.
void copy(const float* from, std::int64_t count, float* to) {
  constexpr std::int64_t kTogether = 16;
  for (; count >= kTogether; count -= kTogether, from += kTogether, to += kTogether) {
    std::memcpy(to, from, kTogether * sizeof(float));
  }
  for (; count > 0; --count) *to++ = *from++;
}

}  // namespace

std::optional<Pieces> Pieces::of(const KernelView& kernel, const std::vector<std::size_t>& inputs) {
  Pieces made;
  for (const std::size_t i : inputs) {
    if (i >= kernel.inputs.size()) return std::nullopt;
    const TensorType& type = kernel.inputs[i];
    const bool has_rows = type.shape.size() == 4 && (type.format == MemoryFormat::kChannelsLast ||
                                                     type.shape[2] * type.shape[3] == 1);
    if (!has_rows || type.dtype != DType::kFloat32) return std::nullopt;
    if (type.shape[1] == 0) continue;
    made.inputs_.push_back(i);
    made.first_.push_back(made.channels() + type.shape[1]);
  }
  return made;
}

void Pieces::gather(const Run& run, std::int64_t begin, std::int64_t count, float* to) const {
  if (count == 0) return;
  std::int64_t pixel = begin / channels();
  std::int64_t channel = begin % channels();
  auto piece = static_cast<std::size_t>(std::upper_bound(first_.begin(), first_.end(), channel) -
                                        first_.begin() - 1);
  while (count > 0) {
    const std::int64_t size = first_[piece + 1] - first_[piece];
    const std::int64_t run_length = std::min(first_[piece + 1] - channel, count);
    const float* const from = run.in<float>(inputs_[piece]) + pixel * size;
    copy(from + channel - first_[piece], run_length, to);
    to += run_length;
    count -= run_length;
    channel += run_length;
    if (++piece < inputs_.size()) continue;
    piece = 0;
    channel = 0;
    ++pixel;
  }
}

}  // namespace rockmate::cpu
