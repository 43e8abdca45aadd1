// Images from images by Winograd's algorithm: convolutions, and their gradients by the image. The
// channels of either may lie in pieces.

#include "exec/cpu/onednn_winograd.h"

namespace rockmate::cpu::onednn {
namespace {

class ByImages {
 public:
  ByImages(const WinogradTiles& tiles, const WinogradImages& images)
      : tiles_(tiles),
        images_(images),
        in_bands_(takes_bands(tiles)),
        deal_(in_bands_ ? deal_bands(tiles) : deal_tiles(tiles)) {
    const std::int64_t in = tiles.in();
    const std::int64_t out = tiles.out();
    shift_ = space_.numbers(out);
    if (!images.is_packed) {
      scale_ = space_.numbers(out);
      // A lane's own, unless parts share it.
      weights_ = space_.points(in_bands_ ? deal_.parts * in * deal_.piece : in * out);
    }
    spread_ = space_.points(in_bands_ ? tiles.count() * in : deal_.parts * deal_.piece * in);
    results_ = space_.points(deal_.parts * deal_.piece * (in_bands_ ? tiles.count() : out));
  }
  [[nodiscard]] Bytes workspace() const { return space_.bytes(); }

  void run(const Run& run) const {
    const OneThread one_thread;
    const auto& bias = images_.bias;
    const bool scales = images_.epilogue.has_scale() && !images_.is_packed;
    float* const scale = scales ? space_.at(run, scale_) : nullptr;
    images_.epilogue.write_line(run, bias ? run.in<float>(*bias) : nullptr, tiles_.out(), scale,
                                space_.at(run, shift_));
    in_bands_ ? run_bands(run, scale) : run_tiles(run, scale);
  }

  [[nodiscard]] PackedOperand packed() const {
    const std::int64_t out = tiles_.out();
    PackedOperand made;
    made.packing = {
        images_.weight, {images_.weight}, aligned(Bytes(kWinogradPoints * tiles_.in() * out * 4))};
    for (const std::size_t i : images_.epilogue.scale_operands()) made.packing.reads.push_back(i);
    made.workspace = aligned(Bytes(out * 4));
    made.body = [by = *this](const Run& run) { by.pack(run); };
    return made;
  }

 private:
  // Bands one after another, or all channels as one.
  void pack(const Run& run) const {
    const OneThread one_thread;
    float* scale = nullptr;
    if (images_.epilogue.has_scale()) {
      scale = space_.at(run, {});
      images_.epilogue.write_scale(run, tiles_.out(), scale);
    }
    float* const to = run.out<float>();
    if (!in_bands_) return transform_all(run, scale, to);
    deal_.for_each(run.threads(), [&](const WinogradPiece& band) {
      winograd_weight(weight(run, band.first, band.size, scale), 0, tiles_.in(),
                      to + of_band(band.first));
    });
  }
  [[nodiscard]] std::int64_t of_band(std::int64_t channel) const {
    return kWinogradPoints * tiles_.in() * channel;
  }
  void transform_all(const Run& run, const float* scale, float* to) const {
    const WinogradWeight whole = weight(run, 0, tiles_.out(), scale);
    parallel_for(
        run.threads(), tiles_.in(), kGrain / (kWinogradWindow * tiles_.out()) + 1,
        [&](std::int64_t begin, std::int64_t end) { winograd_weight(whole, begin, end, to); });
  }

  void run_tiles(const Run& run, const float* scale) const {
    const std::int64_t in = tiles_.in();
    const std::int64_t out = tiles_.out();
    if (!images_.is_packed) transform_all(run, scale, space_.at(run, weights_));
    const float* const weights =
        images_.is_packed ? run.in<float>(images_.weight) : space_.at(run, weights_);
    deal_.for_each(run.threads(), [&](const WinogradPiece& piece) {
      float* const spread = space_.of_part(run, spread_, piece.lane, deal_.piece * in);
      float* const results = space_.of_part(run, results_, piece.lane, deal_.piece * out);
      spread_tiles(run, piece.first, piece.size, 0, piece.size, spread);
      multiply({piece.size, in, out, false, piece.size * in, in}, spread, weights, results);
      finish_tiles(run, piece.first, piece.size, 0, out, results);
    });
  }

