// A product one of whose matrices is what dropout left (graph/fusion/dropped_product.h). The part
// of it that a tile of the result multiplies is made in a block that stays in the second cache,
// right before the tile is. Tiles are those of a product that stands alone, so the bits are its
// bits.
//
// Tiles are dealt to lanes, each with a block of its own; how many lanes there are follows from the
// shapes alone.

#include <algorithm>

#include "exec/cpu/families.h"
#include "exec/cpu/onednn_product.h"
#include "exec/cpu/onednn_rounding.h"
#include "exec/cpu/spans.h"
#include "graph/fusion/dropped_product.h"

namespace rockmate::cpu {
namespace {

using onednn::Multiplication;

class DroppedKernel {
 public:
  DroppedKernel(const DroppedProduct& found, onednn::Product product)
      : signs_(found.signs),
        other_(found.other),
        is_first_(found.is_first),
        factor_(static_cast<float>(found.factor)),
        by_(std::move(product)),
        lanes_(std::min(onednn::kMostParts, by_.tile_count())) {}

  [[nodiscard]] Bytes workspace() const { return Bytes(lanes_ * block_bytes().count()); }
  void run(const Run& run) const;

 private:
  [[nodiscard]] Multiplication::Piece piece_of(const Multiplication::Tile& tile) const {
    return is_first_ ? by_.piece_of_a(tile) : by_.piece_of_b(tile);
  }
  // No tile is larger than the first one.
  [[nodiscard]] Bytes block_bytes() const {
    const Multiplication::Piece piece = piece_of(by_.tile(0));
    return aligned(Bytes(piece.rows * piece.columns * 4));
  }
  void make(const Multiplication::Piece& piece, const float* signs, float* block) const;

  std::size_t signs_, other_;  // inputs
  bool is_first_;
  float factor_;
  Multiplication by_;
  std::int64_t lanes_;
};

void DroppedKernel::run(const Run& run) const {
  const onednn::OneThread one_thread;
  const float* const signs = run.in<float>(signs_);
  const float* const other = run.in<float>(other_);
  const Multiplication::Addresses to{nullptr, nullptr, nullptr, nullptr, run.out<float>()};
  const std::int64_t tiles = by_.tile_count();
  parallel_for(run.threads(), lanes_, 1, [&](std::int64_t begin, std::int64_t end) {
    auto* const block =
        reinterpret_cast<float*>(run.workspace().data() + begin * block_bytes().count());
    std::int64_t made = -1;  // where the piece in the block begins
    for (std::int64_t t = tiles * begin / lanes_; t < tiles * end / lanes_; ++t) {
      const Multiplication::Tile tile = by_.tile(t);
      const Multiplication::Piece piece = piece_of(tile);
      if (piece.first != made) make(piece, signs, block);
      made = piece.first;
      const Multiplication::Place dropped{block, piece.columns};
      if (is_first_) {
        const Multiplication::Piece b = by_.piece_of_b(tile);
        by_.multiply(dropped, {other + b.first, b.stride}, to, tile);
      } else {
        const Multiplication::Piece a = by_.piece_of_a(tile);
        by_.multiply({other + a.first, a.stride}, dropped, to, tile);
      }
    }
  });
}

void DroppedKernel::make(const Multiplication::Piece& piece, const float* signs,
                         float* block) const {
  const bool is_one_row = piece.stride == piece.columns;
  const std::int64_t rows = is_one_row ? 1 : piece.rows;
  const std::int64_t columns = is_one_row ? piece.rows * piece.columns : piece.columns;
  for (std::int64_t r = 0; r < rows; ++r) {
    keep_positive(signs + piece.first + r * piece.stride, factor_, block + r * columns, columns);
  }
}

std::optional<Prepared> make_dropped_product(const KernelView& kernel, int) {
  const auto found = dropped_product(kernel.attributes.parts());
  if (!found || !is_float32(kernel) || !has_one_format(kernel)) return std::nullopt;
  const TensorType& signs = kernel.inputs[found->signs];
  const TensorType& other = kernel.inputs[found->other];
  const bool is_plain = signs.format == MemoryFormat::kRowMajor && element_count(signs.shape) > 0 &&
                        element_count(other.shape) > 0;
  if (!is_plain || onednn::rounds(found->product->attributes)) return std::nullopt;
  const DroppedKernel made(
      *found, onednn::matrix_product(
                  found->product->attributes, found->is_first ? signs.shape : other.shape,
                  found->is_first ? other.shape : signs.shape, kernel.out_shape()));
  return Prepared{[made](const Run& run) { made.run(run); }, made.workspace()};
}

}  // namespace

void add_dropped_products(Makers& makers) { add(makers, {OpKind::kFused}, make_dropped_product); }

}  // namespace rockmate::cpu
