// Checks that are always on. A failed one is our bug, and says where.
#pragma once

#include <string>

#include "rockmate/error.h"

namespace rockmate {

[[noreturn]] inline void fail_check(const char* what, const char* file, int line,
                                    const std::string& detail = {}) {
  throw InternalError(std::string(file) + ":" + std::to_string(line) + ": check failed: " + what +
                      (detail.empty() ? "" : " (" + detail + ")"));
}

}  // namespace rockmate

/// ROCKMATE_CHECK(condition) or ROCKMATE_CHECK(condition, detail).
#define ROCKMATE_CHECK(condition, ...) \
  ((condition)                         \
       ? void()                        \
       : ::rockmate::fail_check(#condition, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__))
