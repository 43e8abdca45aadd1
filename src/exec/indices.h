// Data from outside, before kernels use them as addresses.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "exec/initial_values.h"

namespace rockmate {

/// Throws InvalidInput that names the element where a whole number lies outside the range of the
/// source, or a bool is neither 0 nor 1.
void check_elements(std::string_view name, const SourceMemory& memory,
                    std::span<const std::byte> bytes);

}  // namespace rockmate
