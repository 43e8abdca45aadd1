#include "exec/cpu/winograd_tiles.h"

#include <algorithm>

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/winograd_tiles.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

// The finite points are 0, a, -a, b and -b.
constexpr float kA = 0.625F;
constexpr float kB = 1.5F;
constexpr float kA2 = kA * kA;
constexpr float kB2 = kB * kB;
constexpr float kA3 = kA2 * kA;
constexpr float kB3 = kB2 * kB;
constexpr float kProduct = kA2 * kB2;
constexpr float kSum = kA2 + kB2;
// 1 over the product of a point's distances from the others.
constexpr float kShare0 = 1 / (kA2 * kB2);
constexpr float kShareA = 1 / (2 * kA2 * (kA2 - kB2));
constexpr float kShareB = 1 / (2 * kB2 * (kB2 - kA2));

constexpr int kPoints = 6;  // along one axis
constexpr int kPixels = 4;  // of a tile of results
constexpr int kWindow = 3;

// Lines of 6, 4 or 3 vectors; each reads all of its operands before it writes.

HWY_INLINE void transform_input(const V* x, V* to) {
  const V even_a = hn::NegMulAdd(number(kB2), x[2], x[4]);
  const V odd_a = hn::Mul(number(kA), hn::NegMulAdd(number(kB2), x[1], x[3]));
  const V even_b = hn::NegMulAdd(number(kA2), x[2], x[4]);
  const V odd_b = hn::Mul(number(kB), hn::NegMulAdd(number(kA2), x[1], x[3]));
  to[0] = hn::MulAdd(number(kProduct), x[0], hn::NegMulAdd(number(kSum), x[2], x[4]));
  to[1] = hn::Add(even_a, odd_a);
  to[2] = hn::Sub(even_a, odd_a);
  to[3] = hn::Add(even_b, odd_b);
  to[4] = hn::Sub(even_b, odd_b);
  to[5] = hn::MulAdd(number(kProduct), x[1], hn::NegMulAdd(number(kSum), x[3], x[5]));
}

HWY_INLINE void transform_output(const V* m, V* to) {
  const V sum_a = hn::Add(m[1], m[2]);
  const V difference_a = hn::Sub(m[1], m[2]);
  const V sum_b = hn::Add(m[3], m[4]);
  const V difference_b = hn::Sub(m[3], m[4]);
  to[0] = hn::Add(m[0], hn::Add(sum_a, sum_b));
  to[1] = hn::MulAdd(number(kA), difference_a, hn::Mul(number(kB), difference_b));
  to[2] = hn::MulAdd(number(kA2), sum_a, hn::Mul(number(kB2), sum_b));
  to[3] = hn::MulAdd(number(kA3), difference_a, hn::MulAdd(number(kB3), difference_b, m[5]));
}

// What `transform_output` is transposed.
HWY_INLINE void spread(const V* y, V* to) {
  const V even_a = hn::MulAdd(number(kA2), y[2], y[0]);
  const V odd_a = hn::MulAdd(number(kA3), y[3], hn::Mul(number(kA), y[1]));
  const V even_b = hn::MulAdd(number(kB2), y[2], y[0]);
  const V odd_b = hn::MulAdd(number(kB3), y[3], hn::Mul(number(kB), y[1]));
  const V last = y[3];
  to[0] = y[0];
  to[1] = hn::Add(even_a, odd_a);
  to[2] = hn::Sub(even_a, odd_a);
  to[3] = hn::Add(even_b, odd_b);
  to[4] = hn::Sub(even_b, odd_b);
  to[5] = last;
}

HWY_INLINE void transform_weight(const V* w, V* to) {
  const V even_a = hn::Mul(number(kShareA), hn::MulAdd(number(kA2), w[2], w[0]));
  const V odd_a = hn::Mul(number(kShareA * kA), w[1]);
  const V even_b = hn::Mul(number(kShareB), hn::MulAdd(number(kB2), w[2], w[0]));
  const V odd_b = hn::Mul(number(kShareB * kB), w[1]);
  const V last = w[2];
  to[0] = hn::Mul(number(kShare0), w[0]);
  to[1] = hn::Add(even_a, odd_a);
  to[2] = hn::Sub(even_a, odd_a);
  to[3] = hn::Add(even_b, odd_b);
  to[4] = hn::Sub(even_b, odd_b);
  to[5] = last;
}

// What `transform_weight` is transposed.
HWY_INLINE void gather_weight(const V* p, V* to) {
  const V sum_a = hn::Mul(number(kShareA), hn::Add(p[1], p[2]));
  const V difference_a = hn::Mul(number(kShareA * kA), hn::Sub(p[1], p[2]));
  const V sum_b = hn::Mul(number(kShareB), hn::Add(p[3], p[4]));
  const V difference_b = hn::Mul(number(kShareB * kB), hn::Sub(p[3], p[4]));
  const V last = hn::MulAdd(number(kA2), sum_a, hn::MulAdd(number(kB2), sum_b, p[5]));
  to[0] = hn::MulAdd(number(kShare0), p[0], hn::Add(sum_a, sum_b));
  to[1] = hn::Add(difference_a, difference_b);
  to[2] = last;
}

