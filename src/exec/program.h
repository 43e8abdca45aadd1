// A plan with its addresses filled in: what an engine is called with, run by run. Offsets count
// from the start of the executor's memory, which holds the sources first and then the arena of the
// plan.
#pragma once

#include <optional>
#include <vector>

#include "rockmate/schedule.h"
#include "rockmate/training_model.h"

namespace rockmate {

struct Place {
  Bytes offset;
  Bytes bytes;  ///< that are used; a tensor's own, without what aligns the next one
};

/// One run of an op. A view has a step as well: nothing runs, the value is there.
struct ProgramStep {
  std::size_t action = 0;  ///< in the schedule
  OpId op;
  bool is_view = false;
  std::vector<Place> inputs;                  ///< as Kernel::inputs
  std::vector<std::optional<Place>> outputs;  ///< as Kernel::outputs; none: not made by this run
  std::vector<Place> updates;                 ///< as Kernel::updates
  Place workspace;
};

struct Program {
  std::vector<ProgramStep> steps;
  std::vector<LayoutRow> rows;                      ///< of the plan; offsets as everywhere here
  IdVector<ValueId, std::optional<Place>> sources;  ///< of the values that are sources
  IdVector<ValueId, std::optional<Place>> at_end;   ///< of what is resident at the end, and sources
  Bytes static_bytes;
  Bytes bytes;  ///< static bytes and arena: what the plan needs
};

/// Where the sources of a program lie that runs in the memory of another one.
struct SourcePlaces {
  IdVector<ValueId, std::optional<Place>> places;
  Bytes end;  ///< behind all sources of the other program: where the arena begins
};

/// Judges the plan first. Throws InvalidInput where it is for another graph, breaks a rule or its
/// own budget, has no layout, or has an address that is not a multiple of kAlignment. Linear in the
/// plan.
[[nodiscard]] Program resolve(const TrainingModel& model, const Plan& plan,
                              const SourcePlaces* elsewhere = nullptr);

}  // namespace rockmate
