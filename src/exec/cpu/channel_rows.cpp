#include "exec/cpu/channel_rows.h"

#include <algorithm>

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/channel_rows.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

// Sums in float32 are over blocks of few rows, which stay in the first-level cache and round
// little; beyond them they are in float64.
constexpr std::int64_t kColumns = 256;
constexpr std::int64_t kBlock = 8192;

// Calls body(first column, columns of the group, first row, rows of the block) for all blocks.
template <class F>
HWY_INLINE void for_each_block(std::int64_t rows, std::int64_t columns, const F& body) {
  for (std::int64_t c = 0; c < columns; c += kColumns) {
    const std::int64_t width = std::min(kColumns, columns - c);
    const std::int64_t height = std::clamp<std::int64_t>(kBlock / width, 16, 256);
    for (std::int64_t r = 0; r < rows; r += height) body(c, width, r, std::min(height, rows - r));
  }
}

// sums[k][c] += the sum over rows of element k of f(row * stride + c, c, part). Four rows at a time
// break the chain of additions.
template <std::size_t kSums, class F>
HWY_INLINE void add_rows(std::int64_t rows, std::int64_t width, std::int64_t stride,
                         float (*sums)[kColumns], const F& f) {
  constexpr std::int64_t kTogether = 4;
  std::int64_t r = 0;
  for (; r + kTogether <= rows; r += kTogether) {
    for_each_vector(width, [&](std::int64_t c, auto part) HWY_ATTR {
      V a[kSums], b[kSums];
      V p[kSums], q[kSums];
      f(r * stride + c, c, part, a);
      f((r + 1) * stride + c, c, part, b);
      f((r + 2) * stride + c, c, part, p);
      f((r + 3) * stride + c, c, part, q);
      for (std::size_t k = 0; k < kSums; ++k) {
        const V sum = hn::Add(hn::Add(a[k], b[k]), hn::Add(p[k], q[k]));
        part.store(hn::Add(part.load(sums[k] + c), sum), sums[k] + c);
      }
    });
  }
  for (; r < rows; ++r) {
    for_each_vector(width, [&](std::int64_t c, auto part) HWY_ATTR {
      V a[kSums];
      f(r * stride + c, c, part, a);
      for (std::size_t k = 0; k < kSums; ++k) {
        part.store(hn::Add(part.load(sums[k] + c), a[k]), sums[k] + c);
      }
    });
  }
}

// Two passes over a block: its mean, then the deviations from that, whose own sum corrects the
// rounding of the mean. Blocks are joined by T. Chan, G. Golub, R. LeVeque, "Updating formulae and
// a pairwise algorithm for computing sample variances", 1979.
void channel_moments(const float* x, std::int64_t rows, std::int64_t columns, double* mean,
                     double* squares) {
  std::fill_n(mean, columns, 0.0);
  std::fill_n(squares, columns, 0.0);
  for_each_block(
      rows, columns,
      [&](std::int64_t first, std::int64_t width, std::int64_t row, std::int64_t height) HWY_ATTR {
        const float* block = x + row * columns + first;
        HWY_ALIGN float center[1][kColumns] = {};
        add_rows<1>(height, width, columns, center,
                    [&](std::int64_t at, std::int64_t, auto part, V* v)
                        HWY_ATTR { v[0] = part.load(block + at); });
        const float share = 1 / static_cast<float>(height);
        for (std::int64_t c = 0; c < width; ++c) center[0][c] *= share;
        HWY_ALIGN float sums[2][kColumns] = {};
        add_rows<2>(height, width, columns, sums,
                    [&](std::int64_t at, std::int64_t c, auto part, V* v) HWY_ATTR {
                      v[0] = hn::Sub(part.load(block + at), part.load(center[0] + c));
                      v[1] = hn::Mul(v[0], v[0]);
                    });
        const double before = static_cast<double>(row);
        const double n = static_cast<double>(height);
        const double weight = n / (before + n);
        for (std::int64_t c = 0; c < width; ++c) {
          const double rest = sums[0][c] / n;
          const double distance = center[0][c] + rest - mean[first + c];
          mean[first + c] += distance * weight;
          squares[first + c] +=
              sums[1][c] - rest * rest * n + distance * distance * before * weight;
        }
      });
}