  void run_bands(const Run& run, const float* scale) const {
    const std::int64_t in = tiles_.in();
    const std::int64_t count = tiles_.count();
    float* const spread = space_.at(run, spread_);
    parallel_for(run.threads(), count, 1, [&](std::int64_t begin, std::int64_t end) {
      spread_tiles(run, begin, end - begin, begin, count, spread);
    });
    deal_.for_each(run.threads(), [&](const WinogradPiece& band) {
      const std::int64_t first = band.first;
      const std::int64_t width = band.size;
      float* const results = space_.of_part(run, results_, band.lane, count * deal_.piece);
      const float* weights = nullptr;
      if (images_.is_packed) {
        weights = run.in<float>(images_.weight) + of_band(first);
      } else {
        float* const own = space_.of_part(run, weights_, band.lane, in * deal_.piece);
        winograd_weight(weight(run, first, width, scale), 0, in, own);
        weights = own;
      }
      multiply({count, in, width, false, count * in, in}, spread, weights, results);
      finish_tiles(run, 0, count, first, width, results);
    });
  }

  // Of some output channels.
  [[nodiscard]] WinogradWeight weight(const Run& run, std::int64_t first, std::int64_t count,
                                      const float* scale) const {
    const std::int64_t in = tiles_.in();
    const std::int64_t out = tiles_.out();
    const std::int64_t column = images_.flips ? kWinogradWindow : in * kWinogradWindow;
    return {.w = run.in<float>(images_.weight) + first * column,
            .rows = in,
            .columns = count,
            .row_step = images_.flips ? out * kWinogradWindow : kWinogradWindow,
            .column_step = column,
            .flips = images_.flips,
            .scale = scale != nullptr ? scale + first : nullptr};
  }

  // As tiles from `at` on, of `all`.
  void spread_tiles(const Run& run, std::int64_t first, std::int64_t count, std::int64_t at,
                    std::int64_t all, float* to) const {
    const std::int64_t in = tiles_.in();
    for (std::int64_t t = 0; t < count; ++t) {
      spread_source(run, tiles_, images_.source, first + t, to + (at + t) * in, all * in);
    }
  }

  // Some channels of some tiles.
  void finish_tiles(const Run& run, std::int64_t first, std::int64_t count, std::int64_t channel,
                    std::int64_t channels, const float* from) const {
    const Range wanted{channel, channels};
    for (std::int64_t t = 0; t < count; ++t) {
      for (const ImagePiece& piece : images_.result) {
        finish_tile(run, piece, first + t, wanted, from + t * channels, count * channels);
      }
    }
  }

  // Those of the channels that the piece has. An addend lies as a result in one piece does.
  void finish_tile(const Run& run, const ImagePiece& piece, std::int64_t tile, const Range& wanted,
                   const float* from, std::int64_t stride) const {
    const std::int64_t begin = std::max(wanted.first, piece.channels.first);
    const std::int64_t end = std::min(wanted.end(), piece.channels.end());
    if (begin >= end) return;
    auto [sample, place] = tiles_.result(tile, piece.channels.count);
    place.channels = end - begin;
    const std::int64_t at = sample + begin - piece.channels.first;
    const auto& addend = images_.epilogue.addend();
    const WinogradFinish finish{space_.at(run, shift_) + begin,
                                addend ? run.in<float>(addend->index) + at : nullptr,
                                images_.epilogue.clamp()};
    winograd_output(from + begin - wanted.first, stride, finish, place,
                    run.out<float>(piece.operand.index) + at);
  }

  WinogradTiles tiles_;
  WinogradImages images_;
  bool in_bands_;
  WinogradDeal deal_;
  WinogradSpace space_;
  Bytes scale_, shift_, weights_, spread_, results_;
};

}  // namespace

Prepared prepare(const WinogradTiles& tiles, const WinogradImages& images) {
  const ByImages by(tiles, images);
  Prepared prepared{[by](const Run& run) { by.run(run); }, by.workspace()};
  if (images.is_packed) prepared.packed.push_back(by.packed());
  return prepared;
}

}  // namespace rockmate::cpu::onednn
