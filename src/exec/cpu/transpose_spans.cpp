// Few rows, or few columns, are interleaved or taken apart in registers, as the colours of pixels
// are. Of other matrices, a vector of y is gathered from as many rows of x as it has lanes; those
// rows stay in the nearest cache until they are used up.

#include "exec/cpu/transpose_spans.h"

#include <array>

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/transpose_spans.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

// Elements [begin, end) of kRows rows.
template <int kRows, class Tag>
HWY_INLINE std::int64_t interleave_vectors(Tag tag, const std::array<const float*, kRows>& x,
                                           std::int64_t begin, std::int64_t end, float* y) {
  const auto width = static_cast<std::int64_t>(hn::Lanes(tag));
  std::int64_t c = begin;
  for (; c + width <= end; c += width) {
    const auto a = hn::LoadU(tag, x[0] + c);
    const auto b = hn::LoadU(tag, x[1] + c);
    if constexpr (kRows == 2) {
      hn::StoreInterleaved2(a, b, tag, y + c * kRows);
    } else {
      const auto d = hn::LoadU(tag, x[2] + c);
      if constexpr (kRows == 3) {
        hn::StoreInterleaved3(a, b, d, tag, y + c * kRows);
      } else {
        hn::StoreInterleaved4(a, b, d, hn::LoadU(tag, x[3] + c), tag, y + c * kRows);
      }
    }
  }
  return c;
}

template <int kColumns, class Tag>
HWY_INLINE std::int64_t part_vectors(Tag tag, const float* x, std::int64_t begin, std::int64_t end,
                                     float* y, std::int64_t stride) {
  const auto width = static_cast<std::int64_t>(hn::Lanes(tag));
  std::int64_t r = begin;
  for (; r + width <= end; r += width) {
    hn::Vec<Tag> a, b, c, d;
    if constexpr (kColumns == 2) {
      hn::LoadInterleaved2(tag, x + r * kColumns, a, b);
    } else if constexpr (kColumns == 3) {
      hn::LoadInterleaved3(tag, x + r * kColumns, a, b, c);
      hn::StoreU(c, tag, y + 2 * stride + r);
    } else {
      hn::LoadInterleaved4(tag, x + r * kColumns, a, b, c, d);
      hn::StoreU(c, tag, y + 2 * stride + r);
      hn::StoreU(d, tag, y + 3 * stride + r);
    }
    hn::StoreU(a, tag, y + r);
    hn::StoreU(b, tag, y + stride + r);
  }
  return r;
}

// Ever shorter vectors towards the end.
template <int kRows>
HWY_INLINE void interleave_rows(const std::array<const float*, kRows>& x, std::int64_t columns,
                                float* y) {
  std::int64_t c = interleave_vectors<kRows>(FloatTag(), x, 0, columns, y);
  c = interleave_vectors<kRows>(hn::CappedTag<float, 4>(), x, c, columns, y);
  for (; c < columns; ++c) {
    for (std::size_t r = 0; r < kRows; ++r) y[c * kRows + static_cast<std::int64_t>(r)] = x[r][c];
  }
}

template <int kColumns>
HWY_INLINE void take_apart(const float* x, const Transposition& m, float* y) {
  std::int64_t r = part_vectors<kColumns>(FloatTag(), x, 0, m.rows, y, m.y_stride);
  r = part_vectors<kColumns>(hn::CappedTag<float, 4>(), x, r, m.rows, y, m.y_stride);
  for (; r < m.rows; ++r) {
    for (int c = 0; c < kColumns; ++c) y[c * m.y_stride + r] = x[r * kColumns + c];
  }
}

HWY_INLINE void gather(const float* x, const Transposition& m, float* y) {
  const hn::RebindToSigned<FloatTag> indices;
  const auto rows =
      hn::Mul(hn::Iota(indices, 0), hn::Set(indices, static_cast<std::int32_t>(m.x_stride)));
  std::int64_t r = 0;
  for (; r + lanes() <= m.rows; r += lanes()) {
    for (std::int64_t c = 0; c < m.columns; ++c) {
      const V v = hn::GatherIndex(FloatTag(), x + r * m.x_stride + c, rows);
      hn::StoreU(v, FloatTag(), y + c * m.y_stride + r);
    }
  }
  for (; r < m.rows; ++r) {
    for (std::int64_t c = 0; c < m.columns; ++c) y[c * m.y_stride + r] = x[r * m.x_stride + c];
  }
}

void interleave(std::span<const float* const> pieces, std::int64_t rows, std::int64_t columns,
                std::int64_t stride, float* y) {
  const auto count = static_cast<std::int64_t>(pieces.size());
  for (std::int64_t r = 0; r < rows; ++r, y += columns * count) {
    if (count == 2) {
      interleave_rows<2>({pieces[0] + r * stride, pieces[1] + r * stride}, columns, y);
      continue;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const float* const x = pieces[static_cast<std::size_t>(i)] + r * stride;
      for (std::int64_t c = 0; c < columns; ++c) y[c * count + i] = x[c];
    }
  }
}

void transpose(const float* x, const Transposition& m, std::int64_t count, float* y) {
  const bool makes_pixels = m.y_stride == m.rows;
  const bool takes_pixels = m.x_stride == m.columns;
  const std::int64_t size = m.rows * m.columns;
  for (std::int64_t i = 0; i < count; ++i, x += size, y += size) {
    if (makes_pixels && m.rows == 2) {
      interleave_rows<2>({x, x + m.x_stride}, m.columns, y);
    } else if (makes_pixels && m.rows == 3) {
      interleave_rows<3>({x, x + m.x_stride, x + 2 * m.x_stride}, m.columns, y);
    } else if (makes_pixels && m.rows == 4) {
      interleave_rows<4>({x, x + m.x_stride, x + 2 * m.x_stride, x + 3 * m.x_stride}, m.columns, y);
    } else if (takes_pixels && m.columns == 2) {
      take_apart<2>(x, m, y);
    } else if (takes_pixels && m.columns == 3) {
      take_apart<3>(x, m, y);
    } else if (takes_pixels && m.columns == 4) {
      take_apart<4>(x, m, y);
    } else {
      gather(x, m, y);
    }
  }
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {

HWY_EXPORT(transpose);
HWY_EXPORT(interleave);

void transpose(const float* x, const Transposition& matrix, std::int64_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(transpose)(x, matrix, count, y);
}

void interleave(std::span<const float* const> pieces, std::int64_t rows, std::int64_t columns,
                std::int64_t stride, float* y) {
  HWY_DYNAMIC_DISPATCH(interleave)(pieces, rows, columns, stride, y);
}

}  // namespace rockmate::cpu
#endif
