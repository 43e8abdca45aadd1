// All plans that a planner found for a graph, with the choices that make each of them: what is
// needed to plan for any budget, in memory and as text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/shelf.h"
#include "rotor/chain_plans.h"

namespace rockmate {

struct KeptDraft {
  Bytes peak;  // these as those of a Draft
  Bytes judged;
  Seconds seconds;
  std::size_t chain = 0;
  rotor::PartId plan = 0;  // a part of that chain's
};

struct KeptPlans {
  std::vector<rotor::ChainPlans> chains;
  /// Each by rising peak and falling seconds.
  std::vector<std::vector<KeptDraft>> curves;
  ShelfOrigin origin;
  bool is_judged = false;  ///< else nothing is known of `judged`
};

/// The chains stand in it by their cuts, ways by the positions of ops in their block, so that they
/// serve every graph of the same hash.
[[nodiscard]] std::string to_text(const KeptPlans& kept);
/// Nothing if the text is none that `to_text` has made of plans of such a graph. What is there is
/// executable; whether it takes the bytes and seconds that it says, the judge will find.
[[nodiscard]] std::optional<KeptPlans> parse_kept_plans(std::string_view text,
                                                        const TrainingGraph& graph);

}  // namespace rockmate
