// How a convolution is cut. A piece is what one thread computes, so there should be some pieces,
// whatever the number of threads, which must not show: parts of the batch; of few images also
// strips of their rows, and bands of channels where there are few pixels and many weights.
//
// A convolution that is asked to (attribute `winograd`) computes tiles of 4 x 4 pixels by
// Winograd's algorithm where that pays: it takes 36 multiplications for the 144 of a 3 x 3 kernel,
// but works on [36] x [channels] x [tiles] products, so it wants many tiles per part. Relative
// errors stay below 1e-6. Measured on an AVX-512 core, GFLOP/s of the direct algorithm's work,
// which does 200 to 220:
//
//   tiles in a part    49   64   98  196  392      (each with all of its 16 pixels)
//   64 to 512 channels 235  262  364  407  440 to 540

#include <algorithm>

#include "exec/cpu/onednn_conv_parts.h"

namespace rockmate::cpu::onednn {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// A cut of [0, count) into parts of whole units.
Range part_of(std::int64_t count, std::int64_t parts, std::int64_t part, std::int64_t unit = 1) {
  const std::int64_t units = ceil_div(count, unit);
  const std::int64_t first = units * part / parts * unit;
  return {first, std::min(count, units * (part + 1) / parts * unit) - first};
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
         before == other.before && after == other.after;
}

std::vector<Piece> pieces_of(const Convolution& conv, const Scheme& scheme) {
  const Shape& x = conv.x.type->shape;
  const Shape& y = conv.y.type->shape;
  std::vector<Piece> pieces;
  for (std::int64_t b = 0; b < scheme.bands; ++b) {
    for (std::int64_t i = 0; i < scheme.images; ++i) {
      for (std::int64_t s = 0; s < scheme.strips; ++s) {
        Piece piece{part_of(x[0], scheme.images, i), {0, y[2]},   {0, x[2]},
                    part_of(y[1], scheme.bands, b),  conv.before, conv.after};
        if (scheme.strips > 1) {
          piece.y_rows = part_of(y[2], scheme.strips, s, scheme.row_unit);
          find_window(conv, piece);
        }
        pieces.push_back(std::move(piece));
      }
    }
  }
  return pieces;
}

// More parts take more memory for their weight gradients.
Scheme direct_scheme(const Convolution& conv, Images formats) {
  constexpr std::int64_t kWeightGradients = 16 << 20;  // bytes
  constexpr std::int64_t kMostWeightGradients = 4;
  Scheme scheme{.formats = formats, .images = std::min(kMostParts, conv.x.type->shape[0])};
  if (conv.direction == Direction::kWeights) {
    const std::int64_t fit = kWeightGradients / conv.weight.type->bytes().count();
    scheme.images = std::min(scheme.images, std::clamp<std::int64_t>(fit, 2, kMostWeightGradients));
  }
  if (formats == Images::kAsTheyLie) cut_images(conv, scheme);
  return scheme;
}

std::optional<Scheme> winograd_scheme(const Convolution& conv) {
  constexpr std::int64_t kEnoughTiles = 196;  // in a part
  constexpr std::int64_t kStripTiles = 98;    // in a strip of a single image
  constexpr std::int64_t kLeastParts = 2;     // if they are large enough
  constexpr std::int64_t kMostWinogradParts = 4;
  constexpr std::int64_t kLeastChannels = 32;
  const Shape& y = conv.y.type->shape;
  const Shape& weight = conv.weight_shape;
  const Dims ones = {1, 1};
  const bool fits = conv.may_use_winograd && weight.size() == 4 && weight[2] == 3 &&
                    weight[3] == 3 && conv.strides == ones && conv.dilations == Dims{0, 0} &&
                    std::min(weight[0], weight[1]) >= kLeastChannels;
  if (!fits) return std::nullopt;
  const std::int64_t batch = y[0];
  const std::int64_t image_tiles = ceil_div(y[2], 4) * ceil_div(y[3], 4);
  Scheme scheme{.how = dnnl::algorithm::convolution_winograd, .formats = Images::kAny};
  scheme.images = std::min(batch, std::clamp<std::int64_t>(batch * image_tiles / kEnoughTiles,
                                                           kLeastParts, kMostWinogradParts));
  if (batch == 1 && has_rows(conv)) {
    scheme.strips = std::clamp<std::int64_t>(image_tiles / kStripTiles, 1, kLeastParts);
    scheme.row_unit = 4;
  }
  // Both in GFLOP/s, fitted to the table above.
  const auto tiles =
      static_cast<double>(batch / scheme.images * image_tiles) / static_cast<double>(scheme.strips);
  const double used = static_cast<double>(y[2] * y[3]) / static_cast<double>(16 * image_tiles);
  const double speed = 540 * used * tiles / (tiles + 40);
  constexpr double kWorthTheMemory = 300;
  if (speed < kWorthTheMemory) return std::nullopt;
  return scheme;
}

}  // namespace rockmate::cpu::onednn
