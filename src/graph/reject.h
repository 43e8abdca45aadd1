// Refuses a graph from outside, in one line.
#pragma once

#include <fmt/format.h>

#include <string>

#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate {

/// Names come from outside: in a message they are one line and not too long.
inline std::string in_message(const std::string& name) { return shown(name); }
template <class T>
const T& in_message(const T& other) {
  return other;
}

/// Throws InvalidInput.
template <class... Args>
[[noreturn]] void reject(fmt::format_string<Args...> format, const Args&... args) {
  throw InvalidInput(fmt::format(fmt::runtime(fmt::string_view(format)), in_message(args)...));
}

}  // namespace rockmate
