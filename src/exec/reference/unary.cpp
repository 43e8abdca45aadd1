// Functions of one operand and their gradients (dy, x) -> dx.

#include <cmath>
#include <numbers>

#include "exec/reference/convert.h"
#include "exec/reference/elementwise.h"

namespace rockmate::reference {
namespace {

template <class T>
Body function(const KernelView& kernel) {
  switch (kernel.kind) {
    case OpKind::kExp:
      return map<T>(kernel, [](T x) { return std::exp(x); });
    case OpKind::kLog:
      return map<T>(kernel, [](T x) { return std::log(x); });
    case OpKind::kSqrt:
      return map<T>(kernel, [](T x) { return std::sqrt(x); });
    case OpKind::kPow: {
      const auto exponent = static_cast<T>(kernel.attributes.real("exponent"));
      return map<T>(kernel, [exponent](T x) { return std::pow(x, exponent); });
    }
    case OpKind::kErf:
      return map<T>(kernel, [](T x) { return std::erf(x); });
    case OpKind::kAbs:
      return map<T>(kernel, [](T x) { return std::abs(x); });
    case OpKind::kSin:
      return map<T>(kernel, [](T x) { return std::sin(x); });
    default:
      return map<T>(kernel, [](T x) { return std::cos(x); });
  }
}

template <class T>
Body slope(const KernelView& kernel) {
  switch (kernel.kind) {
    case OpKind::kPowGradient: {
      const auto exponent = static_cast<T>(kernel.attributes.real("exponent"));
      return map_gradient<T>(kernel,
                             [=](T dy, T x) { return dy * exponent * std::pow(x, exponent - 1); });
    }
    case OpKind::kErfGradient:
      return map_gradient<T>(kernel, [](T dy, T x) {
        return dy * (2 * std::numbers::inv_sqrtpi_v<T>)*std::exp(-x * x);
      });
    case OpKind::kAbsGradient:
      return map_gradient<T>(kernel, [](T dy, T x) {
        if (x == 0) return T(0);
        return x > 0 ? dy : -dy;
      });
    case OpKind::kSinGradient:
      return map_gradient<T>(kernel, [](T dy, T x) { return dy * std::cos(x); });
    default:
      return map_gradient<T>(kernel, [](T dy, T x) { return -dy * std::sin(x); });
  }
}

Body make_function(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(),
                      [&](auto t) { return function<decltype(t)>(kernel); });
}
Body make_slope(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) { return slope<decltype(t)>(kernel); });
}

// Whole numbers are scaled as real ones.
Body make_scale(const KernelView& kernel) {
  const double factor = kernel.attributes.real("factor");
  const double offset = kernel.attributes.real("offset");
  return for_numbers(kernel, kernel.dtype(), [&](auto t) {
    using T = decltype(t);
    if constexpr (std::floating_point<T>) {
      return map<T>(kernel, [f = static_cast<T>(factor), o = static_cast<T>(offset)](T x) {
        return f * x + o;
      });
    } else {
      return map<T>(kernel,
                    [=](T x) { return convert<T>(factor * static_cast<double>(x) + offset); });
    }
  });
}

}  // namespace

void add_unary_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kExp, kLog, kSqrt, kPow, kErf, kAbs, kSin, kCos}, make_function);
  add(makers, {kPowGradient, kErfGradient, kAbsGradient, kSinGradient, kCosGradient}, make_slope);
  add(makers, {kScale}, make_scale);
}

}  // namespace rockmate::reference
