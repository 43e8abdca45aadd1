// How a convolution is cut. A piece is what one thread computes, so there should be some pieces,
// whatever the number of threads, which must not show: parts of the batch; of few images also
// strips of their rows, and bands of channels where there are few pixels and many weights.

#include <algorithm>

#include "exec/cpu/onednn_conv_parts.h"

namespace rockmate::cpu::onednn {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

Range part_of(std::int64_t count, std::int64_t parts, std::int64_t part) {
  const std::int64_t first = count * part / parts;
  return {first, count * (part + 1) / parts - first};
}

// The rows of x that the piece's rows of y come from.
void find_window(const Convolution& conv, Piece& piece) {
  const std::int64_t height = conv.x.type->shape[2];
  const std::int64_t kernel = conv.weight_shape[conv.has_groups() ? 3 : 2];
  const std::int64_t first = piece.y_rows.first * conv.strides[0] - conv.before[0];
  const std::int64_t end = first + (piece.y_rows.count - 1) * conv.strides[0] +
                           (kernel - 1) * (conv.dilations[0] + 1) + 1;
  piece.x_rows.first = std::max<std::int64_t>(first, 0);
  piece.x_rows.count = std::min(end, height) - piece.x_rows.first;
  piece.before[0] = std::max<std::int64_t>(-first, 0);
  piece.after[0] = std::max<std::int64_t>(end - height, 0);
}

// Whether rows may be cut: each row of y comes from some row of x.
bool has_rows(const Convolution& conv) {
  if (conv.direction != Direction::kForward || conv.x.type->shape.size() != 4) return false;
  const std::int64_t kernel = conv.weight_shape[conv.has_groups() ? 3 : 2];
  const bool lie_well = format_of(*conv.x.type) == MemoryFormat::kChannelsLast &&
                        format_of(*conv.y.type) == MemoryFormat::kChannelsLast;
  return lie_well && conv.dilations[0] == 0 && std::max(conv.before[0], conv.after[0]) < kernel;
}

// Pieces of few images, which are cut further.
void cut_images(const Convolution& conv, Scheme& scheme) {
  constexpr std::int64_t kEnoughPixels = 96;
  constexpr std::int64_t kEnoughChannels = 128;
  const Shape& y = conv.y.type->shape;
  if (!has_rows(conv) || scheme.images < y[0]) return;
  scheme.strips = std::clamp<std::int64_t>(y[2] * y[3] / kEnoughPixels, 1,
                                           std::min(y[2], ceil_div(kMostParts, scheme.images)));
  if (conv.has_groups()) return;
  scheme.bands = std::clamp<std::int64_t>(y[1] / kEnoughChannels, 1,
                                          ceil_div(kMostParts, scheme.images * scheme.strips));
}

}  // namespace

bool Piece::is_like(const Piece& other) const {
  return images.count == other.images.count && y_rows.count == other.y_rows.count &&
         x_rows.count == other.x_rows.count && channels.count == other.channels.count &&
         x_channels.count == other.x_channels.count && before == other.before &&
         after == other.after && adds == other.adds && finishes == other.finishes;
}

std::vector<Piece> pieces_of(const Convolution& conv, const Scheme& scheme) {
  const Shape& x = conv.x.type->shape;
  const Shape& y = conv.y.type->shape;
  std::vector<Piece> pieces;
  for (std::int64_t b = 0; b < scheme.bands; ++b) {
    for (std::int64_t i = 0; i < scheme.images; ++i) {
      for (std::int64_t s = 0; s < scheme.strips; ++s) {
        Piece piece{part_of(x[0], scheme.images, i),
                    {0, y[2]},
                    {0, x[2]},
                    part_of(y[1], scheme.bands, b),
                    {0, x[1]},
                    conv.before,
                    conv.after};
        if (scheme.strips > 1) {
          piece.y_rows = part_of(y[2], scheme.strips, s);
          find_window(conv, piece);
        }
        pieces.push_back(std::move(piece));
      }
    }
  }
  return pieces;
}

// What is summed piece of x by piece stays in the cache.
void cut_sums(const Convolution& conv, Scheme& scheme) {
  constexpr std::int64_t kCache = 1 << 19;  // bytes
  const Shape& y = conv.y.type->shape;
  scheme.images = y[0];
  if (!has_rows(conv)) return;
  const std::int64_t strips = ceil_div(y[1] * y[2] * y[3] * 4, kCache);
  scheme.strips = std::clamp(strips, scheme.strips, std::max(scheme.strips, y[2]));
}

// More parts take more memory for their weight gradients.
Scheme find_scheme(const Convolution& conv, Images formats) {
  constexpr std::int64_t kWeightGradients = 16 << 20;  // bytes
  constexpr std::int64_t kMostWeightGradients = 4;
  Scheme scheme{.formats = formats, .images = std::min(kMostParts, conv.x.type->shape[0])};
  if (conv.direction == Direction::kWeights) {
    const std::int64_t fit = kWeightGradients / conv.weight.type->bytes().count();
    scheme.images = std::min(scheme.images, std::clamp<std::int64_t>(fit, 2, kMostWeightGradients));
  }
  if (formats == Images::kAsTheyLie) cut_images(conv, scheme);
  if (conv.is_pieced() && conv.direction == Direction::kForward) cut_sums(conv, scheme);
  return scheme;
}

}  // namespace rockmate::cpu::onednn
