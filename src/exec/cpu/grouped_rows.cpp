#include "exec/cpu/grouped_rows.h"

#include <algorithm>

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/grouped_rows.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

std::int64_t group_lanes() { return lanes(); }

// step(part) for the lanes that are in use.
template <class F>
HWY_INLINE void with_part(std::int64_t channels, const F& step) {
  channels == lanes() ? step(Whole()) : step(Part(channels));
}

void deal_pixels(const float* x, const DealtPixels& dealt, float* planes) {
  for (std::int64_t p = 0; p < dealt.pixels; ++p) {
    float* to = planes + p * lanes();
    for_each_vector(dealt.channels, [&](std::int64_t c, auto part) HWY_ATTR {
      hn::StoreU(part.load(x + p * dealt.pixel_step + c), FloatTag(), to);
      to += dealt.plane_step;
    });
  }
}

// Which lanes of a pixel an operand has: entry e of the group that each lane is of.
template <int entries>
class Spread {
 public:
  Spread() {
    for (int e = 0; e < entries; ++e) {
      for (int lane = 0; lane < lanes(); ++lane) {
        lane_of_[e * lanes() + lane] = lane / entries * entries + e;
      }
    }
  }
  [[nodiscard]] HWY_INLINE V operand(V pixel, int e) const {
    return hn::TableLookupLanes(pixel, hn::SetTableIndices(FloatTag(), lane_of_ + e * lanes()));
  }

 private:
  std::int32_t lane_of_[entries * hn::MaxLanes(FloatTag())];
};

// Each operand goes to all results that it takes part in. `step`: pixels between results.
template <int entries, int taps, int step, int count>
HWY_INLINE void add_spread(const Spread<entries>& spread, const float* plane, const float* weights,
                           std::int64_t weight_step, V (&sums)[count]) {
  static_assert(taps == 1 || step == 1);
  for (int e = 0; e < entries; ++e) {
    V weight[taps];
#pragma GCC unroll 3
    for (int k = 0; k < taps; ++k) {
      weight[k] = hn::LoadU(FloatTag(), weights + k * weight_step + e * lanes());
    }
#pragma GCC unroll 16
    for (int q = 0; q < count + taps - 1; ++q) {
      const V operand = spread.operand(hn::LoadU(FloatTag(), plane + q * step * lanes()), e);
#pragma GCC unroll 3
      for (int k = 0; k < taps; ++k) {
        if (q - k < 0 || q - k >= count) continue;
        sums[q - k] = hn::MulAdd(operand, weight[k], sums[q - k]);
      }
    }
  }
}

template <int count>
HWY_INLINE void finish(const GroupRow& row, const V (&sums)[count], float* y) {
  with_part(row.channels, [&](auto part) HWY_ATTR {
#pragma GCC unroll 14
    for (int p = 0; p < count; ++p) {
      part.store(clamped(sums[p], row.clamp.low, row.clamp.high), y + p * row.y_step);
    }
  });
}

template <int count>
HWY_INLINE void begin(const GroupRow& row, V (&sums)[count]) {
  const V shift = hn::LoadU(FloatTag(), row.shift);
#pragma GCC unroll 14
  for (int p = 0; p < count; ++p) sums[p] = shift;
}

template <int entries, int step>
struct SpreadConvolution {
  template <int count>
  static void run(const GroupRow& row, const float* plane, float* y) {
    const Spread<entries> spread;
    V sums[count];
    begin(row, sums);
    for (const GroupTaps& taps : row.taps) {
      const float* const from = plane + taps.plane;
      const float* const weights = row.weights + taps.weight;
      if constexpr (step == 1) {
        if (taps.count == 3) {
          add_spread<entries, 3, 1>(spread, from, weights, taps.weight_step, sums);
          continue;
        }
        if (taps.count == 2) {
          add_spread<entries, 2, 1>(spread, from, weights, taps.weight_step, sums);
          continue;
        }
      }
      for (std::int64_t k = 0; k < taps.count; ++k) {
        add_spread<entries, 1, step>(spread, from + k * lanes(), weights + k * taps.weight_step, 0,
                                     sums);
      }
    }
    finish(row, sums, y);
  }
};

