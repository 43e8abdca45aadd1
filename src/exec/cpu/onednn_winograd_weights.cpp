// Gradients by the weight by Winograd's algorithm. Where parts take tiles, each has sums of its
// own, in transformed numbers, which are added up as they are transformed back.

#include "exec/cpu/onednn_winograd.h"

namespace rockmate::cpu::onednn {
namespace {

class ByWeight {
 public:
  ByWeight(const WinogradTiles& tiles, const Convolution& conv)
      : tiles_(tiles),
        x_(conv.x_pieces),
        y_(conv.y.index),
        in_bands_(takes_bands(tiles)),
        deal_(in_bands_ ? deal_bands(tiles) : deal_tiles(tiles)) {
    const std::int64_t together = in_bands_ ? tiles.count() : deal_.parts * deal_.piece;
    sources_ = space_.points(together * tiles.in());
    results_ = space_.points(together * tiles.out());
    sums_ = space_.points(deal_.parts * tiles.in() * (in_bands_ ? deal_.piece : tiles.out()));
  }
  [[nodiscard]] Bytes workspace() const { return space_.bytes(); }

  void run(const Run& run) const {
    const OneThread one_thread;
    in_bands_ ? run_bands(run) : run_tiles(run);
  }

 private:
  void run_tiles(const Run& run) const {
    const std::int64_t in = tiles_.in();
    const std::int64_t out = tiles_.out();
    const std::int64_t pairs = in * out;
    deal_.for_each(run.threads(), [&](const WinogradPiece& piece) {
      const std::int64_t count = piece.size;
      float* const sources = space_.of_part(run, sources_, piece.lane, deal_.piece * in);
      float* const results = space_.of_part(run, results_, piece.lane, deal_.piece * out);
      transform_tiles(run, piece.first, count, 0, count, sources, results);
      const bool adds = piece.first > deal_.first(piece.part);
      multiply({out, count, in, true, count * out, out, adds}, results, sources,
               space_.of_part(run, sums_, piece.part, pairs));
    });
    parallel_for(run.threads(), pairs, kGrain / kWinogradWindow,
                 [&](std::int64_t begin, std::int64_t end) {
                   winograd_weight_gradient(space_.at(run, sums_) + begin, pairs, deal_.parts,
                                            kWinogradPoints * pairs, end - begin,
                                            run.out<float>() + begin * kWinogradWindow);
                 });
  }

  void run_bands(const Run& run) const {
    const std::int64_t in = tiles_.in();
    const std::int64_t out = tiles_.out();
    const std::int64_t count = tiles_.count();
    float* const sources = space_.at(run, sources_);
    float* const results = space_.at(run, results_);
    parallel_for(run.threads(), count, 1, [&](std::int64_t begin, std::int64_t end) {
      transform_tiles(run, begin, end - begin, begin, count, sources, results);
    });
    deal_.for_each(run.threads(), [&](const WinogradPiece& band) {
      const std::int64_t width = band.size;
      float* const sums = space_.of_part(run, sums_, band.lane, deal_.piece * in);
      multiply({width, count, in, true, count * out, out}, results + band.first, sources, sums);
      winograd_weight_gradient(sums, width * in, 1, 0, width * in,
                               run.out<float>() + band.first * in * kWinogradWindow);
    });
  }

  // As tiles from `at` on, of `all`.
  void transform_tiles(const Run& run, std::int64_t first, std::int64_t count, std::int64_t at,
                       std::int64_t all, float* sources, float* results) const {
    const std::int64_t in = tiles_.in();
    const std::int64_t out = tiles_.out();
    for (std::int64_t t = 0; t < count; ++t) {
      spread_source(run, tiles_, x_, first + t, sources + (at + t) * in, all * in);
      const auto result = tiles_.result(first + t, out);
      winograd_spread(run.in<float>(y_) + result.first, result.place, results + (at + t) * out,
                      all * out);
    }
  }

  WinogradTiles tiles_;
  std::vector<ImagePiece> x_;
  std::size_t y_;  // input
  bool in_bands_;
  WinogradDeal deal_;
  WinogradSpace space_;
  Bytes sources_, results_, sums_;
};

}  // namespace

Prepared prepare_weight_gradient(const WinogradTiles& tiles, const Convolution& conv) {
  const ByWeight by(tiles, conv);
  return {[by](const Run& run) { by.run(run); }, by.workspace()};
}

}  // namespace rockmate::cpu::onednn