// `line` on the columns of a square of kFrom x kFrom vectors, then on the rows that come of it:
// load(row, column) gives what goes in, store(row, column, v) takes what comes out.
template <int kFrom, int kTo, class Line, class Load, class Store>
HWY_INLINE void transform_square(const Line& line, const Load& load, const Store& store) {
  V half[kTo][kFrom];
  for (int column = 0; column < kFrom; ++column) {
    V in[kFrom], out[kTo];
    for (int row = 0; row < kFrom; ++row) in[row] = load(row, column);
    line(in, out);
    for (int row = 0; row < kTo; ++row) half[row][column] = out[row];
  }
  for (int row = 0; row < kTo; ++row) {
    V out[kTo];
    line(half[row], out);
    for (int column = 0; column < kTo; ++column) store(row, column, out[column]);
  }
}

bool is_inside(const TilePlace& place, int extent) {
  return place.row >= 0 && place.column >= 0 && place.row + extent <= place.height &&
         place.column + extent <= place.width;
}

// Rows and columns of the tile that lie in the image.
struct Inside {
  Inside(const TilePlace& place, int extent)
      : rows{clamp(-place.row, extent), clamp(place.height - place.row, extent)},
        columns{clamp(-place.column, extent), clamp(place.width - place.column, extent)} {}
  static int clamp(std::int64_t n, int extent) {
    return static_cast<int>(std::clamp<std::int64_t>(n, 0, extent));
  }
  [[nodiscard]] HWY_INLINE bool has(int row, int column) const {
    return row >= rows[0] && row < rows[1] && column >= columns[0] && column < columns[1];
  }
  int rows[2], columns[2];
};

template <int kFrom, bool is_whole, class Line>
HWY_INLINE void transform_pixels(const float* x, const TilePlace& place, const Line& line,
                                 float* to, std::int64_t stride) {
  const Inside inside(place, kFrom);
  const float* const first = x + (place.row * place.width + place.column) * place.step;
  for_each_vector(place.channels, [&](std::int64_t c, auto part) HWY_ATTR {
    transform_square<kFrom, kPoints>(
        line,
        [&](int row, int column) HWY_ATTR {
          if (!is_whole && !inside.has(row, column)) return zero();
          return part.load(first + (row * place.width + column) * place.step + c);
        },
        [&](int row, int column, V v)
            HWY_ATTR { part.store(v, to + (row * kPoints + column) * stride + c); });
  });
}

template <int kFrom, class Line>
HWY_INLINE void transform_tile(const float* x, const TilePlace& place, const Line& line, float* to,
                               std::int64_t stride) {
  if (is_inside(place, kFrom)) {
    transform_pixels<kFrom, true>(x, place, line, to, stride);
  } else {
    transform_pixels<kFrom, false>(x, place, line, to, stride);
  }
}

void input(const float* x, const TilePlace& place, float* to, std::int64_t stride) {
  transform_tile<kPoints>(
      x, place, [](const V* from, V* v) HWY_ATTR { transform_input(from, v); }, to, stride);
}

void spread_tile(const float* dy, const TilePlace& place, float* to, std::int64_t stride) {
  transform_tile<kPixels>(
      dy, place, [](const V* from, V* v) HWY_ATTR { spread(from, v); }, to, stride);
}

void output(const float* from, std::int64_t stride, const WinogradFinish& finish,
            const TilePlace& place, float* y) {
  const Inside inside(place, kPixels);
  const std::int64_t first = (place.row * place.width + place.column) * place.step;
  const bool clamps = !finish.clamp.is_none();
  const V low = number(finish.clamp.low);
  const V high = number(finish.clamp.high);
  for_each_vector(place.channels, [&](std::int64_t c, auto part) HWY_ATTR {
    const V shift = finish.shift != nullptr ? part.load(finish.shift + c) : zero();
    transform_square<kPoints, kPixels>(
        [](const V* m, V* v) HWY_ATTR { transform_output(m, v); },
        [&](int row, int column)
            HWY_ATTR { return part.load(from + (row * kPoints + column) * stride + c); },
        [&](int row, int column, V v) HWY_ATTR {
          if (!inside.has(row, column)) return;
          const std::int64_t at = first + (row * place.width + column) * place.step + c;
          V result = hn::Add(v, shift);
          if (finish.addend != nullptr) result = hn::Add(result, part.load(finish.addend + at));
          if (clamps) {  // NaN passes
            result = hn::IfThenElse(hn::Lt(result, low), low, result);
            result = hn::IfThenElse(hn::Gt(result, high), high, result);
          }
          part.store(result, y + at);
        });
  });
}

