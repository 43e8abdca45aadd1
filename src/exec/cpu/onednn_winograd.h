// Winograd's algorithm on whole images: tiles and how they are dealt to parts, and the two kinds of
// kernels made of them. The transforms are those of exec/cpu/winograd_tiles.h; the products of
// matrices between them are oneDNN's.
//
// Few tiles and large weights are dealt otherwise than many tiles. Of many tiles, a part takes
// some, in chunks that stay in the caches through all three steps, and weights are transformed once
// for all. Of few tiles, a part takes bands of output channels: all tiles are transformed once for
// all, and of the weights, which are much larger then, no more is ever transformed than a band.
//
// Measured on an AVX-512 core, 8 samples, GFLOP/s of the direct algorithm's work, of which direct
// convolutions do 180 to 220, and oneDNN's own Winograd, which needs blocked images, 270 to 340 on
// the two larger images:
//
//   channels, pixels                64, 56 x 56   128, 28 x 28   256, 14 x 14   512, 7 x 7
//   forward, by image, by weight    390 410 350   440 500 410    370 410 350    240 250 260
//
// Tried and rejected: asking for the next tile's pixels ahead, keeping the points' numbers off
// multiples of 4 KiB, and turning windows of weights in registers instead of gathering them, none
// of which shows; a kernel for the products of our own, at 150 against 200 GFLOP/s.
#pragma once

#include <algorithm>
#include <utility>

#include "exec/cpu/onednn_conv_parts.h"
#include "exec/cpu/winograd_tiles.h"

namespace rockmate::cpu::onednn {

/// The tiles of an image of results, of all samples, and where the pixels of the other image begin
/// that they come from.
class WinogradTiles {
 public:
  static constexpr std::int64_t kPixels = 4;  // along one axis

  /// Of a 3 x 3 convolution of stride 1 that has so many zeros above and left of its source.
  WinogradTiles(const Shape& result, const Shape& source, std::int64_t above, std::int64_t left);

  [[nodiscard]] std::int64_t count() const { return result_[0] * down_ * across_; }
  [[nodiscard]] std::int64_t pixels() const { return result_[0] * result_[2] * result_[3]; }
  [[nodiscard]] std::int64_t in() const { return source_[1]; }
  [[nodiscard]] std::int64_t out() const { return result_[1]; }

  struct Where {
    std::int64_t first;  ///< element of the image with which the sample begins
    TilePlace place;
  };
  /// Of so many channels, which lie by themselves.
  [[nodiscard]] Where result(std::int64_t tile, std::int64_t channels) const {
    return at(result_, channels, tile, 0, 0);
  }
  [[nodiscard]] Where source(std::int64_t tile, std::int64_t channels) const {
    return at(source_, channels, tile, above_, left_);
  }

 private:
  [[nodiscard]] Where at(const Shape& shape, std::int64_t channels, std::int64_t tile,
                         std::int64_t above, std::int64_t left) const;
  Shape result_, source_;
  std::int64_t above_, left_, down_, across_;
};

/// Of a part. Those that one thread runs one behind another are of one lane, whose buffers are then
/// in its cache: the first part of them.
struct WinogradPiece {
  std::int64_t part, lane, first, size;
};

/// [0, count) in so many parts, and each of them in pieces of at most `piece`.
struct WinogradDeal {
  [[nodiscard]] std::int64_t first(std::int64_t part) const { return count * part / parts; }
  /// Calls body(piece) for all pieces, parts side by side.
  template <class F>
  void for_each(int threads, const F& body) const {
    parallel_for(threads, parts, 1, [&](std::int64_t lane, std::int64_t end) {
      for (std::int64_t p = lane; p < end; ++p) {
        const std::int64_t last = first(p + 1);
        for (std::int64_t i = first(p); i < last; i += piece) {
          body(WinogradPiece{p, lane, i, std::min(piece, last - i)});
        }
      }
    });
  }
  std::int64_t count, parts, piece;
};
/// Whether parts are bands of output channels.
[[nodiscard]] bool takes_bands(const WinogradTiles& tiles);
[[nodiscard]] WinogradDeal deal_tiles(const WinogradTiles& tiles);
[[nodiscard]] WinogradDeal deal_bands(const WinogradTiles& tiles);

/// Places in the workspace.
class WinogradSpace {
 public:
  /// So many numbers of each point, or of none.
  [[nodiscard]] Bytes points(std::int64_t count) { return numbers(kWinogradPoints * count); }
  [[nodiscard]] Bytes numbers(std::int64_t count) {
    return std::exchange(bytes_, bytes_ + aligned(Bytes(count * 4)));
  }
  [[nodiscard]] Bytes bytes() const { return bytes_; }
  [[nodiscard]] static float* at(const Run& run, Bytes offset) {
    return reinterpret_cast<float*>(run.workspace().data() + offset.count());
  }
  /// Of points of so many numbers for each part, or lane.
  [[nodiscard]] static float* of_part(const Run& run, Bytes offset, std::int64_t part,
                                      std::int64_t count) {
    return at(run, offset) + part * kWinogradPoints * count;
  }

 private:
  Bytes bytes_;
};

/// At each point, y = a b or y += a b: y is [rows, columns], without gaps, b is [inner, columns]
/// and a is [rows, inner], or what that is transposed. Points of a are `a_point` apart, its rows
/// `a_row`.
struct WinogradProducts {
  std::int64_t rows, inner, columns;
  bool a_transposed = false;
  std::int64_t a_point = 0, a_row = 0;
  bool adds = false;
};
void multiply(const WinogradProducts& products, const float* a, const float* b, float* y);

/// Writes the transformed pixels of all channels of a tile, which may lie in pieces.
void spread_source(const Run& run, const WinogradTiles& tiles,
                   const std::vector<ImagePiece>& source, std::int64_t tile, float* to,
                   std::int64_t stride);

/// A convolution, or its gradient by the image, which is one with its weight read from the other
/// side.
struct WinogradImages {
  std::vector<ImagePiece> source, result;
  std::size_t weight;  ///< input of the kernel
  std::optional<std::size_t> bias;
  bool flips;
  Epilogue epilogue;  ///< no more than a clamp
  bool is_packed;     ///< the weight is given transformed
};
[[nodiscard]] Prepared prepare(const WinogradTiles& tiles, const WinogradImages& images);
/// Its gradient by the weight.
[[nodiscard]] Prepared prepare_weight_gradient(const WinogradTiles& tiles, const Convolution& conv);

}  // namespace rockmate::cpu::onednn
