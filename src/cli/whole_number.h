// A check for options that take whole numbers: digits only and not too large, where the parser
// would wrap around.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>

namespace rockmate::cli {

[[nodiscard]] CLI::Validator whole_number(
    std::uint64_t smallest = 0, std::uint64_t largest = std::numeric_limits<std::uint64_t>::max());

}  // namespace rockmate::cli
