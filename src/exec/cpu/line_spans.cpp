#include "exec/cpu/line_spans.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/line_spans.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/math_inl.h"
#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

// The sums of what f(i, part, v) puts into v, over all elements of the line.
template <std::size_t kSums, class F>
HWY_INLINE std::array<double, kSums> sums_of(std::int64_t n, const F& f) {
  constexpr std::int64_t kBlock = 2048;
  std::array<double, kSums> totals = {};
  for (std::int64_t first = 0; first < n; first += kBlock) {
    V sums[kSums];
    for (V& sum : sums) sum = zero();
    for_each_vector(std::min(kBlock, n - first), [&](std::int64_t i, auto part) HWY_ATTR {
      V v[kSums];
      f(first + i, part, v);
      for (std::size_t k = 0; k < kSums; ++k) sums[k] = hn::Add(sums[k], part.first(v[k]));
    });
    for (std::size_t k = 0; k < kSums; ++k) totals[k] += sum_of_lanes(sums[k]);
  }
  return totals;
}

HWY_INLINE float largest_of(const float* x, std::int64_t n) {
  const V least = number(-std::numeric_limits<float>::infinity());
  V largest = least;
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    largest = hn::Max(largest, part.first(part.load(x + i), least));
  });
  return hn::GetLane(hn::MaxOfLanes(FloatTag(), largest));
}

LineSum line_sum(const float* x, std::int64_t n) {
  const float largest = largest_of(x, n);
  const V shift = number(largest);
  const auto sums = sums_of<1>(n, [&](std::int64_t i, auto part, V* v)
                                      HWY_ATTR { v[0] = exp(hn::Sub(part.load(x + i), shift)); });
  return {largest, sums[0]};
}

void softmax_line(const float* x, float* y, std::int64_t n) {
  const V shift = number(largest_of(x, n));
  const auto sums = sums_of<1>(n, [&](std::int64_t i, auto part, V* v) HWY_ATTR {
    v[0] = exp(hn::Sub(part.load(x + i), shift));
    part.store(v[0], y + i);
  });
  const V share = number(static_cast<float>(1 / sums[0]));
  for_each_vector(n, [&](std::int64_t i, auto part)
                         HWY_ATTR { part.store(hn::Mul(part.load(y + i), share), y + i); });
}

void log_softmax_line(const float* x, float* y, std::int64_t n) {
  const LineSum sum = line_sum(x, n);
  const V largest = number(sum.largest);
  const V log = number(static_cast<float>(std::log(sum.sum)));
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    part.store(hn::Sub(hn::Sub(part.load(x + i), largest), log), y + i);
  });
}

void softmax_gradient_line(const float* dy, const float* y, float* dx, std::int64_t n) {
  const auto sums = sums_of<1>(n, [&](std::int64_t i, auto part, V* v) HWY_ATTR {
    v[0] = hn::Mul(part.load(dy + i), part.load(y + i));
  });
  const V total = number(static_cast<float>(sums[0]));
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    part.store(hn::Mul(part.load(y + i), hn::Sub(part.load(dy + i), total)), dx + i);
  });
}

void log_softmax_gradient_line(const float* dy, const float* y, float* dx, std::int64_t n) {
  const auto sums =
      sums_of<1>(n, [&](std::int64_t i, auto part, V* v) HWY_ATTR { v[0] = part.load(dy + i); });
  const V total = number(static_cast<float>(sums[0]));
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    part.store(hn::NegMulAdd(exp(part.load(y + i)), total, part.load(dy + i)), dx + i);
  });
}

void scaled_exp_line(const float* x, float shift, float factor, float* y, std::int64_t n) {
  const V s = number(shift);
  const V f = number(factor);
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    part.store(hn::Mul(f, exp(hn::Sub(part.load(x + i), s))), y + i);
  });
}

// The sum of the deviations from the mean corrects its rounding.
LineMoments line_moments(const float* x, std::int64_t n) {
  const auto count = static_cast<double>(n);
  const auto sums =
      sums_of<1>(n, [&](std::int64_t i, auto part, V* v) HWY_ATTR { v[0] = part.load(x + i); });
  const auto center = static_cast<float>(sums[0] / count);
  const V mean = number(center);
  const auto rest = sums_of<2>(n, [&](std::int64_t i, auto part, V* v) HWY_ATTR {
    v[0] = hn::Sub(part.load(x + i), mean);
    v[1] = hn::Mul(v[0], v[0]);
  });
  const double correction = rest[0] / count;
  return {static_cast<float>(center + correction),
          static_cast<float>(rest[1] / count - correction * correction)};
}

