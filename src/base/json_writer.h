// The pieces of a JSON text that need care; the layout of a file is its writer's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rockmate/units.h"

namespace rockmate::json {

/// "text", escaped. Throws InvalidInput where it is not UTF-8: JSON cannot hold it.
[[nodiscard]] std::string quoted(std::string_view text);
/// ["a", "b"]
[[nodiscard]] std::string quoted_list(const std::vector<std::string>& texts);
/// The shortest number that is read back as exactly this one, which must be finite.
[[nodiscard]] std::string number(double value);
[[nodiscard]] inline std::string number(Seconds seconds) { return number(seconds.count()); }
[[nodiscard]] inline std::string number(Bytes bytes) { return std::to_string(bytes.count()); }

/// "[\n  row,\n  row\n]" with one row on each line, or "[]".
[[nodiscard]] std::string one_per_line(const std::vector<std::string>& rows);

}  // namespace rockmate::json
