#include "exec/cpu/pool_rows.h"

#include <algorithm>
#include <limits>

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/pool_rows.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

using IntTag = hn::RebindToSigned<FloatTag>;
using Ints = hn::Vec<IntTag>;

// As many bytes as there are lanes, from or to lanes of 32 bits.
HWY_INLINE Ints load_bytes(const std::uint8_t* p, std::int64_t count) {
#if HWY_TARGET != HWY_SCALAR
  const hn::Rebind<std::uint8_t, IntTag> bytes;
  if (count == lanes()) return hn::PromoteTo(IntTag(), hn::LoadU(bytes, p));
#endif
#if HWY_TARGET == HWY_AVX3
  const auto first = hn::FirstN(bytes, static_cast<std::size_t>(count));
  return hn::PromoteTo(IntTag(), hn::MaskedLoad(first, bytes, p));
#endif
  // Elsewhere a masked load may touch what lies behind.
  HWY_ALIGN std::int32_t wide[hn::MaxLanes(IntTag())] = {};
  for (std::int64_t i = 0; i < count; ++i) wide[i] = p[i];
  return hn::Load(IntTag(), wide);
}

HWY_INLINE void store_bytes(Ints v, std::uint8_t* p, std::int64_t count) {
#if HWY_TARGET != HWY_SCALAR
  const hn::Rebind<std::uint8_t, IntTag> bytes;
  if (count == lanes()) {
    hn::StoreU(hn::DemoteTo(bytes, v), bytes, p);
    return;
  }
#endif
#if HWY_TARGET == HWY_AVX3
  const auto first = hn::FirstN(bytes, static_cast<std::size_t>(count));
  hn::BlendedStore(hn::DemoteTo(bytes, v), first, bytes, p);
  return;
#endif
  HWY_ALIGN std::int32_t wide[hn::MaxLanes(IntTag())];
  hn::Store(v, IntTag(), wide);
  for (std::int64_t i = 0; i < count; ++i) p[i] = static_cast<std::uint8_t>(wide[i]);
}

HWY_INLINE Ints whole_number(std::int32_t x) { return hn::Set(IntTag(), x); }

template <bool has_indices, class Span>
HWY_INLINE void max_pixel(const MaxRow& row, std::int64_t pixel, std::int64_t c, Span part,
                          float* y, std::uint8_t* indices) {
  V largest = number(-std::numeric_limits<float>::infinity());
  Ints index = whole_number(0);
  for (std::size_t l = 0; l < row.lines.size(); ++l) {
    const float* const x = row.lines[l] + c;
    for (const Meeting& column : row.columns.forward[static_cast<std::size_t>(pixel)]) {
      const V candidate = part.load(x + column.at * row.channels);
      const M stays = hn::Or(hn::Le(candidate, largest), hn::Ne(largest, largest));
      largest = hn::IfThenElse(stays, largest, candidate);
      if constexpr (has_indices) {
        const std::int64_t position = row.rows[l] * row.columns.kernel + column.weight;
        index = hn::IfThenElse(hn::RebindMask(IntTag(), stays), index,
                               whole_number(static_cast<std::int32_t>(position)));
      }
    }
  }
  const std::int64_t at = pixel * row.result_channels + c;
  part.store(largest, y + at);
  if constexpr (has_indices) {
    store_bytes(index, indices + at, std::min(lanes(), row.channels - c));
  }
}

template <bool has_indices>
HWY_INLINE void max_pixels(const MaxRow& row, float* y, std::uint8_t* indices) {
  for_each_vector(row.channels, [&](std::int64_t c, auto part) HWY_ATTR {
    for (std::int64_t p = 0; p < row.columns.results; ++p) {
      max_pixel<has_indices>(row, p, c, part, y, indices);
    }
  });
}

void max_row(const MaxRow& row, float* y, std::uint8_t* indices) {
  indices != nullptr ? max_pixels<true>(row, y, indices) : max_pixels<false>(row, y, indices);
}

void max_pixel_gradient(const float* dy, const std::uint8_t* indices, const PixelTaps& taps,
                        float* dx) {
  for_each_vector(taps.channels, [&](std::int64_t c, auto part) HWY_ATTR {
    V sum = zero();
    for (const Meeting& row : taps.rows) {
      for (const Meeting& column : taps.columns) {
        const std::int64_t at = taps.offset(row, column) + c;
        const Ints winner = load_bytes(indices + at, std::min(lanes(), taps.channels - c));
        const M wins =
            hn::RebindMask(FloatTag(), hn::Eq(winner, whole_number(taps.position(row, column))));
        sum = hn::Add(sum, hn::IfThenElseZero(wins, part.load(dy + at)));
      }
    }
    part.store(sum, dx + c);
  });
}

void sum_pixel(const float* x, const PixelTaps& taps, float factor, float* y) {
  for_each_vector(taps.channels, [&](std::int64_t c, auto part) HWY_ATTR {
    V total = zero();
    for (const Meeting& row : taps.rows) {
      V sum = zero();
      for (const Meeting& column : taps.columns) {
        sum = hn::Add(sum, part.load(x + taps.offset(row, column) + c));
      }
      total = hn::Add(total, sum);
    }
    part.store(hn::Mul(number(factor), total), y + c);
  });
}

void weighted_pixel(const float* dy, const PixelTaps& taps, const float* factors, float* dx) {
  for_each_vector(taps.channels, [&](std::int64_t c, auto part) HWY_ATTR {
    V sum = zero();
    for (const Meeting& row : taps.rows) {
      for (const Meeting& column : taps.columns) {
        const V factor = number(factors[row.at * taps.width + column.at]);
        sum = hn::MulAdd(factor, part.load(dy + taps.offset(row, column) + c), sum);
      }
    }
    part.store(sum, dx + c);
  });
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(max_row);
HWY_EXPORT(max_pixel_gradient);
HWY_EXPORT(sum_pixel);
HWY_EXPORT(weighted_pixel);

}  // namespace

void max_row(const MaxRow& row, float* y, std::uint8_t* indices) {
  HWY_DYNAMIC_DISPATCH(max_row)(row, y, indices);
}

void max_pixel_gradient(const float* dy, const std::uint8_t* indices, const PixelTaps& taps,
                        float* dx) {
  HWY_DYNAMIC_DISPATCH(max_pixel_gradient)(dy, indices, taps, dx);
}

void sum_pixel(const float* x, const PixelTaps& taps, float factor, float* y) {
  HWY_DYNAMIC_DISPATCH(sum_pixel)(x, taps, factor, y);
}

void weighted_pixel(const float* dy, const PixelTaps& taps, const float* factors, float* dx) {
  HWY_DYNAMIC_DISPATCH(weighted_pixel)(dy, taps, factors, dx);
}

}  // namespace rockmate::cpu
#endif