void column_sums(const float* x, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                 double* sum) {
  std::fill_n(sum, columns, 0.0);
  for_each_block(rows, columns,
                 [&](std::int64_t first, std::int64_t width, std::int64_t row, std::int64_t height)
                     HWY_ATTR {
                       const float* block = x + row * stride + first;
                       HWY_ALIGN float sums[1][kColumns] = {};
                       add_rows<1>(height, width, stride, sums,
                                   [&](std::int64_t at, std::int64_t, auto part, V* v)
                                       HWY_ATTR { v[0] = part.load(block + at); });
                       for (std::int64_t c = 0; c < width; ++c) sum[first + c] += sums[0][c];
                     });
}

double span_sum(const float* x, std::int64_t n) {
  double total = 0;
  for (std::int64_t first = 0; first < n; first += kBlock) {
    // Eight vectors side by side: few roundings, no waiting for additions.
    V sums[8] = {zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero()};
    std::size_t next = 0;
    for_each_vector(std::min(kBlock, n - first), [&](std::int64_t i, auto part) HWY_ATTR {
      sums[next] = hn::Add(sums[next], part.load(x + first + i));
      next = (next + 1) % 8;
    });
    for (std::size_t k = 4; k > 0; k /= 2) {
      for (std::size_t j = 0; j < k; ++j) sums[j] = hn::Add(sums[j], sums[j + k]);
    }
    total += sum_of_lanes(sums[0]);
  }
  return total;
}

// Of one vector of channels.
struct Line {
  template <class Part>
  HWY_INLINE Line(const ChannelLine& line, std::int64_t c, Part part)
      : center(part.load(line.center + c)),
        slope(part.load(line.slope + c)),
        offset(part.load(line.offset + c)) {}
  HWY_INLINE V of(V x) const { return hn::MulAdd(hn::Sub(x, center), slope, offset); }
  V center, slope, offset;
};

template <bool adds, bool clamps>
void normalize(const float* x, const float* addend, const ChannelLine& line, Clamp clamp, float* y,
               std::int64_t rows, std::int64_t columns) {
  const V low = number(clamp.low);
  const V high = number(clamp.high);
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t row = r * columns;
    for_each_vector(columns, [&](std::int64_t c, auto part) HWY_ATTR {
      V result = Line(line, c, part).of(part.load(x + row + c));
      if constexpr (adds) result = hn::Add(result, part.load(addend + row + c));
      if constexpr (clamps) {
        // NaN passes: it is neither below nor above.
        result = hn::IfThenElse(hn::Lt(result, low), low, result);
        result = hn::IfThenElse(hn::Gt(result, high), high, result);
      }
      part.store(result, y + row + c);
    });
  }
}

void channel_normalize(const float* x, const float* addend, ChannelLine line, Clamp clamp, float* y,
                       std::int64_t rows, std::int64_t columns) {
  const bool clamps = !clamp.is_none();
  const auto run = addend != nullptr ? (clamps ? normalize<true, true> : normalize<true, false>)
                                     : (clamps ? normalize<false, true> : normalize<false, false>);
  run(x, addend, line, clamp, y, rows, columns);
}

enum class GateKind { kOpen, kResult, kLine, kLineAndAddend };

GateKind kind_of(const Gate& gate) {
  if (gate.clamp.is_none()) return GateKind::kOpen;
  if (gate.y != nullptr) return GateKind::kResult;
  return gate.addend == nullptr ? GateKind::kLine : GateKind::kLineAndAddend;
}

// dy at an element, or 0 where the clamp holds.
template <GateKind kind, class Part>
HWY_INLINE V pass(V dy, V x, const Gate& gate, std::int64_t at, std::int64_t c, Part part) {
  if constexpr (kind == GateKind::kOpen) return dy;
  V y;
  if constexpr (kind == GateKind::kResult) {
    y = part.load(gate.y + at);
  } else {
    y = Line(gate.line, c, part).of(x);
    if constexpr (kind == GateKind::kLineAndAddend) y = hn::Add(y, part.load(gate.addend + at));
  }
  const M passes = hn::And(hn::Gt(y, number(gate.clamp.low)), hn::Lt(y, number(gate.clamp.high)));
  return hn::IfThenElseZero(passes, dy);
}

