#include "exec/cpu/depthwise_rows.h"

#include <algorithm>

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/depthwise_rows.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

template <std::int64_t pixels>
void convolve(const float* x, const PixelTaps& taps, const PixelRun& run, const float* weights,
              const float* bias, float* y) {
  for_each_vector(taps.channels, [&](std::int64_t c, auto part) HWY_ATTR {
    V sums[pixels];
    const V start = bias != nullptr ? part.load(bias + c) : zero();
#pragma GCC unroll 4
    for (std::int64_t p = 0; p < pixels; ++p) sums[p] = start;
    for (const Meeting& row : taps.rows) {
      for (const Meeting& column : taps.columns) {
        const float* tap = x + taps.offset(row, column) + c;
        const V weight = part.load(weights + taps.position(row, column) * taps.channels + c);
#pragma GCC unroll 4
        for (std::int64_t p = 0; p < pixels; ++p) {
          sums[p] = hn::MulAdd(part.load(tap + p * run.from), weight, sums[p]);
        }
      }
    }
#pragma GCC unroll 4
    for (std::int64_t p = 0; p < pixels; ++p) part.store(sums[p], y + p * run.to + c);
  });
}

void depthwise_pixels(const float* x, const PixelTaps& taps, const PixelRun& run,
                      const float* weights, const float* bias, float* y) {
  (run.count == 1 ? convolve<1> : convolve<kPixelRun>)(x, taps, run, weights, bias, y);
}

// Four interleaved sums hide the latency of an addition.
void add_products(const float* a, std::int64_t a_step, const float* b, std::int64_t b_step,
                  std::int64_t count, std::int64_t channels, float* sums) {
  constexpr std::int64_t kSums = 4;
  for_each_vector(channels, [&](std::int64_t c, auto part) HWY_ATTR {
    V s[kSums] = {part.load(sums + c), zero(), zero(), zero()};
    const float* p = a + c;
    const float* q = b + c;
    std::int64_t j = 0;
    for (; j + kSums <= count; j += kSums) {
      for (std::int64_t k = 0; k < kSums; ++k) {
        s[k] = hn::MulAdd(part.load(p + (j + k) * a_step), part.load(q + (j + k) * b_step), s[k]);
      }
    }
    for (; j < count; ++j) {
      s[0] = hn::MulAdd(part.load(p + j * a_step), part.load(q + j * b_step), s[0]);
    }
    part.store(hn::Add(hn::Add(s[0], s[1]), hn::Add(s[2], s[3])), sums + c);
  });
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(depthwise_pixels);
HWY_EXPORT(add_products);

}  // namespace

void depthwise_pixels(const float* x, const PixelTaps& taps, const PixelRun& run,
                      const float* weights, const float* bias, float* y) {
  HWY_DYNAMIC_DISPATCH(depthwise_pixels)(x, taps, run, weights, bias, y);
}

void add_products(const float* a, std::int64_t a_step, const float* b, std::int64_t b_step,
                  std::int64_t count, std::int64_t channels, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_products)(a, a_step, b, b_step, count, channels, sums);
}

}  // namespace rockmate::cpu
#endif
