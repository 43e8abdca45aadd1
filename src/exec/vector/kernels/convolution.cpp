// Direct convolutions, with no copy of the patches anywhere. Lanes are positions of the result: of
// one image where it fills registers, else of all images one behind the other, so that a 7x7 image
// does not leave four lanes of five idle. A block of output channels, two in each register of
// float32, sums over taps and input channels what a load, or a gather where positions are no
// neighbours or lie at the border, brings for all of them:
//
//   sums[o] += weight[o, c, tap] * x[c, positions moved by the tap]
//
// The gradient of the weight sums over positions instead, for a block of output channels times a
// block of input channels of one tap, and adds lanes up at the end. Transposed convolutions are
// lattices (src/exec/reference/taps.h), each of which is such a convolution.
//
// Rejected: patches in a workspace and one product (nine times the image as workspace, and bytes
// that the budget then lacks); lanes along channels (the layout would have to change).

#include "exec/vector/kernels/kernels.h"
#include "exec/vector/kernels/window.h"

namespace rockmate::ve {
namespace {

template <class T, int kBlock>
void conv_block(const ConvArguments& args, long group, long first_out, const Chunk& chunk) {
  const Grid& grid = args.grid;
  const int vl = chunk.length;
  const long image_stride = args.groups * args.in * grid.pixels;
  const T* x = static_cast<const T*>(args.x) + group * args.in * grid.pixels;
  const T* weight = static_cast<const T*>(args.weight) + group * args.weight_group;
  const T* bias = static_cast<const T*>(args.bias);
  long rows[kBlock];
  int valid[kBlock];
  __vr sums[kBlock];
#pragma GCC unroll 16
  for (int r = 0; r < kBlock; ++r) {
    rows[r] = least(first_out + r * Wide<T>::kRows, args.out - 1);
    valid[r] = valid_rows<T>(rows[r], args.out);
    sums[r] = bias == nullptr
                  ? Wide<T>::zeros()
                  : Wide<T>::spread(Wide<T>::pick(bias + group * args.out + rows[r], 1, valid[r]),
                                    int(kLanes));
  }
  const auto accumulate = [&](const T* w, Vr patch) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int r = 0; r < kBlock; ++r) {
      sums[r] = Wide<T>::fma(
          sums[r], Wide<T>::pick(w + rows[r] * args.weight_out, args.weight_out, valid[r]), patch,
          vl);
    }
  };
  const ChunkLanes lanes = lanes_of(grid, chunk, vl);
  const long taps = tap_count(grid);
  for (long t = 0; t < taps; ++t) {
    const TapIndex tap = tap_index(grid, t);
    const T* w = weight + tap_weight(grid, tap);
    const Places places = places_of(grid, tap, lanes.image, lanes.position, image_stride, vl);
    const long start = plain_start(grid, tap, chunk);
    if (start >= 0 && taps == 1) {
      const T* from = x + chunk.image * image_stride + start;
      for (const long c : repeat(args.in)) {
        accumulate(w + c * args.weight_in, Wide<T>::load(from + c * grid.pixels, 1, vl));
      }
    } else if (start >= 0) {
      const T* from = x + chunk.image * image_stride + start;
      for (const long c : repeat(args.in)) {
        const __vr all = Wide<T>::load(from + c * grid.pixels, 1, vl);
        accumulate(w + c * args.weight_in, choose(places.inside, all, 0.0, vl));
      }
    } else {
      const __vr addresses = addresses_of(x, places.offsets, vl);
      for (const long c : repeat(args.in)) {
        const long distance = c * grid.pixels * long(sizeof(T));
        const __vr moved = _vel_vaddsl_vsvl(distance, addresses, vl);
        accumulate(w + c * args.weight_in, Wide<T>::gather(moved, places.inside, vl));
      }
    }
  }
  const long channel_stride = grid.results;
  const bool is_dense = !grid.joins_images && grid.results == grid.positions;
  T* y = static_cast<T*>(args.y) + group * args.out * channel_stride;
  const long result_stride = args.groups * args.out * channel_stride;
  const __vr results =
      addresses_of(y, results_of(grid, lanes.image, lanes.position, result_stride, vl), vl);
#pragma GCC unroll 16
  for (int r = 0; r < kBlock; ++r) {
    const long row = first_out + r * Wide<T>::kRows;
    if (row >= args.out) continue;
    const int n = valid_rows<T>(row, args.out);
    const __vr sum = clamped<T>(args, sums[r], vl);
    if (is_dense) {
      T* to = y + chunk.image * result_stride + row * channel_stride + chunk.first;
      Wide<T>::store(sum, to, channel_stride, n, 1, vl);
    } else {
      const long distance = row * channel_stride * long(sizeof(T));
      Wide<T>::scatter(sum, _vel_vaddsl_vsvl(distance, results, vl), channel_stride, n, vl);
    }
  }
}

