#include "cli/drawings.h"

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/check.h"
#include "schedule/curve_svg.h"
#include "schedule/timeline.h"

namespace rockmate::cli {

void write_timeline(const TrainingGraph& graph, const Plan& plan,
                    const std::filesystem::path& file) {
  const auto trace = simulate(graph, plan.schedule);
  ROCKMATE_CHECK(trace.has_value(), trace.error().message);
  const TimelineOptions options{.budget = plan.budget, .compare_with_plain = true};
  write_file_atomically(file, timeline_svg(graph, plan.schedule, *trace, options));
}

void write_curve(const TrainingGraph& graph, const std::vector<Plan>& curve,
                 const std::filesystem::path& file) {
  std::vector<CurvePoint> points;
  CurveSeries bound{"lower bound", {}, CurveStyle::kBound};
  for (const Plan& plan : curve) {
    points.push_back({plan.needed(), plan.overhead});
    // Without any time there is no overhead: curve_svg leaves out what is not finite.
    bound.points.push_back(
        {plan.needed(), plan.lower_bound.count() / graph.plain_seconds().count() - 1});
  }
  CurveOptions options;
  options.title = fmt::format("{}: overhead against budget", graph.name());
  options.others = {bound};
  if (!curve.empty()) options.plain_peak = curve.front().needed();
  write_file_atomically(file, curve_svg(points, options));
}

}  // namespace rockmate::cli
