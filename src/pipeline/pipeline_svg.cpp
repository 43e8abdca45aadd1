// Ranks over time, as the papers draw it: a lane per rank, a bar per action with the number of its
// micro-batch where there is room, what is left of the lane is bubble. Below each lane a strip
// shows when messages come in, and a curve how full the memory is. Bars of one kind are one path
// per lane, and bars narrower than a pixel are joined, so that the file stays small.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/plot.h"
#include "base/svg.h"
#include "rockmate/pipeline.h"

namespace rockmate {
namespace {

constexpr double kWidth = 1100, kLane = 26, kStrip = 5, kMemory = 22, kGap = 12, kLeft = 164;
constexpr std::string_view kInk = "#0f172a", kBubble = "#e8ebf0", kMessage = "#64748b",
                           kMemoryColour = "#c7d3e3", kBudget = "#b4232a";

enum class Kind : std::uint8_t { kForward, kRecompute, kBackward, kWeights, kUpdate };
constexpr std::size_t kKinds = 5;
// Those of the memory timeline, and a lighter green for the second part of a backward.
constexpr std::array<std::string_view, kKinds> kColours = {"#3b82bd", "#eda521", "#2f9e83",
                                                           "#9ed8c6", "#b07aa1"};
constexpr std::array<std::string_view, kKinds> kNames = {"forward", "recomputation", "backward",
                                                         "weight gradient", "update"};

struct Bar {
  Kind kind = Kind::kForward;
  double begin = 0, end = 0;
  std::uint32_t micro_batch = 0;
};

// Backwards fall into their recomputation and the rest.
std::vector<Bar> bars_of(const Pipeline& pipeline, const PipelineTrace& trace, std::size_t rank) {
  std::vector<Bar> bars;
  std::map<std::pair<std::uint32_t, std::uint32_t>, double> again;  // seconds still to recompute
  const double speed = pipeline.cluster.devices[rank].speed;
  for (const TimedAction& timed : trace.ranks[rank].actions) {
    const StageAction& a = timed.action;
    const double begin = timed.start.count(), end = timed.end.count();
    double& recompute = again[{a.stage, a.micro_batch}];
    switch (a.verb) {
      case StageVerb::kForward: {
        const auto& strategy = pipeline.stages[a.stage].strategies[a.strategy];
        recompute = strategy.recompute.count() / speed;
        bars.push_back({Kind::kForward, begin, end, a.micro_batch});
        break;
      }
      case StageVerb::kRecompute:
        recompute = 0;
        bars.push_back({Kind::kRecompute, begin, end, a.micro_batch});
        break;
      case StageVerb::kWeightGradient:
        bars.push_back({Kind::kWeights, begin, end, a.micro_batch});
        break;
      default:
        if (recompute > 0) {
          bars.push_back({Kind::kRecompute, begin, begin + recompute, a.micro_batch});
        }
        bars.push_back({Kind::kBackward, begin + recompute, end, a.micro_batch});
    }
  }
  double last = bars.empty() ? 0 : bars.back().end;
  for (const PipelineStage& stage : pipeline.stages) {
    if (stage.rank != rank || stage.update <= Seconds()) continue;
    const double end = last + stage.update.count() / speed;
    bars.push_back({Kind::kUpdate, last, end, 0});
    last = end;
  }
  return bars;
}

class Drawing {
 public:
  Drawing(const Pipeline& pipeline, const PipelineTrace& trace, std::string_view title)
      : pipeline_(pipeline),
        trace_(trace),
        svg_(kWidth, height(), fmt::format("Pipeline timeline of {}", title)) {
    const double longest = trace.makespan > Seconds() ? trace.makespan.count() : 1;
    x_ = {0, longest, kLeft, kWidth - 24};
    svg_.text(24, 34, shortened(title, 80), {.size = 19, .colour = kInk, .bold = true});
    svg_.text(
        24, 57,
        fmt::format("{} per iteration  ·  {} micro-batches  ·  bubbles {:.1f} %",
                    to_string(trace.makespan), pipeline.micro_batches, 100 * trace.bubble_ratio()),
        {.size = 13});
  }

  std::string draw() && {
    std::array<bool, kKinds> occurs = {};
    std::vector<std::vector<Bar>> bars;
    for (std::size_t r = 0; r < trace_.ranks.size(); ++r) {
      bars.push_back(bars_of(pipeline_, trace_, r));
      for (const Bar& bar : bars.back()) occurs[static_cast<std::size_t>(bar.kind)] = true;
    }
    draw_legend(svg_, 24, 70, kWidth - 24, legend(occurs));
    for (std::size_t r = 0; r < trace_.ranks.size(); ++r) {
      draw_name(r);
      draw_bars(r, bars[r]);
      draw_memory(r);
    }
    draw_messages();
    const Frame frame = {kLeft, top(0), kWidth - 24, top(trace_.ranks.size()) - kGap};
    draw_x_axis(svg_, frame, frame.bottom + 6, x_, second_ticks(0, x_.to, 8), "time");
    return std::move(svg_).finish();
  }

 private:
  [[nodiscard]] static double top(std::size_t rank) {
    return 108 + static_cast<double>(rank) * (kLane + kStrip + kMemory + kGap);
  }
  [[nodiscard]] double height() const { return top(trace_.ranks.size()) + 48; }

