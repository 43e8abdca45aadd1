// Whole-graph search: improves any plan by simulated annealing on its sequence of runs.
// What it returns is executable, and where it says feasible, within the budget by the judge's
// count.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>

#include "rockmate/units.h"
#include "schedule/runs.h"

namespace rockmate {

/// How far a search has come.
struct SearchProgress {
  std::uint64_t moves = 0;
  bool feasible = false;
  Bytes peak;       ///< of the best plan so far
  Seconds seconds;  ///< of the best plan so far
};

/// Where a storage lies that a run allocates, or the workspace of the run.
struct PlaceOfRun {
  std::size_t run = 0;
  bool is_workspace = false;
  ValueId storage;
  Bytes offset;
};

struct SearchOptions {
  std::uint64_t seed = 0;
  std::uint64_t work_limit = 10'000'000;  ///< moves; alone it makes the search repeatable
  std::optional<Seconds> time_limit = std::nullopt;  ///< by the clock: not repeatable
  /// Parts of the work, each twice as long as the one before, that anneal from the start and from
  /// the best plan so far in turns.
  int cycles = 6;
  // Temperatures in units of the plain iteration's seconds.
  double start_temperature = 1e-2;   ///< of cycles from the start
  double reheat_temperature = 1e-3;  ///< of cycles from the best plan so far
  double end_temperature = 3e-5;     ///< less on large graphs
  /// Of being above the budget by a mean value during one run, where a cycle starts, in units of
  /// the seconds of a mean op.
  double first_price = 2;
  /// Of filling the budget during one run, less what it counts as crowded, in plain iterations: for
  /// plans that are easier to lay out.
  double price_of_crowding = 0;
  /// Whether what lives must have places in an arena of the budget's size, not just be few bytes.
  bool layout = false;
  /// With a layout: of the start, where they are known; then it counts as the best plan so far.
  std::vector<PlaceOfRun> places = {};
  Seconds lower_bound = Seconds(0);  ///< a plan that meets it ends the search
  /// Plans on the way take no more than this, or than the start.
  Seconds most_seconds = Seconds(std::numeric_limits<double>::infinity());
  std::stop_token stop = {};
  std::function<void(const SearchProgress&)> progress = nullptr;
};

struct SearchResult {
  Runs runs;   ///< for schedule_from_runs(..., TakeOver::kWhereEqual)
  Bytes peak;  ///< as the judge counts it, static bytes included
  Seconds seconds;
  /// peak <= budget, and with a layout, places for all; otherwise the plan with the smallest peak
  /// seen.
  bool feasible = false;
  std::vector<PlaceOfRun> places = {};  ///< where the search looked at places
  std::uint64_t moves = 0;
};

/// Minimises the seconds of a plan within the budget. `start` is executable, reads no parameter on
/// the wrong side of its update (InvalidInput if not), and need not fit. Runs whose implementation
/// is not of the graph's numeric class get its fastest.
[[nodiscard]] SearchResult improve(const TrainingGraph& graph, Bytes budget, const Runs& start,
                                   const SearchOptions& options = {});

struct ReorderOptions {
  std::uint64_t seed = 0;
  std::uint64_t work_limit = 100'000;  ///< moves
  std::optional<Seconds> time_limit = std::nullopt;
  std::stop_token stop = {};
};

/// The same runs in an order with fewer bytes above the budget, summed over all of them, where one
/// is found; for a search to start from. `start` is as for `improve`.
[[nodiscard]] Runs reorder(const TrainingGraph& graph, Bytes budget, const Runs& start,
                           const ReorderOptions& options = {});

}  // namespace rockmate
