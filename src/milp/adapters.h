// The solvers, each in the one file that sees its headers. A solver that is not linked is null.
#pragma once

#include <memory>

#include "rockmate/milp.h"

namespace rockmate {

[[nodiscard]] std::unique_ptr<MilpSolver> make_cbc();
[[nodiscard]] std::unique_ptr<MilpSolver> make_glpk();

}  // namespace rockmate