  [[nodiscard]] std::vector<LegendEntry> legend(const std::array<bool, kKinds>& occurs) const {
    std::vector<LegendEntry> entries;
    for (std::size_t k = 0; k < kKinds; ++k) {
      if (occurs[k]) entries.push_back({Mark::kPatch, kColours[k], std::string(kNames[k])});
    }
    entries.push_back({Mark::kPatch, kBubble, "bubble"});
    if (!trace_.transfers.empty()) entries.push_back({Mark::kPatch, kMessage, "message comes in"});
    entries.push_back({Mark::kPatch, kMemoryColour, "memory"});
    if (std::any_of(pipeline_.cluster.devices.begin(), pipeline_.cluster.devices.end(),
                    is_limited)) {
      entries.push_back({Mark::kLine, kBudget, "of the device"});
    }
    return entries;
  }
  static bool is_limited(const PipelineDevice& device) {
    return device.memory < PipelineDevice().memory;
  }

  void draw_name(std::size_t r) {
    const PipelineDevice& device = pipeline_.cluster.devices[r];
    const std::string name =
        device.name.empty() ? "" : fmt::format(" {}", shortened(device.name, 12));
    svg_.text(24, top(r) + 17, fmt::format("{}{}", r, name),
              {.size = 13, .colour = kInk, .bold = true});
    std::string bytes = to_string(trace_.ranks[r].peak);
    if (is_limited(device)) bytes += fmt::format(" of {}", to_string(device.memory));
    svg_.text(24, top(r) + kLane + kStrip + 14, bytes, {.size = 10.5});
  }

  void draw_bars(std::size_t r, const std::vector<Bar>& bars) {
    svg_.rect(x_.at_from, top(r), x_.at_to - x_.at_from, kLane, kBubble);
    std::array<PathData, kKinds> paths;
    std::vector<Bar> labelled;
    for (std::size_t i = 0; i < bars.size();) {
      // Joined with what follows it of the same kind, as long as that begins within a pixel.
      const double begin = x_(bars[i].begin);
      double end = x_(bars[i].end);
      std::size_t next = i + 1;
      while (next < bars.size() && bars[next].kind == bars[i].kind && end - begin < 1 &&
             x_(bars[next].begin) - end < 0.5) {
        end = x_(bars[next++].end);
      }
      const double gap = end - begin > 4 ? 0.6 : 0;
      auto& path = paths[static_cast<std::size_t>(bars[i].kind)];
      path.move(begin, top(r)).horizontal(end - gap).vertical(top(r) + kLane);
      path.horizontal(begin).close();
      if (end - begin > 14 && bars[i].kind != Kind::kUpdate) labelled.push_back(bars[i]);
      i = next;
    }
    for (std::size_t k = 0; k < kKinds; ++k) {
      if (!paths[k].empty()) svg_.fill(paths[k], kColours[k]);
    }
    for (const Bar& bar : labelled) {
      svg_.text(x_((bar.begin + bar.end) / 2), top(r) + 17, std::to_string(bar.micro_batch),
                {.size = 10.5, .colour = "#ffffff", .anchor = "middle"});
    }
  }

  void draw_messages() {
    std::vector<PathData> paths(trace_.ranks.size());
    std::vector<double> drawn(trace_.ranks.size(), -1);
    for (const TimedTransfer& t : trace_.transfers) {
      const double y = top(t.to) + kLane;
      const double begin = std::max(x_(t.start.count()), drawn[t.to]);
      const double end = std::max(x_(t.end.count()), x_(t.start.count()) + 0.8);
      if (end - begin < 0.4) continue;
      drawn[t.to] = end;
      paths[t.to].move(begin, y + 1).horizontal(end).vertical(y + kStrip).horizontal(begin).close();
    }
    for (const PathData& path : paths) {
      if (!path.empty()) svg_.fill(path, kMessage);
    }
  }

  // Each pixel shows the most that was there.
  void draw_memory(std::size_t r) {
    const RankTrace& rank = trace_.ranks[r];
    const Bytes memory = pipeline_.cluster.devices[r].memory;
    const bool limited = is_limited(pipeline_.cluster.devices[r]);
    const Bytes most = std::max({limited ? memory : Bytes(1), rank.peak, Bytes(1)});
    const double bottom = top(r) + kLane + kStrip + kMemory;
    const Scale y = {0, static_cast<double>(most.count()), bottom, bottom - kMemory + 2};
    const auto columns = static_cast<std::size_t>(x_.at_to - x_.at_from);
    std::vector<Bytes> highest(columns);
    for (std::size_t i = 0; i < rank.memory.size(); ++i) {
      const double end = i + 1 < rank.memory.size() ? rank.memory[i + 1].time.count() : x_.to;
      const auto column = [&](double time) {
        return std::min(static_cast<std::size_t>(std::max(0.0, x_(time) - x_.at_from)),
                        columns - 1);
      };
      for (std::size_t c = column(rank.memory[i].time.count()); c <= column(end); ++c) {
        highest[c] = std::max(highest[c], rank.memory[i].bytes);
      }
    }
    PathData path;
    path.move(x_.at_from, bottom);
    for (std::size_t c = 0; c < columns; ++c) {
      if (c > 0 && highest[c] == highest[c - 1]) continue;
      path.horizontal(x_.at_from + static_cast<double>(c));
      path.vertical(y(static_cast<double>(highest[c].count())));
    }
    path.horizontal(x_.at_to).vertical(bottom).close();
    svg_.fill(path, kMemoryColour);
    if (!limited) return;
    const double line = y(static_cast<double>(memory.count()));
    svg_.line(x_.at_from, line, x_.at_to, line, {kBudget, 1});
  }

  const Pipeline& pipeline_;
  const PipelineTrace& trace_;
  Svg svg_;
  Scale x_;
};

}  // namespace

std::string pipeline_svg(const Pipeline& pipeline, const PipelineTrace& trace,
                         std::string_view title) {
  return Drawing(pipeline, trace, title).draw();
}

}  // namespace rockmate
