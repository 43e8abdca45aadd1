#include "exec/vector/checks.h"

#include <fmt/format.h>

#include "rockmate/error.h"

namespace rockmate::vector {

long check_indices(const Call& call, const std::string& op, const char* noun,
                   ve::CheckArguments arguments) {
  long counted = 1;
  long bad = -1;
  arguments.counted = &counted;
  arguments.bad = &bad;
  ROCKMATE_LAUNCH(call, ve_check, arguments, 1);
  if (!call.executes()) return 1;
  if (bad < 0) return counted;
  const long found = arguments.wide_indices ? static_cast<const long*>(arguments.indices)[bad]
                                            : static_cast<const int*>(arguments.indices)[bad];
  throw InvalidInput(fmt::format(
      "op '{}': {} {} is {}, expected 0 <= {} < {}{}", op, noun, bad, found, noun, arguments.below,
      arguments.has_ignored ? fmt::format(", or {} to ignore it", arguments.ignored) : ""));
}

}  // namespace rockmate::vector
