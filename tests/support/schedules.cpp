#include "support/schedules.h"

#include <algorithm>
#include <random>

#include "schedule/runs.h"

namespace rockmate::testing {

Schedule recomputed_schedule(const TrainingGraph& graph, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto one_in = [&](std::uint64_t n) { return random() % n == 0; };
  const Runs plain = program_order(graph);
  IdVector<ValueId, char> updated(graph.values().size());
  // May run again here: its first run lies behind, and its sources are what they were.
  const auto can_rerun = [&](OpId op) {
    const auto& needs = graph[op].needs;
    return graph[op].recomputable && std::none_of(needs.begin(), needs.end(), [&](ValueId v) {
             return updated[graph[v].storage] != 0;
           });
  };
  Runs runs;
  bool is_backward = false;
  for (const Run run : plain) {
    if (!is_backward && graph[run.op].phase == Phase::kBackward) {
      is_backward = true;
      for (std::size_t o = 0; o < run.op.index(); ++o) {
        if (can_rerun(OpId(o)) && one_in(2)) runs.push_back({OpId(o)});
      }
    }
    if (is_backward) {
      for (const ValueId v : graph[run.op].needs) {
        const auto producer = graph[v].producer;
        if (producer && can_rerun(*producer) && one_in(3)) runs.push_back({*producer});
      }
    }
    runs.push_back(run);
    for (const ValueId v : graph[run.op].updates) updated[v] = 1;
  }
  return schedule_from_runs(graph, without_idle_runs(graph, runs));
}

Schedule in_place_schedule(const TrainingGraph& graph, Schedule schedule) {
  for (std::size_t a = 0; a < schedule.size(); ++a) {
    if (!std::holds_alternative<Compute>(schedule[a])) continue;
    for (const InPlace& pair : graph[std::get<Compute>(schedule[a]).op].in_place) {
      Schedule changed = schedule;
      std::get<Compute>(changed[a]).in_place.push_back(pair.output);
      // The input must die here anyway.
      std::size_t free = a + 1;
      while (free < changed.size() && std::holds_alternative<Free>(changed[free]) &&
             std::get<Free>(changed[free]).value != pair.input) {
        ++free;
      }
      if (free == changed.size() || !std::holds_alternative<Free>(changed[free])) continue;
      changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(free));
      if (simulate(graph, changed)) schedule = std::move(changed);
    }
  }
  return schedule;
}

}  // namespace rockmate::testing
