// What measurements depend on besides the ops themselves.
#pragma once

#include <string>

namespace rockmate {

/// "Intel(R) Xeon(R) Platinum 8481C, avx512": the processor and the widest instructions that it
/// has of those that kernels are written for.
[[nodiscard]] std::string describe_computer();

}  // namespace rockmate
