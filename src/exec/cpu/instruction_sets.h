// The instruction sets for which the vectorized kernels were compiled and that this machine has.
// Kernels run on the best of them; tests look at the others as well. Results have the same bits on
// any machine of one instruction set, and differ by rounding between them.
#pragma once

#include <string>
#include <vector>

namespace rockmate::cpu {

/// The best one first. Empty in a build without Highway, which has no vectorized kernels.
[[nodiscard]] std::vector<std::string> instruction_sets();
/// Makes kernels that are prepared from now on run on that one. For the whole process, and not
/// while kernels run. Throws InvalidInput for an unknown name.
void use_instruction_set(const std::string& name);

}  // namespace rockmate::cpu
