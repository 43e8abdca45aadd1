// What vectorized sources share: vectors of float32 as wide as the instruction set has them, and
// loops over spans. The rest of a span that fills no vector takes a masked one, so that all of its
// elements go through the same instructions.
//
// Compiled once per instruction set: see hwy/foreach_target.h.
#if defined(ROCKMATE_EXEC_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROCKMATE_EXEC_CPU_SIMD_INL_H_
#undef ROCKMATE_EXEC_CPU_SIMD_INL_H_
#else
#define ROCKMATE_EXEC_CPU_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using V = hn::Vec<FloatTag>;
using M = hn::Mask<FloatTag>;

HWY_INLINE std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(FloatTag())); }
HWY_INLINE V number(float x) { return hn::Set(FloatTag(), x); }
HWY_INLINE V zero() { return hn::Zero(FloatTag()); }

/// A whole vector of a span.
struct Whole {
  HWY_INLINE V load(const float* p) const { return hn::LoadU(FloatTag(), p); }
  HWY_INLINE void store(V v, float* p) const { hn::StoreU(v, FloatTag(), p); }
  /// v in the lanes of the span, 0 or `other` behind them.
  HWY_INLINE V first(V v) const { return v; }
  HWY_INLINE V first(V v, V) const { return v; }
};

/// Its first `count` lanes; the others load as 0.
class Part {
 public:
  HWY_INLINE explicit Part(std::int64_t count)
      : count_(static_cast<std::size_t>(count)), mask_(hn::FirstN(FloatTag(), count_)) {}
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  HWY_INLINE V load(const float* p) const { return hn::MaskedLoad(mask_, FloatTag(), p); }
  HWY_INLINE void store(V v, float* p) const { hn::BlendedStore(v, mask_, FloatTag(), p); }
#else
  // Elsewhere a masked load may touch what lies behind.
  HWY_INLINE V load(const float* p) const {
    HWY_ALIGN float buffer[hn::MaxLanes(FloatTag())] = {};
    std::memcpy(buffer, p, count_ * sizeof(float));
    return hn::Load(FloatTag(), buffer);
  }
  HWY_INLINE void store(V v, float* p) const {
    HWY_ALIGN float buffer[hn::MaxLanes(FloatTag())];
    hn::Store(v, FloatTag(), buffer);
    std::memcpy(p, buffer, count_ * sizeof(float));
  }
#endif
  HWY_INLINE V first(V v) const { return hn::IfThenElseZero(mask_, v); }
  HWY_INLINE V first(V v, V other) const { return hn::IfThenElse(mask_, v, other); }

 private:
  std::size_t count_;
  M mask_;
};

/// Calls step(i, part) for vectors that begin at i and make up [0, n).
template <class F>
HWY_INLINE void for_each_vector(std::int64_t n, const F& step) {
  const std::int64_t width = lanes();
  std::int64_t i = 0;
  for (; i + width <= n; i += width) step(i, Whole());
  if (i < n) step(i, Part(n - i));
}

/// v, but at least `low` and at most `high`.
HWY_INLINE V clamped(V v, float low, float high) {
  return hn::Min(number(high), hn::Max(number(low), v));
}

/// The sum of the lanes, in a fixed order.
HWY_INLINE float sum_of_lanes(V v) { return hn::GetLane(hn::SumOfLanes(FloatTag(), v)); }

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