// The numbers of as many windows as the part has, `step` apart.
HWY_INLINE V load_apart(const float* from, std::int64_t step, std::int64_t count) {
  if (count == lanes()) {
    const hn::RebindToSigned<FloatTag> whole;
    const auto indices =
        hn::Mul(hn::Iota(whole, 0), hn::Set(whole, static_cast<std::int32_t>(step)));
    return hn::GatherIndex(FloatTag(), from, indices);
  }
  HWY_ALIGN float buffer[hn::MaxLanes(FloatTag())] = {};
  for (std::int64_t i = 0; i < count; ++i) buffer[i] = from[i * step];
  return hn::Load(FloatTag(), buffer);
}

template <class Part>
HWY_INLINE void transform_windows(const WinogradWeight& w, std::int64_t r, std::int64_t c,
                                  const Part& part, float* to) {
  const std::int64_t stride = w.rows * w.columns;
  const float* const windows = w.w + r * w.row_step + c * w.column_step;
  const std::int64_t count = std::min(lanes(), w.columns - c);
  const V scale = w.scale != nullptr ? part.load(w.scale + c) : number(1);
  transform_square<kWindow, kPoints>(
      [](const V* from, V* v) HWY_ATTR { transform_weight(from, v); },
      [&](int row, int column) HWY_ATTR {
        const int position = row * kWindow + column;
        const V v = load_apart(windows + (w.flips ? 8 - position : position), w.column_step, count);
        return hn::Mul(v, scale);
      },
      [&](int row, int column, V v)
          HWY_ATTR { part.store(v, to + (row * kPoints + column) * stride + r * w.columns + c); });
}

// Along the axis of the matrix along which windows lie side by side.
void weight(const WinogradWeight& w, std::int64_t begin, std::int64_t end, float* to) {
  if (w.row_step < w.column_step) {
    for_each_vector(w.columns, [&](std::int64_t c, auto part) HWY_ATTR {
      for (std::int64_t r = begin; r < end; ++r) transform_windows(w, r, c, part, to);
    });
    return;
  }
  for (std::int64_t r = begin; r < end; ++r) {
    for_each_vector(w.columns, [&](std::int64_t c, auto part)
                                   HWY_ATTR { transform_windows(w, r, c, part, to); });
  }
}

void weight_gradient(const float* from, std::int64_t stride, std::int64_t parts,
                     std::int64_t part_step, std::int64_t count, float* dw) {
  constexpr int kSize = kWindow * kWindow;
  HWY_ALIGN float windows[kSize][hn::MaxLanes(FloatTag())];
  for_each_vector(count, [&](std::int64_t e, auto part) HWY_ATTR {
    transform_square<kPoints, kWindow>(
        [](const V* p, V* v) HWY_ATTR { gather_weight(p, v); },
        [&](int row, int column) HWY_ATTR {
          const float* const point = from + (row * kPoints + column) * stride + e;
          V sum = part.load(point);
          for (std::int64_t p = 1; p < parts; ++p) {
            sum = hn::Add(sum, part.load(point + p * part_step));
          }
          return sum;
        },
        [&](int row, int column, V v)
            HWY_ATTR { hn::Store(v, FloatTag(), windows[row * kWindow + column]); });
    const std::int64_t here = std::min(lanes(), count - e);
    for (std::int64_t i = 0; i < here; ++i) {
      for (int k = 0; k < kSize; ++k) dw[(e + i) * kSize + k] = windows[k][i];
    }
  });
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(input);
HWY_EXPORT(spread_tile);
HWY_EXPORT(output);
HWY_EXPORT(weight);
HWY_EXPORT(weight_gradient);

}  // namespace

void winograd_input(const float* x, const TilePlace& place, float* to, std::int64_t stride) {
  HWY_DYNAMIC_DISPATCH(input)(x, place, to, stride);
}

void winograd_spread(const float* dy, const TilePlace& place, float* to, std::int64_t stride) {
  HWY_DYNAMIC_DISPATCH(spread_tile)(dy, place, to, stride);
}

void winograd_output(const float* from, std::int64_t stride, const WinogradFinish& finish,
                     const TilePlace& place, float* y) {
  HWY_DYNAMIC_DISPATCH(output)(from, stride, finish, place, y);
}

void winograd_weight(const WinogradWeight& weight, std::int64_t begin, std::int64_t end,
                     float* to) {
  HWY_DYNAMIC_DISPATCH(weight)(weight, begin, end, to);
}

void winograd_weight_gradient(const float* from, std::int64_t stride, std::int64_t parts,
                              std::int64_t part_step, std::int64_t count, float* dw) {
  HWY_DYNAMIC_DISPATCH(weight_gradient)(from, stride, parts, part_step, count, dw);
}

}  // namespace rockmate::cpu
#endif
