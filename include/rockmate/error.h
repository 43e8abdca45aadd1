// What can go wrong, in three kinds. Expected outcomes (no plan within the budget, a plan that
// breaks a rule) are values of `Expected`; a caller's mistake or an unreadable file throws
// `InvalidInput`; a broken invariant of ours throws `InternalError`. The library never prints,
// aborts or exits.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace rockmate {

/// A file or an argument that cannot be used. The message is one line: where, what was found, what
/// was expected, and, where there is one, the mend.
class InvalidInput : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Our own bug: a check inside the library failed. Please report it.
class InternalError : public std::logic_error {
  using std::logic_error::logic_error;
};

/// The unwanted outcome of an `Expected`.
template <class E>
struct Unexpected {
  E error;
};
template <class E>
Unexpected(E) -> Unexpected<E>;

/// A value or the reason why there is none; the names are those of C++23's std::expected.
template <class T, class E>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Expected(Unexpected<E> bad) : state_(std::in_place_index<1>, std::move(bad.error)) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  /// Throws InternalError when there is no value: ask first.
  [[nodiscard]] const T& value() const& { return checked(), std::get<0>(state_); }
  [[nodiscard]] T& value() & { return checked(), std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return checked(), std::get<0>(std::move(state_)); }
  [[nodiscard]] const E& error() const { return std::get<1>(state_); }

  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

 private:
  void checked() const {
    if (!has_value()) throw InternalError("the value of an empty Expected was asked for");
  }
  std::variant<T, E> state_;
};

}  // namespace rockmate
