#include "exec/cpu/band_taps.h"

#include <algorithm>

#include "exec/cpu/transpose_spans.h"

namespace rockmate::cpu {

WindowAxis window_axis(const FusedPart& part, const Shape& x, std::span<const std::int64_t> window,
                       std::size_t a) {
  return {x[a + 2],
          part.outputs[0].shape[a + 2],
          window[a],
          part.attributes.integers("strides")[a],
          part.attributes.integers("pads")[a],
          part.attributes.integers("dilations")[a]};
}

TapRows::TapRows(const FusedPart& conv, const TensorType& x, const Shape& weight)
    : rows_(window_axis(conv, x.shape, std::span(weight).subspan(2), 0)),
      columns_(x.shape[3]),
      stride_(conv.attributes.integers("strides")[1]),
      pad_(conv.attributes.integers("pads")[1]),
      planes_(x.format == MemoryFormat::kChannelsLast ? 1 : x.shape[1]),
      depth_(x.shape[1] / planes_),
      row_size_(columns_ * depth_),
      phases_(stride_ * depth_) {
  const std::int64_t dilation = conv.attributes.integers("dilations")[1];
  length_ = conv.outputs[0].shape[3] + (weight[3] - 1) * dilation / stride_;
  for (std::int64_t r = 0; r < weight[2]; ++r) {
    for (std::int64_t k = 0; k < weight[3]; ++k) {
      for (std::int64_t c = 0; c < weight[1]; ++c) {
        const std::int64_t phase = k * dilation % stride_ * depth_ + c % depth_;
        const std::int64_t line = (r * planes_ + c / depth_) * phases_ + phase;
        offsets_.push_back(line * length_ + k * dilation / stride_);
      }
    }
  }
}

void TapRows::lay(const float* image, std::int64_t row, float* lines) const {
  std::fill_n(lines, lines_size(), 0.0F);
  for (const Meeting& meeting : rows_.forward[static_cast<std::size_t>(row)]) {
    for (std::int64_t plane = 0; plane < planes_; ++plane) {
      deal(image + (plane * rows_.image + meeting.at) * row_size_,
           lines + (meeting.weight * planes_ + plane) * phases_ * length_);
    }
  }
}

// Column c is padded column c + pad: so many whole strides, and the rest, which is the phase.
void TapRows::deal(const float* row, float* lines) const {
  std::int64_t column = std::max<std::int64_t>(0, -pad_);
  const auto deal_one = [&] {
    const std::int64_t at = column + pad_;
    const std::int64_t phase = at % stride_ * depth_;
    for (std::int64_t d = 0; d < depth_ && at / stride_ < length_; ++d) {
      lines[(phase + d) * length_ + at / stride_] = row[column * depth_ + d];
    }
    ++column;
  };
  while (column < columns_ && (column + pad_) % stride_ != 0) deal_one();
  const std::int64_t first = (column + pad_) / stride_;
  const std::int64_t strides = std::min((columns_ - column) / stride_, length_ - first);
  if (strides > 0 && phases_ == 1) {
    std::copy_n(row + column, strides, lines + first);
  } else if (strides > 0) {
    transpose(row + column * depth_, {strides, phases_, phases_, length_}, 1, lines + first);
  }
  column += std::max<std::int64_t>(0, strides) * stride_;
  while (column < columns_) deal_one();
}

}  // namespace rockmate::cpu