template <GateKind kind>
void gradient_sums(const float* dy, const float* x, const Gate& gate, const float* center,
                   std::int64_t rows, std::int64_t columns, double* sum, double* moment) {
  std::fill_n(sum, columns, 0.0);
  std::fill_n(moment, columns, 0.0);
  for_each_block(
      rows, columns,
      [&](std::int64_t first, std::int64_t width, std::int64_t row, std::int64_t height) HWY_ATTR {
        const std::int64_t origin = row * columns + first;
        HWY_ALIGN float sums[2][kColumns] = {};
        add_rows<2>(height, width, columns, sums,
                    [&](std::int64_t at, std::int64_t c, auto part, V* v) HWY_ATTR {
                      const V element = part.load(x + origin + at);
                      v[0] = pass<kind>(part.load(dy + origin + at), element, gate, origin + at,
                                        first + c, part);
                      v[1] = hn::Mul(v[0], hn::Sub(element, part.load(center + first + c)));
                    });
        for (std::int64_t c = 0; c < width; ++c) {
          sum[first + c] += sums[0][c];
          moment[first + c] += sums[1][c];
        }
      });
}

void channel_gradient_sums(const float* dy, const float* x, const Gate& gate, const float* center,
                           std::int64_t rows, std::int64_t columns, double* sum, double* moment) {
  constexpr decltype(&channel_gradient_sums) kRuns[] = {
      gradient_sums<GateKind::kOpen>, gradient_sums<GateKind::kResult>,
      gradient_sums<GateKind::kLine>, gradient_sums<GateKind::kLineAndAddend>};
  kRuns[static_cast<std::size_t>(kind_of(gate))](dy, x, gate, center, rows, columns, sum, moment);
}

template <GateKind kind>
void gradient(const float* dy, const float* x, const Gate& gate, ChannelGradient factors, float* dx,
              float* passed, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t row = r * columns;
    for_each_vector(columns, [&](std::int64_t c, auto part) HWY_ATTR {
      const std::int64_t at = row + c;
      const V element = part.load(x + at);
      const V g = pass<kind>(part.load(dy + at), element, gate, at, c, part);
      const V deviation = hn::Sub(element, part.load(factors.center + c));
      const V rest = hn::MulAdd(part.load(factors.b + c), deviation, part.load(factors.c + c));
      if (passed != nullptr) part.store(g, passed + at);
      if (dx == nullptr) return;
      part.store(hn::MulAdd(part.load(factors.a + c), g, rest), dx + at);
    });
  }
}

void channel_gradient(const float* dy, const float* x, const Gate& gate, ChannelGradient factors,
                      float* dx, float* passed, std::int64_t rows, std::int64_t columns) {
  constexpr decltype(&channel_gradient) kRuns[] = {
      gradient<GateKind::kOpen>, gradient<GateKind::kResult>, gradient<GateKind::kLine>,
      gradient<GateKind::kLineAndAddend>};
  kRuns[static_cast<std::size_t>(kind_of(gate))](dy, x, gate, factors, dx, passed, rows, columns);
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(channel_moments);
HWY_EXPORT(column_sums);
HWY_EXPORT(span_sum);
HWY_EXPORT(channel_normalize);
HWY_EXPORT(channel_gradient_sums);
HWY_EXPORT(channel_gradient);

}  // namespace

void column_sums(const float* x, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                 double* sum) {
  HWY_DYNAMIC_DISPATCH(column_sums)(x, rows, columns, stride, sum);
}

double span_sum(const float* x, std::int64_t n) { return HWY_DYNAMIC_DISPATCH(span_sum)(x, n); }

void channel_moments(const float* x, std::int64_t rows, std::int64_t columns, double* mean,
                     double* squares) {
  HWY_DYNAMIC_DISPATCH(channel_moments)(x, rows, columns, mean, squares);
}

void channel_normalize(const float* x, const float* addend, ChannelLine line, Clamp clamp, float* y,
                       std::int64_t rows, std::int64_t columns) {
  HWY_DYNAMIC_DISPATCH(channel_normalize)(x, addend, line, clamp, y, rows, columns);
}

void channel_gradient_sums(const float* dy, const float* x, const Gate& gate, const float* center,
                           std::int64_t rows, std::int64_t columns, double* sum, double* moment) {
  HWY_DYNAMIC_DISPATCH(channel_gradient_sums)(dy, x, gate, center, rows, columns, sum, moment);
}

void channel_gradient(const float* dy, const float* x, const Gate& gate, ChannelGradient factors,
                      float* dx, float* passed, std::int64_t rows, std::int64_t columns) {
  HWY_DYNAMIC_DISPATCH(channel_gradient)(dy, x, gate, factors, dx, passed, rows, columns);
}

}  // namespace rockmate::cpu
#endif
