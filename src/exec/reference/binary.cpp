// Functions of two or three operands with broadcasting: arithmetic, comparisons, logic, where.

#include <algorithm>

#include "exec/reference/convert.h"
#include "exec/reference/elementwise.h"
#include "exec/reference/strided.h"

namespace rockmate::reference {
namespace {

StridedSpace broadcast_space(const KernelView& kernel) {
  std::vector<Strides> strides;
  for (const TensorType& type : kernel.inputs) {
    strides.push_back(broadcast_strides(type.shape, kernel.out_shape()));
  }
  return {kernel.out_shape(), std::move(strides)};
}

// y = f(a, b): along a row, an operand moves by one element or stays.
template <class T, class R, class F>
Body combine(const KernelView& kernel, F f) {
  return [space = broadcast_space(kernel), f](const Run& run) {
    const std::int64_t a_step = space.stride(0);
    const std::int64_t b_step = space.stride(1);
    space.for_each_piece(run.threads(),
                         [&](std::int64_t first, std::int64_t n, const StridedSpace::Offsets& at) {
                           const T* a = run.in<T>(0) + at[0];
                           const T* b = run.in<T>(1) + at[1];
                           R* y = run.out<R>() + first;
                           if (a_step == 1 && b_step == 1) {
                             for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
                           } else if (a_step == 1) {
                             const T right = *b;
                             for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], right);
                           } else if (b_step == 1) {
                             const T left = *a;
                             for (std::int64_t i = 0; i < n; ++i) y[i] = f(left, b[i]);
                           } else {
                             std::fill_n(y, n, f(*a, *b));
                           }
                         });
  };
}

template <class T>
Body arithmetic(const KernelView& kernel) {
  switch (kernel.kind) {
    case OpKind::kAdd:
      return combine<T, T>(
          kernel, [](T x, T y) { return wrapping(x, y, [](auto p, auto q) { return p + q; }); });
    case OpKind::kSub:
      return combine<T, T>(
          kernel, [](T x, T y) { return wrapping(x, y, [](auto p, auto q) { return p - q; }); });
    case OpKind::kMul:
      return combine<T, T>(
          kernel, [](T x, T y) { return wrapping(x, y, [](auto p, auto q) { return p * q; }); });
    case OpKind::kDiv:
      return combine<T, T>(kernel, [](T x, T y) { return quotient(x, y); });
    case OpKind::kMaximum:
      return combine<T, T>(kernel, [](T x, T y) { return x < y ? y : x; });
    default:
      return combine<T, T>(kernel, [](T x, T y) { return y < x ? y : x; });
  }
}

using Truth = std::uint8_t;

template <class T>
Body comparison(const KernelView& kernel) {
  switch (kernel.kind) {
    case OpKind::kEqual:
      return combine<T, Truth>(kernel, [](T x, T y) { return Truth(x == y); });
    case OpKind::kLess:
      return combine<T, Truth>(kernel, [](T x, T y) { return Truth(x < y); });
    case OpKind::kLessOrEqual:
      return combine<T, Truth>(kernel, [](T x, T y) { return Truth(x <= y); });
    case OpKind::kGreater:
      return combine<T, Truth>(kernel, [](T x, T y) { return Truth(x > y); });
    default:
      return combine<T, Truth>(kernel, [](T x, T y) { return Truth(x >= y); });
  }
}

Body make_arithmetic(const KernelView& kernel) {
  return for_numbers(kernel, kernel.dtype(),
                     [&](auto t) { return arithmetic<decltype(t)>(kernel); });
}

Body make_comparison(const KernelView& kernel) {
  return for_elements(kernel, kernel.dtype(),
                      [&](auto t) { return comparison<decltype(t)>(kernel); });
}

Body make_logic(const KernelView& kernel) {
  switch (kernel.kind) {
    case OpKind::kAnd:
      return combine<Truth, Truth>(kernel, [](Truth x, Truth y) { return Truth(x && y); });
    case OpKind::kOr:
      return combine<Truth, Truth>(kernel, [](Truth x, Truth y) { return Truth(x || y); });
    default:
      return map<Truth>(kernel, [](Truth x) { return Truth(x == 0); });
  }
}

Body make_where(const KernelView& kernel) {
  return for_elements(kernel, kernel.dtype(1), [&](auto t) -> Body {
    using T = decltype(t);
    return [space = broadcast_space(kernel)](const Run& run) {
      const std::array step = {space.stride(0), space.stride(1), space.stride(2)};
      space.for_each_piece(
          run.threads(), [&](std::int64_t first, std::int64_t n, const StridedSpace::Offsets& at) {
            const Truth* condition = run.in<Truth>(0) + at[0];
            const T* a = run.in<T>(1) + at[1];
            const T* b = run.in<T>(2) + at[2];
            T* y = run.out<T>() + first;
            for (std::int64_t i = 0; i < n; ++i) {
              y[i] = condition[i * step[0]] != 0 ? a[i * step[1]] : b[i * step[2]];
            }
          });
    };
  });
}

}  // namespace

void add_binary_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kAdd, kSub, kMul, kDiv, kMaximum, kMinimum}, make_arithmetic);
  add(makers, {kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual}, make_comparison);
  add(makers, {kAnd, kOr, kNot}, make_logic);
  add(makers, {kWhere}, make_where);
}

}  // namespace rockmate::reference