template <bool scales, bool shifts>
void normalize(const float* x, V mean, V inverse, const float* scale, const float* bias, float* y,
               std::int64_t n) {
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    V result = hn::Mul(hn::Sub(part.load(x + i), mean), inverse);
    if constexpr (scales) {
      const V offset = shifts ? part.load(bias + i) : zero();
      result = hn::MulAdd(result, part.load(scale + i), offset);
    }
    part.store(result, y + i);
  });
}

void normalize_line(const float* x, float mean, float inverse, const float* scale,
                    const float* bias, float* y, std::int64_t n) {
  const auto run = scale == nullptr  ? normalize<false, false>
                   : bias == nullptr ? normalize<true, false>
                                     : normalize<true, true>;
  run(x, number(mean), number(inverse), scale, bias, y, n);
}

void layer_norm_gradient_line(const float* dy, const float* x, float mean, float inverse,
                              const float* scale, float* dx, float* dscale, float* dbias,
                              std::int64_t n) {
  const V center = number(mean);
  const V factor = number(inverse);
  const auto normal = [&](std::int64_t i, auto part)
                          HWY_ATTR { return hn::Mul(hn::Sub(part.load(x + i), center), factor); };
  const auto gradient = [&](std::int64_t i, auto part) HWY_ATTR {
    const V dy_i = part.load(dy + i);
    return scale != nullptr ? hn::Mul(dy_i, part.load(scale + i)) : dy_i;
  };
  if (dscale != nullptr || dbias != nullptr) {
    for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
      const V dy_i = part.load(dy + i);
      if (dscale != nullptr) {
        part.store(hn::MulAdd(dy_i, normal(i, part), part.load(dscale + i)), dscale + i);
      }
      if (dbias != nullptr) part.store(hn::Add(part.load(dbias + i), dy_i), dbias + i);
    });
  }
  if (dx == nullptr) return;
  const auto sums = sums_of<2>(n, [&](std::int64_t i, auto part, V* v) HWY_ATTR {
    v[0] = gradient(i, part);
    v[1] = hn::Mul(v[0], normal(i, part));
  });
  const auto count = static_cast<double>(n);
  const V mean_g = number(static_cast<float>(sums[0] / count));
  const V slope = number(static_cast<float>(sums[1] / count));
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    const V rest = hn::NegMulAdd(normal(i, part), slope, hn::Sub(gradient(i, part), mean_g));
    part.store(hn::Mul(rest, factor), dx + i);
  });
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(line_sum);
HWY_EXPORT(softmax_line);
HWY_EXPORT(log_softmax_line);
HWY_EXPORT(softmax_gradient_line);
HWY_EXPORT(log_softmax_gradient_line);
HWY_EXPORT(scaled_exp_line);
HWY_EXPORT(line_moments);
HWY_EXPORT(normalize_line);
HWY_EXPORT(layer_norm_gradient_line);

}  // namespace

LineSum line_sum(const float* x, std::int64_t n) { return HWY_DYNAMIC_DISPATCH(line_sum)(x, n); }

void softmax_line(const float* x, float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(softmax_line)(x, y, n);
}

void log_softmax_line(const float* x, float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(log_softmax_line)(x, y, n);
}

void softmax_gradient_line(const float* dy, const float* y, float* dx, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(softmax_gradient_line)(dy, y, dx, n);
}

void log_softmax_gradient_line(const float* dy, const float* y, float* dx, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(log_softmax_gradient_line)(dy, y, dx, n);
}

void scaled_exp_line(const float* x, float shift, float factor, float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(scaled_exp_line)(x, shift, factor, y, n);
}

LineMoments line_moments(const float* x, std::int64_t n) {
  return HWY_DYNAMIC_DISPATCH(line_moments)(x, n);
}

void normalize_line(const float* x, float mean, float inverse, const float* scale,
                    const float* bias, float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(normalize_line)(x, mean, inverse, scale, bias, y, n);
}

void layer_norm_gradient_line(const float* dy, const float* x, float mean, float inverse,
                              const float* scale, float* dx, float* dscale, float* dbias,
                              std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(layer_norm_gradient_line)
  (dy, x, mean, inverse, scale, dx, dscale, dbias, n);
}

}  // namespace rockmate::cpu
#endif
