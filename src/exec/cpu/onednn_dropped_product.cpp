// A product one of whose matrices is what dropout left (graph/fusion/dropped_product.h). The part
// of it that a tile of the result multiplies is made in a block that stays in the second cache,
// right before the tile is. Tiles are those of a product that stands alone, so the bits are its
// bits.
//
// Blocks are dealt to lanes, each of which has room for one; how many lanes there are follows from
// the shapes alone. All of them together take no more than the matrix would.

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
        tiles_of_block_(is_first_ ? by_.column_count() : by_.row_count()),
        blocks_(by_.tile_count() / tiles_of_block_),
        lanes_(lane_count()) {}

  [[nodiscard]] Bytes workspace() const { return Bytes(lanes_ * block_bytes().count()); }
  void run(const Run& run) const;

 private:
  [[nodiscard]] Multiplication::Piece piece_of(const Multiplication::Tile& tile) const {
    return is_first_ ? by_.piece_of_a(tile) : by_.piece_of_b(tile);
  }
  [[nodiscard]] std::int64_t tile_of(std::int64_t block, std::int64_t which) const {
    if (is_first_) return block * tiles_of_block_ + which;
    const std::int64_t columns = by_.column_count();
    return (block / columns * tiles_of_block_ + which) * columns + block % columns;
  }
  // No block is larger than the first one.
  [[nodiscard]] Bytes block_bytes() const {
    const Multiplication::Piece piece = piece_of(by_.tile(0));
    return aligned(Bytes(piece.rows * piece.columns * 4));
  }
  [[nodiscard]] std::int64_t lane_count() const {
    const onednn::Product& all = by_.product();
    const std::int64_t numbers = all.products * all.inner * (is_first_ ? all.rows : all.columns);
    const std::int64_t fit = numbers * 4 / block_bytes().count();
    return std::clamp<std::int64_t>(fit, 1, std::min(onednn::kMostParts, blocks_));
  }
  void make(const Multiplication::Piece& piece, const float* signs, float* block) const;
  void multiply(const Run& run, const Multiplication::Place& left,
                const Multiplication::Tile& tile) const;

  std::size_t signs_, other_;  // inputs
  bool is_first_;
  float factor_;
  Multiplication by_;
  std::int64_t tiles_of_block_, blocks_, lanes_;
};

void DroppedKernel::run(const Run& run) const {
  const onednn::OneThread one_thread;
  parallel_for(run.threads(), lanes_, 1, [&](std::int64_t begin, std::int64_t end) {
    auto* const room =
        reinterpret_cast<float*>(run.workspace().data() + begin * block_bytes().count());
    for (std::int64_t b = blocks_ * begin / lanes_; b < blocks_ * end / lanes_; ++b) {
      const Multiplication::Piece piece = piece_of(by_.tile(tile_of(b, 0)));
      make(piece, run.in<float>(signs_), room);
      for (std::int64_t i = 0; i < tiles_of_block_; ++i) {
        multiply(run, {room, piece.columns}, by_.tile(tile_of(b, i)));
      }
    }
  });
}

void DroppedKernel::multiply(const Run& run, const Multiplication::Place& left,
                             const Multiplication::Tile& tile) const {
  const Multiplication::Piece piece = is_first_ ? by_.piece_of_b(tile) : by_.piece_of_a(tile);
  const Multiplication::Place other{run.in<float>(other_) + piece.first, piece.stride};
  const Multiplication::Addresses to{nullptr, nullptr, nullptr, nullptr, run.out<float>()};
  by_.multiply(is_first_ ? left : other, is_first_ ? other : left, to, tile);
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

// A matrix that several products share is better made once, as a part.
std::optional<Prepared> make_dropped_product(const KernelView& kernel, int) {
  const auto found = dropped_product(kernel.attributes.parts());
  if (!found || !is_float32(kernel) || !has_one_format(kernel)) return std::nullopt;
  const TensorType& signs = kernel.inputs[found->signs];
  const Shape& other = kernel.inputs[found->other].shape;
  const bool is_plain = signs.format == MemoryFormat::kRowMajor &&
                        element_count(signs.shape) * element_count(other) > 0;
  if (!is_plain || onednn::rounds(found->product->attributes)) return std::nullopt;
  onednn::Product product =
      onednn::matrix_product(found->product->attributes, found->is_first ? signs.shape : other,
                             found->is_first ? other : signs.shape, kernel.out_shape());
  const std::int64_t matrix = extent(signs.shape, signs.shape.size() - 2, signs.shape.size());
  if (product.products * matrix != element_count(signs.shape)) return std::nullopt;
  const DroppedKernel made(*found, std::move(product));
  return Prepared{[made](const Run& run) { made.run(run); }, made.workspace()};
}

}  // namespace

void add_dropped_products(Makers& makers) { add(makers, {OpKind::kFused}, make_dropped_product); }

}  // namespace rockmate::cpu