template <class T, int kBlock>
void conv_tasks(const ConvArguments& args, long begin, long end) {
  const long block_rows = kBlock * Wide<T>::kRows;
  const long blocks = (args.out + block_rows - 1) / block_rows;
  const long chunks = args.grid.joins_images ? args.grid.chunks : args.grid.chunks * args.batch;
  for (long task = begin; task < end; ++task) {
    const Chunk chunk = chunk_of(args.grid, args.batch, task % chunks);
    if (chunk.length <= 0) continue;
    conv_block<T, kBlock>(args, task / chunks / blocks, task / chunks % blocks * block_rows, chunk);
  }
}

template <class T>
void conv(const ConvArguments& args, long begin, long end) {
  switch (args.block) {
    case 1:
      return conv_tasks<T, 1>(args, begin, end);
    case 4:
      return conv_tasks<T, 4>(args, begin, end);
    default:
      return conv_tasks<T, 16>(args, begin, end);
  }
}

template <class T, int kRegisters, int kColumns>
void gradient_block(const WeightGradientArguments& args, long group, long first_out,
                    long tap_number, long first_in) {
  const Grid& grid = args.grid;
  const long image_stride = args.groups * args.in * grid.pixels;
  const T* x = static_cast<const T*>(args.x) + group * args.in * grid.pixels;
  const T* dy = static_cast<const T*>(args.dy) + group * args.out * grid.positions;
  const long dy_stride = args.groups * args.out * grid.positions;
  const TapIndex tap = tap_index(grid, tap_number);
  __vr sums[kRegisters][kColumns];
#pragma GCC unroll 4
  for (int r = 0; r < kRegisters; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) sums[r][c] = Wide<T>::zeros();
  }
  const long chunks = grid.joins_images ? grid.chunks : grid.chunks * args.batch;
  int longest = 1;  // an empty batch sums to zero
  for (long k = 0; k < chunks; ++k) {
    const Chunk chunk = chunk_of(grid, args.batch, k);
    const int vl = chunk.length;
    if (vl <= 0) continue;
    longest = longest < vl ? vl : longest;
    const ChunkLanes lanes = lanes_of(grid, chunk, vl);
    const Places places = places_of(grid, tap, lanes.image, lanes.position, image_stride, vl);
    const long start = plain_start(grid, tap, chunk);
    const __vr addresses = addresses_of(x, places.offsets, vl);
    __vr right[kColumns];
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      const long channel = least(first_in + c, args.in - 1);
      const long distance = channel * grid.pixels;
      if (start >= 0) {
        const T* from = x + chunk.image * image_stride + distance + start;
        right[c] = choose(places.inside, Wide<T>::load(from, 1, vl), 0.0, vl);
      } else {
        const __vr moved = _vel_vaddsl_vsvl(distance * long(sizeof(T)), addresses, vl);
        right[c] = Wide<T>::gather(moved, places.inside, vl);
      }
    }
    // Gradients are neighbours within an image.
    const __vr rows = addresses_of(
        dy, _vel_vaddsl_vvvl(_vel_vmulsl_vsvl(dy_stride, lanes.image, vl), lanes.position, vl), vl);
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; ++r) {
      const long row = least(first_out + r * Wide<T>::kRows, args.out - 1);
      const int valid = valid_rows<T>(row, args.out);
      const T* from = dy + chunk.image * dy_stride + row * grid.positions + chunk.first;
      const __vr left =
          grid.joins_images && args.batch > 1
              ? Wide<T>::gather_rows(rows, row * grid.positions, grid.positions, valid, vl)
              : Wide<T>::rows(from, grid.positions, valid, 1, vl);
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) {
        sums[r][c] = Wide<T>::fma(sums[r][c], left, right[c], vl);
      }
    }
  }
  const long taps = tap_count(grid);
#pragma GCC unroll 4
  for (int r = 0; r < kRegisters; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
#pragma GCC unroll 2
      for (int h = 0; h < Wide<T>::kRows; ++h) {
        const long row = first_out + r * Wide<T>::kRows + h;
        if (row >= args.out || first_in + c >= args.in) continue;
        const double sum = sum_of(Wide<T>::half(sums[r][c], h, longest), longest);
        const long place = ((group * args.out + row) * args.in + first_in + c) * taps + tap_number;
        put_scalar(static_cast<T*>(args.dw) + place, T(sum));
      }
    }
  }
}

