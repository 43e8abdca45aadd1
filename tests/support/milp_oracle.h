// The least cost of a tiny mixed-integer program by trying everything, as an oracle for solvers.
#pragma once

#include <cstdint>
#include <optional>

#include "rockmate/milp.h"

namespace rockmate::testing {

/// Tries all whole numbers and, for each choice of them, all vertices of what is left. Integers
/// need finite bounds; the real variables (few!) must be bounded, by rows at least. Nothing if
/// there is no solution.
[[nodiscard]] std::optional<double> least_cost(const MilpModel& model);

struct RandomMilpOptions {
  int integers = 4;
  int reals = 0;  ///< free variables that rows hold within -10 and 10
  int rows = 3;
  bool equalities = false;
};
/// Small whole coefficients, rows of every sense; may have no solution.
[[nodiscard]] MilpModel random_milp(std::uint64_t seed, const RandomMilpOptions& options = {});

}  // namespace rockmate::testing
