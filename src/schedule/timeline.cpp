// Every pixel column shows the fullest run in it, so that the peak is never averaged away and the
// size of the file does not grow with the schedule. Layers are stacked from what stays to what
// goes: sources, storages made by the forward pass, by recomputation, by the backward pass, by
// updates, and the workspace on top; their sum is the curve that has to stay below the budget.
#include "schedule/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/plot.h"
#include "base/svg.h"
#include "schedule/memory_profile.h"
#include "schedule/runs.h"

namespace rockmate {
namespace {

constexpr double kWidth = 1000, kHeight = 520;
constexpr std::string_view kStatic = "#a3acb9", kWorkspace = "#d5dbe5", kBudget = "#b4232a",
                           kPlain = "#64748b", kInk = "#0f172a";
// Blue, orange and green that stay apart for colour-blind eyes; after Okabe and Ito.
constexpr std::array<std::string_view, kActivities> kColours = {"#3b82bd", "#eda521", "#2f9e83",
                                                                "#b07aa1"};
constexpr std::array<std::string_view, kActivities> kNames = {"forward", "recomputation",
                                                              "backward", "update"};

class Timeline {
 public:
  Timeline(const TrainingGraph& graph, const Schedule& schedule, const MemoryTrace& trace,
           const TimelineOptions& options)
      : graph_(graph),
        schedule_(schedule),
        trace_(trace),
        options_(options),
        profile_(profile(graph, schedule, trace)),
        svg_(kWidth, kHeight, fmt::format("Memory over time of {}", graph.name())) {
    if (options.compare_with_plain) {
      const Schedule plain = plain_schedule(graph);
      if (const auto plain_trace = simulate(graph, plain)) {
        plain_ = profile(graph, plain, *plain_trace);
        plain_peak_ = plain_trace->peak;
      }
    }
  }

  std::string draw() && {
    draw_heading();
    draw_axes();
    draw_layers();
    draw_plain();
    draw_strip();
    draw_budget();
    draw_peak();
    return std::move(svg_).finish();
  }

 private:
  void draw_heading();
  void draw_axes();
  void draw_layers();
  void draw_plain();
  void draw_strip();
  void draw_budget();
  void draw_peak();

  [[nodiscard]] std::vector<LegendEntry> legend() const;
  [[nodiscard]] const RunProfile* peak_run() const;
  // A filled band between two heights, each a function of a run, over the samples.
  template <class Low, class High>
  [[nodiscard]] PathData band(const std::vector<Sample>& samples, Low low, High high) const;
  [[nodiscard]] std::size_t columns(double duration) const {
    return static_cast<std::size_t>(
        std::max(1.0, (frame_.right - frame_.left) * duration / longest()));
  }
  [[nodiscard]] double longest() const {
    const double longest = std::max(profile_.duration, plain_.duration);
    return longest > 0 ? longest : 1;
  }

