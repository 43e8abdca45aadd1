// The message of the InvalidInput that an action throws.
#pragma once

#include <string>

#include "rockmate/error.h"

namespace rockmate::testing {

/// "" when nothing is thrown; any other exception passes.
template <class Action>
[[nodiscard]] std::string message_of(Action action) {
  try {
    action();
  } catch (const InvalidInput& error) {
    return error.what();
  }
  return {};
}

}  // namespace rockmate::testing
