// Permutations of axes that, once axes that stay together are one, swap the last two: between rows
// and channels of images, and the shuffle of channels. Pieces that a concatenation takes element by
// element, as a shuffle does, are rows of such a matrix.

#include <algorithm>
#include <limits>

#include "exec/cpu/families.h"
#include "exec/cpu/transpose_spans.h"
#include "graph/fusion/dealt_pieces.h"

namespace rockmate::cpu {
namespace {

struct Swap {
  std::int64_t matrices, rows, columns;
};

// The permutation keeps axes [0, a) where they are, and swaps [a, b) with [b, rank).
std::optional<Swap> find_swap(const Shape& shape, const std::vector<std::int64_t>& permutation) {
  const std::size_t rank = shape.size();
  std::size_t kept = 0;
  while (kept < rank && permutation[kept] == static_cast<std::int64_t>(kept)) ++kept;
  if (kept == rank) return std::nullopt;
  const auto middle = static_cast<std::size_t>(permutation[kept]);
  for (std::size_t a = kept; a < rank; ++a) {
    const std::size_t from = a - kept + middle;
    const std::size_t expected = from < rank ? from : from - rank + kept;
    if (permutation[a] != static_cast<std::int64_t>(expected)) return std::nullopt;
  }
  return Swap{extent(shape, 0, kept), extent(shape, kept, middle), extent(shape, middle, rank)};
}

// Of a single matrix, threads take pieces of the longer side.
void swap_one(const Swap& swap, const float* x, float* y, int threads) {
  const bool by_rows = swap.rows > swap.columns;
  const std::int64_t across = std::min(swap.rows, swap.columns);
  parallel_for(threads, std::max(swap.rows, swap.columns), kGrain / across + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 Transposition piece{swap.rows, swap.columns, swap.columns, swap.rows};
                 (by_rows ? piece.rows : piece.columns) = end - begin;
                 const std::int64_t x_first = by_rows ? begin * swap.columns : begin;
                 const std::int64_t y_first = by_rows ? begin : begin * swap.rows;
                 transpose(x + x_first, piece, 1, y + y_first);
               });
}

void swap_all(const Swap& swap, const float* x, float* y, int threads) {
  const std::int64_t size = swap.rows * swap.columns;
  if (swap.matrices < threads) {
    for (std::int64_t m = 0; m < swap.matrices; ++m) {
      swap_one(swap, x + m * size, y + m * size, threads);
    }
    return;
  }
  const Transposition matrix{swap.rows, swap.columns, swap.columns, swap.rows};
  parallel_for(threads, swap.matrices, kGrain / size + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 transpose(x + begin * size, matrix, end - begin, y + begin * size);
               });
}

std::optional<Prepared> make_transpose(const KernelView& kernel, int) {
  const Shape& shape = kernel.shape();
  const bool is_plain = is_float32(kernel) && has_one_format(kernel) &&
                        kernel.inputs[0].format == MemoryFormat::kRowMajor &&
                        element_count(shape) > 0;
  if (!is_plain) return std::nullopt;
  const auto swap = find_swap(shape, kernel.attributes.integers("permutation"));
  constexpr std::int64_t kMostColumns = std::numeric_limits<std::int32_t>::max() / 64;
  if (!swap || swap->columns > kMostColumns) return std::nullopt;
  return Prepared{[swap = *swap](const Run& run) {
    swap_all(swap, run.in<float>(), run.out<float>(), run.threads());
  }};
}

// Rows are dealt to threads in blocks, which go from the pieces to all parts while they are in the
// nearest cache.
void deal(const DealtPieces& dealt, const Run& run) {
  constexpr std::int64_t kBlockBytes = 16 << 10;
  const std::int64_t row = dealt.columns * static_cast<std::int64_t>(run.inputs());
  const std::int64_t block = kBlockBytes / 4 / row + 1;
  const std::int64_t blocks = (dealt.rows + block - 1) / block;
  parallel_for(
      run.threads(), blocks, kGrain / (block * row) + 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<const float*> pieces(run.inputs());
        for (std::int64_t b = begin; b < end; ++b) {
          const std::int64_t first = b * block;
          const std::int64_t rows = std::min(block, dealt.rows - first);
          std::int64_t column = 0;
          for (std::size_t p = 0; p < dealt.sizes.size(); ++p) {
            const std::int64_t size = dealt.sizes[p];
            for (std::size_t i = 0; i < pieces.size(); ++i) {
              pieces[i] = run.in<float>(i) + first * dealt.columns + column;
            }
            interleave(pieces, rows, size, dealt.columns,
                       run.out<float>(p) + first * size * static_cast<std::int64_t>(pieces.size()));
            column += size;
          }
        }
      });
}

std::optional<Prepared> make_dealt(const KernelView& kernel, int) {
  std::vector<const TensorType*> inputs;
  for (const TensorType& type : kernel.inputs) inputs.push_back(&type);
  const auto found = dealt_pieces(kernel.attributes.parts(), inputs);
  if (!found || !is_float32(kernel)) return std::nullopt;
  return Prepared{[dealt = *found](const Run& run) { deal(dealt, run); }};
}

// All of it is one part.
std::optional<Prepared> make_concat(const KernelView& kernel, int) {
  const Shape& shape = kernel.shape();
  const bool is_joint =
      is_float32(kernel) && shape.size() > 1 && shape.back() == 1 &&
      kernel.attributes.integer("axis") == static_cast<std::int64_t>(shape.size()) - 1 &&
      std::ranges::all_of(kernel.inputs, [&](const TensorType& type) {
        return type == kernel.inputs[0] && type.format == MemoryFormat::kRowMajor;
      });
  const std::int64_t columns = shape.size() > 1 ? shape[shape.size() - 2] : 0;
  if (!is_joint || columns == 0) return std::nullopt;
  const DealtPieces dealt{element_count(shape) / columns, columns, {columns}};
  return Prepared{[dealt](const Run& run) { deal(dealt, run); }};
}

}  // namespace

void add_transpose_kernels(Makers& makers) {
  add(makers, {OpKind::kTranspose}, make_transpose);
  add(makers, {OpKind::kConcat}, make_concat);
  add(makers, {OpKind::kFused}, make_dealt);
}

}  // namespace rockmate::cpu
