// Smooth activation functions, and those whose gradient reads no mask.

#include <cmath>
#include <numbers>

#include "exec/reference/elementwise.h"

namespace rockmate::reference {
namespace {

template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}

template <class T>
constexpr T kRootOfTwoOverPi = std::numbers::sqrt2_v<T>* std::numbers::inv_sqrtpi_v<T>;
template <class T>
constexpr T kGeluCubic = T(0.044715);

template <class T>
T gelu_tanh(T x) {
  return std::tanh(kRootOfTwoOverPi<T> * (x + kGeluCubic<T> * x * x * x));
}

template <class T>
T normal_cumulative(T x) {
  return std::erfc(-x / std::numbers::sqrt2_v<T>) / 2;
}

template <class T>
T gelu_slope(T x) {
  const T density =
      std::exp(-x * x / 2) * (std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>);
  return normal_cumulative(x) + x * density;
}

template <class T>
T gelu_tanh_slope(T x) {
  const T t = gelu_tanh(x);
  const T inner = kRootOfTwoOverPi<T> * (1 + 3 * kGeluCubic<T> * x * x);
  return (1 + t) / 2 + x / 2 * (1 - t * t) * inner;
}

template <class T>
Body smooth(const KernelView& kernel) {
  const auto real = [&](const char* name) { return static_cast<T>(kernel.attributes.real(name)); };
  switch (kernel.kind) {
    case OpKind::kElu:
      return map<T>(kernel, [a = real("alpha")](T x) { return x > 0 ? x : a * std::expm1(x); });
    case OpKind::kGelu:
      if (kernel.attributes.flag("tanh")) {
        return map<T>(kernel, [](T x) { return x / 2 * (1 + gelu_tanh(x)); });
      }
      return map<T>(kernel, [](T x) { return x * normal_cumulative(x); });
    case OpKind::kSigmoid:
      return map<T>(kernel, [](T x) { return sigmoid(x); });
    case OpKind::kTanh:
      return map<T>(kernel, [](T x) { return std::tanh(x); });
    case OpKind::kHardSigmoid:
      return map<T>(kernel, [a = real("alpha"), b = real("beta")](T x) {
        return std::clamp(a * x + b, T(0), T(1));
      });
    case OpKind::kHardSwish:
      return map<T>(kernel, [](T x) { return x * std::clamp(x / 6 + T(0.5), T(0), T(1)); });
    case OpKind::kSilu:
      return map<T>(kernel, [](T x) { return x * sigmoid(x); });
    default:  // softplus, without overflow
      return map<T>(kernel,
                    [](T x) { return std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x))); });
  }
}

template <class T>
Body smooth_gradient(const KernelView& kernel) {
  const auto real = [&](const char* name) { return static_cast<T>(kernel.attributes.real(name)); };
  switch (kernel.kind) {
    case OpKind::kEluGradient:
      return map_gradient<T>(kernel,
                             [a = real("alpha")](T dy, T y) { return y > 0 ? dy : dy * (y + a); });
    case OpKind::kGeluGradient:
      if (kernel.attributes.flag("tanh")) {
        return map_gradient<T>(kernel, [](T dy, T x) { return dy * gelu_tanh_slope(x); });
      }
      return map_gradient<T>(kernel, [](T dy, T x) { return dy * gelu_slope(x); });
    case OpKind::kSigmoidGradient:
      return map_gradient<T>(kernel, [](T dy, T y) { return dy * y * (1 - y); });
    case OpKind::kTanhGradient:
      return map_gradient<T>(kernel, [](T dy, T y) { return dy * (1 - y * y); });
    case OpKind::kHardSigmoidGradient:
      return map_gradient<T>(
          kernel, [a = real("alpha")](T dy, T y) { return y > 0 && y < 1 ? dy * a : T(0); });
    case OpKind::kHardSwishGradient:
      return map_gradient<T>(kernel, [](T dy, T x) {
        if (x <= -3) return T(0);
        return x >= 3 ? dy : dy * (x / 3 + T(0.5));
      });
    case OpKind::kSiluGradient:
      return map_gradient<T>(kernel, [](T dy, T x) {
        const T s = sigmoid(x);
        return dy * s * (1 + x * (1 - s));
      });
    default:  // softplus
      return map_gradient<T>(kernel, [](T dy, T x) { return dy * sigmoid(x); });
  }
}

Body make_smooth(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) { return smooth<decltype(t)>(kernel); });
}
Body make_smooth_gradient(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(),
                      [&](auto t) { return smooth_gradient<decltype(t)>(kernel); });
}
}  // namespace

void add_smooth_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kElu, kGelu, kSigmoid, kTanh, kHardSigmoid, kHardSwish, kSilu, kSoftplus},
      make_smooth);
  add(makers,
      {kEluGradient, kGeluGradient, kSigmoidGradient, kTanhGradient, kHardSigmoidGradient,
       kHardSwishGradient, kSiluGradient, kSoftplusGradient},
      make_smooth_gradient);
}

}  // namespace rockmate::reference
