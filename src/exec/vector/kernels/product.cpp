// Matrix products in two forms, by how their operands lie.
//
//   outer   a register of columns of b at a time: sums[r] += a[r, k] * b[k, columns], a scalar pair
//           of two rows with each packed step; for b with neighbouring columns
//   dot     registers along k: sums[r, q] += a[r, k...] * b[k..., q], added up at the end; for
//           operands that both have neighbours along k
//
// `outer` loads one register for `block` steps, `dot` kDotColumns and the rows of four pairs for
// 16. Sums stay in registers from first to last; no partial sum is ever stored.

#include "exec/vector/kernels/functions.h"
#include "exec/vector/kernels/kernels.h"

namespace rockmate::ve {
namespace {

struct Matrices {
  long a, b, c;  // where the operands of one product begin
};
inline Matrices matrices_of(const ProductArguments& args, long product) {
  Matrices at = {0, 0, product * args.c_product};
  for (int axis = args.rank - 1; axis >= 0; --axis) {
    const long digit = product % args.extents[axis];
    product /= args.extents[axis];
    at.a += digit * args.a_strides[axis];
    at.b += digit * args.b_strides[axis];
  }
  return at;
}

template <class T, int kBlock>
void outer_block(const ProductArguments& args, long product, long first_row, long column, int vl) {
  const Matrices at = matrices_of(args, product);
  const T* a = static_cast<const T*>(args.a) + at.a;
  const T* b = static_cast<const T*>(args.b) + at.b + column * args.b_column;
  const T* rows[kBlock];
  int valid[kBlock];
  __vr sums[kBlock];
#pragma GCC unroll 16
  for (int r = 0; r < kBlock; ++r) {
    const long row = least(first_row + r * Wide<T>::kRows, args.rows - 1);
    rows[r] = a + row * args.a_row;
    valid[r] = valid_rows<T>(row, args.rows);
    sums[r] = Wide<T>::zeros();
  }
  for (const long k : repeat(args.inner)) {
    const __vr right = Wide<T>::load(b + k * args.b_inner, args.b_column, vl);
#pragma GCC unroll 16
    for (int r = 0; r < kBlock; ++r) {
      sums[r] = Wide<T>::fma(
          sums[r], Wide<T>::pick(rows[r] + k * args.a_inner, args.a_row, valid[r]), right, vl);
    }
  }
  const T* bias = static_cast<const T*>(args.bias);
  const T* addend = static_cast<const T*>(args.addend);
  T* c = static_cast<T*>(args.c) + at.c + column * args.c_column;
#pragma GCC unroll 16
  for (int r = 0; r < kBlock; ++r) {
    const long row = first_row + r * Wide<T>::kRows;
    if (row >= args.rows) continue;
    const int n = valid_rows<T>(row, args.rows);
    const long place = row * args.c_row;
    if (bias != nullptr) {
      const T* first = bias + row * args.bias_row + column * args.bias_column;
      sums[r] = Wide<T>::add(sums[r],
                             args.bias_column == 0
                                 ? Wide<T>::spread(Wide<T>::pick(first, args.bias_row, n), vl)
                                 : Wide<T>::rows(first, args.bias_row, n, args.bias_column, vl),
                             vl);
    }
    if (addend != nullptr) {
      sums[r] = Wide<T>::add(Wide<T>::rows(addend + at.c + column * args.c_column + place,
                                           args.c_row, n, args.c_column, vl),
                             sums[r], vl);
    }
    sums[r] = clamped<T>(args, sums[r], vl);
    Wide<T>::store(sums[r], c + place, args.c_row, n, args.c_column, vl);
  }
}

template <class T, int kBlock>
void outer_tasks(const ProductArguments& args, long begin, long end) {
  const long block_rows = kBlock * Wide<T>::kRows;
  const long blocks = (args.rows + block_rows - 1) / block_rows;
  const long registers = (args.columns + kLanes - 1) / kLanes;
  const long width = (args.columns + registers - 1) / registers;
  for (long task = begin; task < end; ++task) {
    const long column = task % registers * width;
    const long block = task / registers % blocks;
    if (column >= args.columns) continue;
    outer_block<T, kBlock>(args, task / registers / blocks, block * block_rows, column,
                           int(least(width, args.columns - column)));
  }
}

template <class T>
void outer(const ProductArguments& args, long begin, long end) {
  switch (args.block) {
    case 1:
      return outer_tasks<T, 1>(args, begin, end);
    case 2:
      return outer_tasks<T, 2>(args, begin, end);
    case 4:
      return outer_tasks<T, 4>(args, begin, end);
    case 8:
      return outer_tasks<T, 8>(args, begin, end);
    default:
      return outer_tasks<T, 16>(args, begin, end);
  }
}

template <class T>
void dot_block(const ProductArguments& args, long product, long first_row, long first_column) {
  constexpr int kPairs = kDotRegisters;
  const Matrices at = matrices_of(args, product);
  const T* rows[kPairs];
  int valid[kPairs];
  const T* columns[kDotColumns];
  __vr sums[kPairs][kDotColumns];
#pragma GCC unroll 4
  for (int r = 0; r < kPairs; ++r) {
    const long row = least(first_row + r * Wide<T>::kRows, args.rows - 1);
    rows[r] = static_cast<const T*>(args.a) + at.a + row * args.a_row;
    valid[r] = valid_rows<T>(row, args.rows);
#pragma GCC unroll 4
    for (int q = 0; q < kDotColumns; ++q) sums[r][q] = Wide<T>::zeros();
  }
  for (int q = 0; q < kDotColumns; ++q) {
    columns[q] = static_cast<const T*>(args.b) + at.b +
                 least(first_column + q, args.columns - 1) * args.b_column;
  }
  for_lanes(0, args.inner, [&](long k, int vl) {
    __vr right[kDotColumns];
#pragma GCC unroll 4
    for (int q = 0; q < kDotColumns; ++q) {
      right[q] = Wide<T>::load(columns[q] + k * args.b_inner, args.b_inner, vl);
    }
#pragma GCC unroll 4
    for (int r = 0; r < kPairs; ++r) {
      const __vr left =
          Wide<T>::rows(rows[r] + k * args.a_inner, args.a_row, valid[r], args.a_inner, vl);
#pragma GCC unroll 4
      for (int q = 0; q < kDotColumns; ++q) {
        sums[r][q] = Wide<T>::fma(sums[r][q], left, right[q], vl);
      }
    }
  });
  const int lanes = int(least(kLanes, args.inner));
  const T* bias = static_cast<const T*>(args.bias);
  const T* addend = static_cast<const T*>(args.addend);
#pragma GCC unroll 4
  for (int r = 0; r < kPairs; ++r) {
#pragma GCC unroll 4
    for (int q = 0; q < kDotColumns; ++q) {
#pragma GCC unroll 2
      for (int h = 0; h < Wide<T>::kRows; ++h) {
        const long row = first_row + r * Wide<T>::kRows + h;
        const long column = first_column + q;
        if (row >= args.rows || column >= args.columns) continue;
        double sum = sum_of(Wide<T>::half(sums[r][q], h, lanes), lanes);
        const long place = at.c + row * args.c_row + column * args.c_column;
        if (bias != nullptr) {
          sum += double(scalar(bias + row * args.bias_row + column * args.bias_column));
        }
        if (addend != nullptr) sum += double(scalar(addend + place));
        put_scalar(static_cast<T*>(args.c) + place, T(clamped(args, sum)));
      }
    }
  }
}

template <class T>
void dot(const ProductArguments& args, long begin, long end) {
  constexpr long kBlockRows = kDotRegisters * Wide<T>::kRows;
  const long row_blocks = (args.rows + kBlockRows - 1) / kBlockRows;
  const long column_blocks = (args.columns + kDotColumns - 1) / kDotColumns;
  for (long task = begin; task < end; ++task) {
    dot_block<T>(args, task / column_blocks / row_blocks,
                 task / column_blocks % row_blocks * kBlockRows,
                 task % column_blocks * kDotColumns);
  }
}

}  // namespace

VE_KERNEL(ve_outer, ProductArguments, outer)
VE_KERNEL(ve_dot, ProductArguments, dot)

}  // namespace rockmate::ve
