#include "cli/op_times.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "cli/table.h"

namespace rockmate::cli {
namespace {

std::vector<std::string> cells(std::string_view name, const TimedOp& sum) {
  const double ratio = sum.planned > Seconds() ? sum.measured.count() / sum.planned.count() - 1 : 0;
  return {std::string(name), fmt::format("{}", sum.runs), to_string(sum.measured),
          to_string(sum.planned), percent(ratio)};
}

void add(TimedOp& sum, const TimedOp& op) {
  sum.runs += op.runs;
  sum.planned += op.planned;
  sum.measured += op.measured;
}

}  // namespace

std::vector<TimedOp> timed_ops(const TrainingModel& model,
                               const std::vector<std::vector<OpTime>>& steps) {
  std::vector<TimedOp> ops;
  std::unordered_map<std::string, std::size_t> position;
  for (std::size_t run = 0; !steps.empty() && run < steps.front().size(); ++run) {
    const OpId op = steps.front()[run].op;
    const auto [at, is_new] = position.emplace(signature(model, op), ops.size());
    if (is_new) ops.push_back({at->first, model.kernels[op].kind, 0, {}, {}});
    std::vector<Seconds> times;
    for (const auto& step : steps) times.push_back(step[run].seconds);
    add(ops[at->second], {{}, {}, 1, model.graph[op].seconds(), median(std::move(times))});
  }
  return ops;
}

std::string report(const std::vector<TimedOp>& ops) {
  std::map<OpKind, TimedOp> by_kind;
  TimedOp all;
  for (const TimedOp& op : ops) {
    add(by_kind[op.kind], op);
    add(all, op);
  }
  std::vector<std::pair<OpKind, TimedOp>> kinds(by_kind.begin(), by_kind.end());
  std::ranges::stable_sort(kinds, std::ranges::greater(),
                           [](const auto& each) { return each.second.measured; });
  Table table("lrrrr");
  table.row({"kind", "runs", "measured", "planned", "off by"});
  for (const auto& [kind, sum] : kinds) table.row(cells(to_string(kind), sum));
  table.row(cells("all", all));
  return table.text();
}

nlohmann::ordered_json to_json(const std::vector<TimedOp>& ops) {
  auto list = nlohmann::ordered_json::array();
  for (const TimedOp& op : ops) {
    list.push_back({{"op", op.signature},
                    {"runs", op.runs},
                    {"seconds_planned", op.planned.count()},
                    {"seconds_measured", op.measured.count()}});
  }
  return list;
}

Seconds median(std::vector<Seconds> times) {
  if (times.empty()) return {};
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace rockmate::cli