template <class T, int kRegisters, int kColumns>
void gradient_tasks(const WeightGradientArguments& args, long begin, long end) {
  const long block_rows = kRegisters * Wide<T>::kRows;
  const long row_blocks = (args.out + block_rows - 1) / block_rows;
  const long column_blocks = (args.in + kColumns - 1) / kColumns;
  const long taps = tap_count(args.grid);
  for (long task = begin; task < end; ++task) {
    gradient_block<T, kRegisters, kColumns>(args, task / column_blocks / taps / row_blocks,
                                            task / column_blocks / taps % row_blocks * block_rows,
                                            task / column_blocks % taps,
                                            task % column_blocks * kColumns);
  }
}

template <class T>
void weight_gradient(const WeightGradientArguments& args, long begin, long end) {
  if (args.rows == 1) return gradient_tasks<T, 1, 1>(args, begin, end);
  return gradient_tasks<T, 4, 4>(args, begin, end);
}

// A block of channels of one image: the convolution of a register of pixels, what passes the
// clamp added to the sums, register after register. The activations are never stored.
template <class T, int kBlock>
void conv_pool_block(const ConvPoolArguments& args, long image, long first_out) {
  const T* x = static_cast<const T*>(args.x) + image * args.in * args.pixels;
  const T* weight = static_cast<const T*>(args.weight);
  const T* bias = static_cast<const T*>(args.bias);
  long rows[kBlock];
  int valid[kBlock];
  __vr totals[kBlock];
#pragma GCC unroll 8
  for (int r = 0; r < kBlock; ++r) {
    rows[r] = least(first_out + r * Wide<T>::kRows, args.out - 1);
    valid[r] = valid_rows<T>(rows[r], args.out);
    totals[r] = Wide<T>::zeros();
  }
  const __vr ones = Wide<T>::ones();
  const bool clips = args.high < __builtin_inf();
  for_lanes(0, args.pixels, [&](long pixel, int vl) {
    __vr sums[kBlock];
#pragma GCC unroll 8
    for (int r = 0; r < kBlock; ++r) {
      sums[r] = bias == nullptr
                    ? Wide<T>::zeros()
                    : Wide<T>::spread(Wide<T>::pick(bias + rows[r], 1, valid[r]), int(kLanes));
    }
    for (const long c : repeat(args.in)) {
      const __vr pixels = Wide<T>::load(x + c * args.pixels + pixel, 1, vl);
#pragma GCC unroll 8
      for (int r = 0; r < kBlock; ++r) {
        const T* w = weight + rows[r] * args.in + c;
        sums[r] = Wide<T>::fma(sums[r], Wide<T>::pick(w, args.in, valid[r]), pixels, vl);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kBlock; ++r) {
      const __vr below = clips ? Wide<T>::smaller(args.high, sums[r], vl) : sums[r];
      totals[r] = Wide<T>::fma(totals[r], ones, Wide<T>::larger(args.low, below, vl), vl);
    }
  });
  const int lanes = int(least(kLanes, args.pixels));
#pragma GCC unroll 8
  for (int r = 0; r < kBlock; ++r) {
#pragma GCC unroll 2
    for (int h = 0; h < Wide<T>::kRows; ++h) {
      const long row = first_out + r * Wide<T>::kRows + h;
      if (row >= args.out) continue;
      const double sum = sum_of(Wide<T>::half(totals[r], h, lanes), lanes);
      put_scalar(static_cast<T*>(args.y) + image * args.out + row, T(sum / double(args.pixels)));
    }
  }
}

template <class T>
void conv_pool(const ConvPoolArguments& args, long begin, long end) {
  const long block_rows = 8 * Wide<T>::kRows;
  const long blocks = (args.out + block_rows - 1) / block_rows;
  for (long task = begin; task < end; ++task) {
    conv_pool_block<T, 8>(args, task / blocks, task % blocks * block_rows);
  }
}

}  // namespace

VE_KERNEL(ve_conv, ConvArguments, conv)
VE_KERNEL(ve_conv_weight_gradient, WeightGradientArguments, weight_gradient)
VE_KERNEL(ve_conv_pool, ConvPoolArguments, conv_pool)

}  // namespace rockmate::ve
