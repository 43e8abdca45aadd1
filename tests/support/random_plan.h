// Random plans for property tests, with the simplest layout that is one.
#pragma once

#include <cstdint>
#include <random>

#include "rockmate/schedule.h"

namespace rockmate::testing {

/// Program order with `recomputations` runs put in at random, some implementations other than the
/// default, some outputs in place, some values freed late. Nearly always valid.
[[nodiscard]] Schedule random_schedule(const TrainingGraph& graph, std::mt19937_64& random,
                                       int recomputations);

/// Each row at the lowest address where it overlaps none before it. Quadratic.
[[nodiscard]] Layout first_fit_layout(const MemoryTrace& trace);

/// A plan with the schedule's own figures and its exact need as the budget. The schedule must be
/// valid.
[[nodiscard]] Plan plan_of(const TrainingGraph& graph, Schedule schedule, bool with_layout = true);

/// The document that reading the written plan gives.
[[nodiscard]] PlanDocument document_of(const Plan& plan);

}  // namespace rockmate::testing
