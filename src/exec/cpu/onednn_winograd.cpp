#include "exec/cpu/onednn_winograd.h"

#include <tuple>

#include "base/check.h"

namespace rockmate::cpu {
namespace onednn {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

constexpr std::int64_t kCache = 2 << 20;  // bytes that a part should work in
constexpr std::int64_t kMostWinogradParts = 4;

}  // namespace

WinogradTiles::WinogradTiles(const Shape& result, const Shape& source, std::int64_t above,
                             std::int64_t left)
    : result_(result),
      source_(source),
      above_(above),
      left_(left),
      down_(ceil_div(result[2], kPixels)),
      across_(ceil_div(result[3], kPixels)) {}

WinogradTiles::Where WinogradTiles::at(const Shape& shape, std::int64_t channels, std::int64_t tile,
                                       std::int64_t above, std::int64_t left) const {
  const std::int64_t image = tile / across_ / down_;
  return {image * channels * shape[2] * shape[3],
          {shape[2], shape[3], channels, channels, tile / across_ % down_ * kPixels - above,
           tile % across_ * kPixels - left}};
}

bool takes_bands(const WinogradTiles& tiles) { return 2 * tiles.count() <= tiles.out(); }

// Larger chunks read the weights less often. Parts are as many as keep two threads busy alike, and
// so are the tiles of chunks.
WinogradDeal deal_tiles(const WinogradTiles& tiles) {
  constexpr std::int64_t kLeastChunk = 64;
  const std::int64_t of_tile = kWinogradPoints * (tiles.in() + tiles.out()) * 4;
  const std::int64_t chunk = std::max(kLeastChunk, kCache / of_tile / 16 * 16);
  const std::int64_t count = tiles.count();
  const std::int64_t parts = std::min(count, count / chunk > 2 ? kMostWinogradParts : 2);
  const std::int64_t of_part = ceil_div(count, parts);
  return {count, parts, ceil_div(of_part, ceil_div(of_part, chunk))};
}

WinogradDeal deal_bands(const WinogradTiles& tiles) {
  constexpr std::int64_t kLeastBand = 32;
  const std::int64_t of_channel = kWinogradPoints * (tiles.in() + tiles.count()) * 4;
  const std::int64_t band = std::max(kLeastBand, kCache / of_channel / 16 * 16);
  const std::int64_t count = tiles.out();
  const std::int64_t parts = std::min(kMostWinogradParts, ceil_div(count, band));
  return {count, parts, std::min(band, ceil_div(count, parts))};
}

void spread_source(const Run& run, const WinogradTiles& tiles,
                   const std::vector<ImagePiece>& source, std::int64_t tile, float* to,
                   std::int64_t stride) {
  for (const ImagePiece& piece : source) {
    const auto [sample, place] = tiles.source(tile, piece.channels.count);
    winograd_input(run.in<float>(piece.operand.index) + sample, place, to + piece.channels.first,
                   stride);
  }
}

void multiply(const WinogradProducts& m, const float* a, const float* b, float* y) {
  for (std::int64_t p = 0; p < kWinogradPoints; ++p) {
    const dnnl_status_t status =
        dnnl_sgemm(m.a_transposed ? 'T' : 'N', 'N', m.rows, m.columns, m.inner, 1,
                   a + p * m.a_point, m.a_row, b + p * m.inner * m.columns, m.columns,
                   m.adds ? 1.0F : 0.0F, y + p * m.rows * m.columns, m.columns);
    ROCKMATE_CHECK(status == dnnl_success);
  }
}

}  // namespace onednn

namespace {

using namespace onednn;

WinogradTiles tiles_of(const Convolution& conv) {
  constexpr std::int64_t kBorder = 2;  // pixels by which a window exceeds one
  const Shape& x = conv.x.type->shape;
  const Shape& y = conv.y.type->shape;
  if (conv.direction != Direction::kData) return {y, x, conv.before[0], conv.before[1]};
  return {x, y, kBorder - conv.before[0], kBorder - conv.before[1]};
}

// In cycles of a core that multiplies and adds 32 numbers in each; the transforms' as measured. Per
// pair of channels, windows are transformed, or read as 36 numbers instead of 9; per tile and
// channel, pixels are.
bool pays(const WinogradTiles& tiles, bool is_packed) {
  constexpr double kPerCycle = 32;
  constexpr double kOfTile = 25;
  const double kOfWindow = is_packed ? 15 : 25;
  const auto pairs = static_cast<double>(tiles.in() * tiles.out());
  const auto count = static_cast<double>(tiles.count());
  const double direct = 9 * static_cast<double>(tiles.pixels()) * pairs / kPerCycle;
  const double ours = kWinogradPoints * count * pairs / kPerCycle + kOfWindow * pairs +
                      kOfTile * count * static_cast<double>(tiles.in() + tiles.out());
  return ours < direct;
}

bool fits(const Convolution& conv) {
  const auto lies_well = [](const Operand& image) {
    return format_of(*image.type) == MemoryFormat::kChannelsLast;
  };
  const Shape& weight = conv.weight_shape;
  return conv.may_use_winograd && weight.size() == 4 && weight[2] == 3 && weight[3] == 3 &&
         conv.strides == Dims{1, 1} && conv.dilations == Dims{0, 0} && lies_well(conv.x) &&
         lies_well(conv.y);
}

std::optional<Prepared> make(const Convolution& conv) {
  if (!fits(conv)) return std::nullopt;
  const WinogradTiles tiles = tiles_of(conv);
  const bool is_packed = cpu::is_packed(*conv.weight.type);
  if (!pays(tiles, is_packed)) return std::nullopt;
  if (conv.direction == Direction::kWeights) return prepare_weight_gradient(tiles, conv);
  const bool flips = conv.direction == Direction::kData;
  const std::vector<ImagePiece> y = {{conv.y, {0, conv.y.type->shape[1]}}};
  const auto& [source, result] = flips ? std::tie(y, conv.x_pieces) : std::tie(conv.x_pieces, y);
  Prepared prepared = prepare(
      tiles, {source, result, conv.weight.index, conv.bias, flips, conv.epilogue, is_packed});
  // Many tiles hide the transform of the weight, which takes four times its bytes when it stays.
  constexpr std::int64_t kManyTiles = 400;
  if (tiles.count() > kManyTiles) prepared.packed.clear();
  return prepared;
}

std::optional<Prepared> make_winograd(const KernelView& kernel, int) {
  if (!has_plain_tensors(kernel) || kernel.adds) return std::nullopt;
  return make(Convolution(kernel));
}

std::optional<Prepared> make_fused_winograd(const KernelView& kernel, int) {
  const auto conv = fused_convolution(kernel);
  if (!conv || !conv->epilogue.is_clamp()) return std::nullopt;
  return make(*conv);
}

}  // namespace

void add_onednn_winograd(Makers& makers) {
  using enum OpKind;
  add(makers, {kConv, kConvTranspose, kConvWeightGradient}, make_winograd);
  add(makers, {kFused}, make_fused_winograd);
}

}  // namespace rockmate::cpu
