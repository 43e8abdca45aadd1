// Activation functions. The piecewise linear ones write a mask beside the output where a run asks
// for it; their gradients read the mask or the output, whichever was saved.

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

// `f` is the activation, `passes` tells from its result whether the gradient passes. Threads get
// whole bytes of the mask.
template <class T, class F, class P>
Body masked(const KernelView& kernel, F f, P passes) {
  return [count = element_count(kernel.out_shape()), f, passes](const Run& run) {
    const T* x = run.in<T>();
    T* y = run.out<T>(0);
    auto* mask = run.out<std::uint8_t>(1);
    parallel_for(run.threads(), (count + 7) / 8, kGrain / 8,
                 [&](std::int64_t first, std::int64_t last) {
                   const std::int64_t end = std::min(count, 8 * last);
                   for (std::int64_t i = 8 * first; i < end; ++i) y[i] = f(x[i]);
                   if (mask == nullptr) return;
                   for (std::int64_t byte = first; byte < last; ++byte) {
                     unsigned bits = 0;
                     for (std::int64_t i = 8 * byte; i < std::min(end, 8 * byte + 8); ++i) {
                       bits |= (passes(y[i]) ? 1U : 0U) << (i % 8);
                     }
                     mask[byte] = static_cast<std::uint8_t>(bits);
                   }
                 });
  };
}

// dx = dy where the gradient passes, rest * dy elsewhere
template <class T, class P>
Body masked_gradient(const KernelView& kernel, P passes, T rest) {
  if (kernel.dtype(1) != DType::kBit) {
    return map_gradient<T>(kernel, [=](T dy, T y) { return passes(y) ? dy : rest * dy; });
  }
  return [count = element_count(kernel.out_shape()), rest](const Run& run) {
    const T* dy = run.in<T>(0);
    const auto* mask = run.in<std::uint8_t>(1);
    T* dx = run.out<T>();
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        dx[i] = (mask[i / 8] >> (i % 8) & 1) != 0 ? dy[i] : rest * dy[i];
      }
    });
  };
}

template <class T>
Body piecewise(const KernelView& kernel) {
  const auto real = [&](const char* name) { return static_cast<T>(kernel.attributes.real(name)); };
  const auto is_positive = [](T y) { return y > 0; };
  switch (kernel.kind) {
    case OpKind::kRelu:
      return masked<T>(
          kernel, [](T x) { return x < 0 ? T(0) : x; }, is_positive);
    case OpKind::kReluGradient:
      return masked_gradient<T>(kernel, is_positive, T(0));
    case OpKind::kLeakyRelu:
      return masked<T>(
          kernel, [a = real("slope")](T x) { return x > 0 ? x : a * x; }, is_positive);
    case OpKind::kLeakyReluGradient:
      return masked_gradient<T>(kernel, is_positive, real("slope"));
    default:
      break;
  }
  const T low = real("low");
  const T high = real("high");
  const auto is_between = [=](T y) { return y > low && y < high; };
  if (kernel.kind == OpKind::kClipGradient) return masked_gradient<T>(kernel, is_between, T(0));
  return masked<T>(
      kernel, [=](T x) { return x < low    ? low
                                : x > high ? high
                                           : x; }, is_between);
}

Body make_smooth(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) { return smooth<decltype(t)>(kernel); });
}
Body make_smooth_gradient(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(),
                      [&](auto t) { return smooth_gradient<decltype(t)>(kernel); });
}
Body make_piecewise(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(),
                      [&](auto t) { return piecewise<decltype(t)>(kernel); });
}

}  // namespace

void add_activation_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kElu, kGelu, kSigmoid, kTanh, kHardSigmoid, kHardSwish, kSilu, kSoftplus},
      make_smooth);
  add(makers,
      {kEluGradient, kGeluGradient, kSigmoidGradient, kTanhGradient, kHardSigmoidGradient,
       kHardSwishGradient, kSiluGradient, kSoftplusGradient},
      make_smooth_gradient);
  add(makers, {kRelu, kReluGradient, kLeakyRelu, kLeakyReluGradient, kClip, kClipGradient},
      make_piecewise);
}

}  // namespace rockmate::reference
