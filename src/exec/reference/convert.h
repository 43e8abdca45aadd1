// Conversions and arithmetic that are defined for all operands: whole numbers wrap around, a real
// number outside their range becomes the nearest of them, NaN becomes 0, and a division by zero
// is 0.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>

namespace rockmate::reference {

template <class To, class From>
To convert(From x) {
  if constexpr (std::floating_point<From> && std::integral<To>) {
    if (std::isnan(x)) return 0;
    // The largest whole number may round up to one that does not fit.
    if (x >= static_cast<From>(std::numeric_limits<To>::max())) {
      return std::numeric_limits<To>::max();
    }
    if (x <= static_cast<From>(std::numeric_limits<To>::min())) {
      return std::numeric_limits<To>::min();
    }
  }
  return static_cast<To>(x);
}

/// f of two operands: for whole numbers as unsigned ones of at least 32 bits, so that it wraps.
template <class T, class F>
T wrapping(T x, T y, F f) {
  if constexpr (std::floating_point<T>) {
    return f(x, y);
  } else {
    using Unsigned = std::make_unsigned_t<std::common_type_t<T, int>>;
    return static_cast<T>(f(static_cast<Unsigned>(x), static_cast<Unsigned>(y)));
  }
}

template <class T>
T quotient(T x, T y) {
  if constexpr (std::integral<T>) {
    if (y == 0) return 0;
    if constexpr (std::is_signed_v<T>) {
      if (y == -1) return wrapping(T(0), x, [](auto a, auto b) { return a - b; });
    }
  }
  return static_cast<T>(x / y);
}

}  // namespace rockmate::reference
