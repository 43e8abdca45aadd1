// What every fuzz target demands of a reader. A broken demand ends the program, which is how the
// fuzzer learns of it.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "rockmate/error.h"

namespace rockmate::fuzz {

inline void expect(bool condition) {
  if (!condition) std::abort();
}

/// Messages are for one line of a terminal, whatever the input was.
inline void expect_one_line(std::string_view message) {
  expect(!message.empty() && message.size() < 2000);
  for (const char c : message) expect(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
}

/// InvalidInput is the one exception that outside data may cause.
template <class Action>
void guard(Action action) {
  try {
    action();
  } catch (const InvalidInput& error) {
    expect_one_line(error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "unexpected: %s\n", error.what());
    std::abort();
  }
}

}  // namespace rockmate::fuzz
