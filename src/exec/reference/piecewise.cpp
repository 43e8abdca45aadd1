// Piecewise linear activations. They write a mask beside the output where a run asks for it; their
// gradients read the mask or the output, whichever was saved.

#include "exec/reference/elementwise.h"

namespace rockmate::reference {
namespace {

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

Body make_piecewise(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(),
                      [&](auto t) { return piecewise<decltype(t)>(kernel); });
}

}  // namespace

void add_piecewise_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kRelu, kReluGradient, kLeakyRelu, kLeakyReluGradient, kClip, kClipGradient},
      make_piecewise);
}

}  // namespace rockmate::reference
