#include "exec/cpu/band_patches.h"

#include <algorithm>

namespace rockmate::cpu {

WindowAxis window_axis(const FusedPart& conv, const Shape& x, const Shape& weight, std::size_t a) {
  return {x[a + 2],
          conv.outputs[0].shape[a + 2],
          weight[a + 2],
          conv.attributes.integers("strides")[a],
          conv.attributes.integers("pads")[a],
          conv.attributes.integers("dilations")[a]};
}

Patches::Patches(const FusedPart& conv, const Shape& x, const Shape& weight)
    : rows_(window_axis(conv, x, weight, 0)),
      columns_(window_axis(conv, x, weight, 1)),
      channels_(x[1]),
      together_(conv.attributes.integers("dilations")[1] == 1
                    ? static_cast<std::size_t>(columns_.kernel)
                    : 1) {}

void Patches::lay(const float* image, std::int64_t row, float* patches) const {
  std::fill_n(patches, row_size(), 0.0F);
  for (const Meeting& line : rows_.forward[static_cast<std::size_t>(row)]) {
    const float* const x = image + line.at * columns_.image * channels_;
    float* patch = patches + line.weight * columns_.kernel * channels_;
    for (const auto& columns : columns_.forward) {
      for (std::size_t c = 0; c < columns.size(); c += together_) {
        std::copy_n(x + columns[c].at * channels_,
                    static_cast<std::int64_t>(std::min(together_, columns.size() - c)) * channels_,
                    patch + columns[c].weight * channels_);
      }
      patch += taps();
    }
  }
}

}  // namespace rockmate::cpu