  const TrainingGraph& graph_;
  const Schedule& schedule_;
  const MemoryTrace& trace_;
  const TimelineOptions& options_;
  MemoryProfile profile_;
  MemoryProfile plain_;
  std::optional<Bytes> plain_peak_;
  Svg svg_;
  Frame frame_{88, 116, kWidth - 28, kHeight - 88};
  Scale x_;
  Scale y_;
};

std::vector<LegendEntry> Timeline::legend() const {
  std::array<bool, kActivities> occurs = {};
  for (const RunProfile& run : profile_.runs) occurs[static_cast<std::size_t>(run.activity)] = true;
  std::vector<LegendEntry> entries;
  if (trace_.static_bytes > Bytes()) {
    entries.push_back({Mark::kPatch, kStatic, "static (parameters, inputs)"});
  }
  for (std::size_t k = 0; k < kActivities; ++k) {
    if (occurs[k]) entries.push_back({Mark::kPatch, kColours[k], std::string(kNames[k])});
  }
  if (!trace_.workspaces.empty()) entries.push_back({Mark::kPatch, kWorkspace, "workspace"});
  if (options_.budget) entries.push_back({Mark::kDashes, kBudget, "budget"});
  if (plain_peak_) entries.push_back({Mark::kLine, kPlain, "plain iteration"});
  return entries;
}

void Timeline::draw_heading() {
  svg_.text(24, 36, shortened(graph_.name(), 70), {.size = 19, .colour = kInk, .bold = true});
  std::string facts = fmt::format("peak {}", to_string(trace_.peak));
  if (options_.budget) facts += fmt::format(" of a budget of {}", to_string(*options_.budget));
  if (plain_peak_) facts += fmt::format("  ·  plain iteration {}", to_string(*plain_peak_));
  if (graph_.plain_seconds() > Seconds()) {
    const double overhead = trace_.seconds.count() / graph_.plain_seconds().count() - 1;
    facts += fmt::format("  ·  overhead {:.2f} %", 100 * overhead + 0.0);
  }
  facts += trace_.recomputations == 0 ? "  ·  nothing runs again"
                                      : fmt::format("  ·  {} op{} again", trace_.recomputations,
                                                    trace_.recomputations == 1 ? " runs" : "s run");
  svg_.text(24, 60, facts, {.size = 13});
  frame_.top = 74 + draw_legend(svg_, 24, 74, kWidth - 24, legend()) + 4;
}

void Timeline::draw_axes() {
  const auto highest = std::max(
      {trace_.peak, options_.budget.value_or(Bytes()), plain_peak_.value_or(Bytes()), Bytes(1)});
  // Room for the labels of peak and budget above both.
  y_ = {0, 1.13 * static_cast<double>(highest.count()), frame_.bottom, frame_.top};
  x_ = {0, longest(), frame_.left, frame_.right};
  draw_y_axis(svg_, frame_, y_, byte_ticks(y_.from, y_.to, 6));
}

template <class Low, class High>
PathData Timeline::band(const std::vector<Sample>& samples, Low low, High high) const {
  PathData path;
  const auto at = [&](auto height, std::size_t c) {
    return y_(static_cast<double>(height(*samples[c].fullest)));
  };
  for (std::size_t begin = 0; begin < samples.size();) {
    if (high(*samples[begin].fullest) == low(*samples[begin].fullest)) {
      ++begin;
      continue;
    }
    std::size_t end = begin;
    while (end < samples.size() && high(*samples[end].fullest) > low(*samples[end].fullest)) ++end;
    const auto x = [&](std::size_t c) { return frame_.left + static_cast<double>(c); };
    path.move(x(begin), at(low, begin));
    for (std::size_t c = begin; c < end; ++c) {
      if (c == begin || at(high, c) != at(high, c - 1)) path.horizontal(x(c)).vertical(at(high, c));
    }
    path.horizontal(x(end));
    for (std::size_t c = end; c-- > begin;) {
      if (c + 1 == end || at(low, c) != at(low, c + 1)) {
        path.horizontal(x(c + 1)).vertical(at(low, c));
      }
    }
    path.close();
    begin = end;
  }
  return path;
}

void Timeline::draw_layers() {
  const std::vector<Sample> samples = sample(profile_, columns(profile_.duration));
  if (samples.empty()) return;
  const std::int64_t base = trace_.static_bytes.count();
  // What lies below layer k: 0 is the ground, then the static bytes, then one more activity each.
  const auto height = [base](std::size_t k) {
    return [base, k](const RunProfile& run) {
      std::int64_t sum = k == 0 ? 0 : base;
      for (std::size_t a = 0; a + 1 < k; ++a) sum += run.made[a];
      return sum;
    };
  };
  svg_.fill(band(samples, height(0), height(1)), kStatic);
  for (std::size_t k = 0; k < kActivities; ++k) {
    svg_.fill(band(samples, height(k + 1), height(k + 2)), kColours[k]);
  }
  svg_.fill(band(samples, height(kActivities + 1), [](const RunProfile& run) { return run.total; }),
            kWorkspace);
}

void Timeline::draw_plain() {
  const std::vector<Sample> samples = sample(plain_, columns(plain_.duration));
  if (!plain_peak_ || samples.empty()) return;
  PathData path;
  path.move(frame_.left, y_(static_cast<double>(samples[0].fullest->total)));
  for (std::size_t c = 1; c < samples.size(); ++c) {
    if (samples[c].fullest->total == samples[c - 1].fullest->total) continue;
    path.horizontal(frame_.left + static_cast<double>(c));
    path.vertical(y_(static_cast<double>(samples[c].fullest->total)));
  }
  path.horizontal(frame_.left + static_cast<double>(samples.size()));
  svg_.stroke(path, {kPlain, 1.2});
}

void Timeline::draw_strip() {
  constexpr double kGap = 10, kStrip = 16;
  const double top = frame_.bottom + kGap;
  const std::vector<Sample> samples = sample(profile_, columns(profile_.duration));
  std::array<PathData, kActivities> paths;
  for (std::size_t begin = 0; begin < samples.size();) {
    const Activity activity = samples[begin].activity;
    std::size_t end = begin;
    while (end < samples.size() && samples[end].activity == activity) ++end;
    paths[static_cast<std::size_t>(activity)]
        .move(frame_.left + static_cast<double>(begin), top)
        .horizontal(frame_.left + static_cast<double>(end))
        .vertical(top + kStrip)
        .horizontal(frame_.left + static_cast<double>(begin))
        .close();
    begin = end;
  }
  for (std::size_t k = 0; k < kActivities; ++k) svg_.fill(paths[k], kColours[k]);
  svg_.text(frame_.left - 8, top + 12, "runs",
            {.size = 11.5, .colour = "#64748b", .anchor = "end"});
  const auto ticks = profile_.is_timed ? second_ticks(0, x_.to, 8) : number_ticks(0, x_.to, 8);
  draw_x_axis(svg_, frame_, top + kStrip + 6, x_, ticks, profile_.is_timed ? "time" : "runs");
}

const RunProfile* Timeline::peak_run() const {
  const auto found = std::find_if(profile_.runs.begin(), profile_.runs.end(), [&](const auto& run) {
    return trace_.peak_action && run.action == *trace_.peak_action;
  });
  return found == profile_.runs.end() ? nullptr : &*found;
}

// Its label stands at the end that is farther from the peak's.
void Timeline::draw_budget() {
  if (!options_.budget) return;
  const double y = y_(static_cast<double>(options_.budget->count()));
  svg_.line(frame_.left, y, frame_.right, y, {kBudget, 1.6, "6 4"});
  const RunProfile* peak = peak_run();
  const bool at_left = peak != nullptr && peak->begin > x_.to / 2;
  svg_.text(at_left ? frame_.left + 6 : frame_.right - 2, y - 7,
            fmt::format("budget {}", to_string(*options_.budget)),
            {.size = 12,
             .colour = kBudget,
             .anchor = at_left ? "start" : "end",
             .bold = true,
             .halo = true});
}

void Timeline::draw_peak() {
  const RunProfile* peak = peak_run();
  if (peak == nullptr) return;
  const double x = x_((peak->begin + peak->end) / 2);
  const double y = y_(static_cast<double>(trace_.peak.count()));
  double label_y = y - 13;
  if (options_.budget) {
    // Not on the budget line: above it.
    const double budget_y = y_(static_cast<double>(options_.budget->count()));
    if (budget_y <= y + 2 && budget_y >= label_y - 18) label_y = budget_y - 9;
  }
  const auto& compute = std::get<Compute>(schedule_[peak->action]);
  const std::string label =
      fmt::format("peak {} in {}", to_string(trace_.peak), shortened(graph_[compute.op].name, 36));
  if (label_y < y - 14) svg_.line(x, y, x, label_y + 4, {kInk, 1});
  svg_.circle(x, y, 4.5, kInk);
  const double half = text_width(label, 12) / 2;
  const double centre = std::clamp(x, frame_.left + half, frame_.right - half);
  svg_.text(centre, label_y, label,
            {.size = 12, .colour = kInk, .anchor = "middle", .bold = true, .halo = true});
}

}  // namespace

std::string timeline_svg(const TrainingGraph& graph, const Schedule& schedule,
                         const MemoryTrace& trace, const TimelineOptions& options) {
  return Timeline(graph, schedule, trace, options).draw();
}

}  // namespace rockmate
