#include "schedule/memory_profile.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"

namespace rockmate {
namespace {

Activity activity_of(Phase phase, bool is_again) {
  if (is_again) return Activity::kRecomputation;
  switch (phase) {
    case Phase::kForward:
      return Activity::kForward;
    case Phase::kLoss:
    case Phase::kBackward:
      return Activity::kBackward;
    case Phase::kUpdate:
      return Activity::kUpdate;
  }
  return Activity::kForward;
}

// By action: the bytes that each activity's storages gain there, or lose.
using Changes = std::vector<std::array<std::int64_t, kActivities>>;

// A storage is released after the action `last`: nothing runs during that action if it is a free,
// and it lives on to the end of the iteration if it is the last compute.
Changes changes_of(const MemoryTrace& trace, const std::vector<Activity>& activity_at) {
  Changes changes(activity_at.size() + 1);
  for (const StorageLifetime& lifetime : trace.lifetimes) {
    const auto maker = static_cast<std::size_t>(activity_at.at(lifetime.first));
    changes[lifetime.first][maker] += lifetime.bytes.count();
    changes[lifetime.last + 1][maker] -= lifetime.bytes.count();
  }
  return changes;
}

std::vector<Activity> activities(const TrainingGraph& graph, const Schedule& schedule) {
  std::vector<Activity> activity_at(schedule.size(), Activity::kForward);
  IdVector<OpId, char> has_run(graph.ops().size(), false);
  for (std::size_t a = 0; a < schedule.size(); ++a) {
    const auto* compute = std::get_if<Compute>(&schedule[a]);
    if (compute == nullptr) continue;
    activity_at[a] = activity_of(graph[compute->op].phase, has_run[compute->op] != 0);
    has_run[compute->op] = true;
  }
  return activity_at;
}

}  // namespace

MemoryProfile profile(const TrainingGraph& graph, const Schedule& schedule,
                      const MemoryTrace& trace) {
  ROCKMATE_CHECK(trace.live.size() == schedule.size());
  const std::vector<Activity> activity_at = activities(graph, schedule);
  const Changes changes = changes_of(trace, activity_at);
  MemoryProfile result;
  result.is_timed = trace.seconds > Seconds();
  std::array<std::int64_t, kActivities> made = {};
  auto workspace = trace.workspaces.begin();
  for (std::size_t a = 0; a < schedule.size(); ++a) {
    for (std::size_t k = 0; k < kActivities; ++k) made[k] += changes[a][k];
    const auto* compute = std::get_if<Compute>(&schedule[a]);
    if (compute == nullptr) continue;
    RunProfile run;
    run.action = a;
    run.activity = activity_at[a];
    run.begin = result.duration;
    const Op& op = graph[compute->op];
    result.duration +=
        result.is_timed ? op.implementations.at(compute->implementation).seconds.count() : 1.0;
    run.end = result.duration;
    std::copy(made.begin(), made.end(), run.made);
    if (workspace != trace.workspaces.end() && workspace->action == a) {
      run.workspace = (workspace++)->bytes.count();
    }
    run.total = trace.live[a].count();
    result.runs.push_back(run);
  }
  return result;
}

std::vector<Sample> sample(const MemoryProfile& profile, std::size_t count) {
  std::vector<Sample> samples(count);
  if (profile.runs.empty() || count == 0) return {};
  std::vector<std::array<double, kActivities>> shares(count);
  const double width = profile.duration / static_cast<double>(count);
  const auto column_of = [&](double time) {
    const double column = std::floor(time / width);
    return column >= static_cast<double>(count) ? count - 1 : static_cast<std::size_t>(column);
  };
  for (const RunProfile& run : profile.runs) {
    // A run that ends where a column begins is not in it.
    const std::size_t first = column_of(run.begin);
    const std::size_t last = std::max(first, column_of(std::nextafter(run.end, 0.0)));
    for (std::size_t c = first; c <= last; ++c) {
      Sample& column = samples[c];
      if (column.fullest == nullptr || column.fullest->total < run.total) column.fullest = &run;
      const double from = std::max(run.begin, width * static_cast<double>(c));
      const double to = std::min(run.end, width * static_cast<double>(c + 1));
      shares[c][static_cast<std::size_t>(run.activity)] += std::max(0.0, to - from);
    }
  }
  for (std::size_t c = 0; c < count; ++c) {
    // Rounding may leave a column untouched: it continues the one before.
    if (samples[c].fullest == nullptr) {
      samples[c] =
          c == 0 ? Sample{&profile.runs.front(), profile.runs.front().activity} : samples[c - 1];
      continue;
    }
    const auto most = std::max_element(shares[c].begin(), shares[c].end());
    samples[c].activity =
        *most > 0 ? static_cast<Activity>(most - shares[c].begin()) : samples[c].fullest->activity;
  }
  return samples;
}

}  // namespace rockmate