template <class Convolution>
void convolve_row(const GroupRow& row, const float* plane, std::int64_t count, float* y) {
  const std::int64_t distance = row.pixels * lanes();
  for (std::int64_t p = 0; p < count;) {
    const float* const from = plane + p * distance;
    float* const to = y + p * row.y_step;
    const std::int64_t left = count - p;
    if (left >= 14) {
      Convolution::template run<14>(row, from, to), p += 14;
    } else if (left >= 7) {
      Convolution::template run<7>(row, from, to), p += 7;
    } else if (left >= 4) {
      Convolution::template run<4>(row, from, to), p += 4;
    } else if (left >= 2) {
      Convolution::template run<2>(row, from, to), p += 2;
    } else {
      Convolution::template run<1>(row, from, to), p += 1;
    }
  }
}

template <int entries>
void convolve_spread(const GroupRow& row, const float* plane, std::int64_t count, float* y) {
  if (row.pixels <= 2) {
    (row.pixels == 1 ? convolve_row<SpreadConvolution<entries, 1>>
                     : convolve_row<SpreadConvolution<entries, 2>>)(row, plane, count, y);
    return;
  }
  for (std::int64_t p = 0; p < count; ++p) {
    convolve_row<SpreadConvolution<entries, 1>>(row, plane + p * row.pixels * lanes(), 1,
                                                y + p * row.y_step);
  }
}

void convolve_groups(const GroupRow& row, const float* plane, std::int64_t count, float* y) {
  (row.entries == 2 ? convolve_spread<2> : convolve_spread<4>)(row, plane, count, y);
}

template <int count>
HWY_INLINE void add_to(const V (&totals)[count], float* sums) {
#pragma GCC unroll 12
  for (int i = 0; i < count; ++i) {
    float* const sum = sums + i * lanes();
    hn::StoreU(hn::Add(hn::LoadU(FloatTag(), sum), totals[i]), FloatTag(), sum);
  }
}

// A pixel of the plane meets as many gradients as there are taps.
template <int entries, int taps>
void add_spread_products(const GroupProducts& of, const float* dy, const float* plane,
                         float* sums) {
  const Spread<entries> spread;
  V totals[taps * entries];
#pragma GCC unroll 12
  for (int i = 0; i < taps * entries; ++i) totals[i] = zero();
  with_part(of.channels, [&](auto part) HWY_ATTR {
    for (std::int64_t r = 0; r < of.rows; ++r) {
      const float* const row = dy + r * of.dy_row;
      const float* pixel = plane + r * of.plane_row;
      for (std::int64_t q = 0; q < of.count + taps - 1; ++q) {
        V gradient[taps];
#pragma GCC unroll 3
        for (int k = 0; k < taps; ++k) {
          const bool meets = q >= k && q - k < of.count;
          gradient[k] = meets ? part.load(row + (q - k) * of.dy_step) : zero();
        }
        const V channels = hn::LoadU(FloatTag(), pixel);
#pragma GCC unroll 4
        for (int e = 0; e < entries; ++e) {
          const V operand = spread.operand(channels, e);
#pragma GCC unroll 3
          for (int k = 0; k < taps; ++k) {
            totals[k * entries + e] = hn::MulAdd(operand, gradient[k], totals[k * entries + e]);
          }
        }
        pixel += of.pixels * lanes();
      }
    }
  });
  add_to(totals, sums);
}

template <int entries>
void add_spread_taps(const GroupProducts& of, const float* dy, const float* plane, float* sums) {
  if (of.pixels == 1 && of.taps == 3) return add_spread_products<entries, 3>(of, dy, plane, sums);
  for (std::int64_t k = 0; k < of.taps; ++k) {
    add_spread_products<entries, 1>(of, dy, plane + k * lanes(), sums + k * entries * lanes());
  }
}

void add_group_products(const GroupProducts& of, const float* dy, const float* plane, float* sums) {
  (of.entries == 2 ? add_spread_taps<2> : add_spread_taps<4>)(of, dy, plane, sums);
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(group_lanes);
HWY_EXPORT(deal_pixels);
HWY_EXPORT(convolve_groups);
HWY_EXPORT(add_group_products);

}  // namespace

std::int64_t group_lanes() { return HWY_DYNAMIC_DISPATCH(group_lanes)(); }

void deal_pixels(const float* x, const DealtPixels& dealt, float* planes) {
  HWY_DYNAMIC_DISPATCH(deal_pixels)(x, dealt, planes);
}

void convolve_groups(const GroupRow& row, const float* plane, std::int64_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(convolve_groups)(row, plane, count, y);
}

void add_group_products(const GroupProducts& of, const float* dy, const float* plane, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_group_products)(of, dy, plane, sums);
}

}  // namespace rockmate::cpu
#endif
