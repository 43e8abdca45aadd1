#include "cli/profile_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/table.h"

namespace rockmate::cli {
namespace {

// Of all ops of a kind, or of all.
struct Totals {
  std::size_t count = 0;
  double seconds = 0;
  double flops = 0;
  double bytes = 0;

  void add(const OpProfile& op) {
    const auto times = static_cast<double>(op.count);
    count += op.count;
    seconds += times * op.cost.seconds.count();
    flops += times * op.work.flops;
    bytes += times * static_cast<double>(op.work.traffic.count());
  }
  [[nodiscard]] double per_second(double amount) const {
    return seconds > 0 ? amount / seconds : 0;
  }
};

struct Summary {
  std::vector<std::pair<OpKind, Totals>> kinds;  // the slowest first
  Totals all;
};

Summary summarize(const Profile& profile) {
  std::map<OpKind, Totals> kinds;
  Summary summary;
  for (const OpProfile& op : profile.ops) {
    kinds[op.kind].add(op);
    summary.all.add(op);
  }
  summary.kinds.assign(kinds.begin(), kinds.end());
  std::ranges::stable_sort(summary.kinds, std::ranges::greater(),
                           [](const auto& each) { return each.second.seconds; });
  return summary;
}

std::vector<std::string> cells(std::string_view name, const Totals& totals, const Totals& all) {
  return {std::string(name),
          fmt::format("{}", totals.count),
          to_string(Seconds(totals.seconds)),
          fmt::format("{:.1f}", totals.per_second(totals.flops) / 1e9),
          fmt::format("{:.1f}", totals.per_second(totals.bytes) / 1e9),
          percent(all.seconds > 0 ? totals.seconds / all.seconds : 0)};
}

nlohmann::ordered_json figures(const Totals& totals) {
  return {{"count", totals.count},
          {"seconds", totals.seconds},
          {"flops", totals.flops},
          {"bytes", totals.bytes}};
}

}  // namespace

std::string report(const std::string& model, const Profile& profile) {
  const Summary summary = summarize(profile);
  Table table("lrrrrr");
  table.row({"kind", "ops", "time", "GFLOP/s", "GB/s", "share"});
  for (const auto& [kind, totals] : summary.kinds) {
    table.row(cells(to_string(kind), totals, summary.all));
  }
  table.row(cells("all", summary.all, summary.all));
  const auto known = static_cast<std::size_t>(
      std::ranges::count_if(profile.ops, [](const OpProfile& op) { return op.was_known; }));
  std::string text =
      fmt::format("{}: {} distinct, {} of them measured before\n{}\n\n{}", model,
                  counted(profile.ops.size(), "op"), known, profile.where, table.text());
  if (profile.missing > 0) {
    text +=
        fmt::format("\n{} not measured: interrupted\n", counted(profile.missing, "distinct op"));
  }
  return text;
}

nlohmann::ordered_json to_json(const Profile& profile) {
  const Summary summary = summarize(profile);
  nlohmann::ordered_json object = {{"where", profile.where}, {"missing", profile.missing}};
  object["all"] = figures(summary.all);
  object["kinds"] = nlohmann::ordered_json::object();
  for (const auto& [kind, totals] : summary.kinds) {
    object["kinds"][std::string(to_string(kind))] = figures(totals);
  }
  object["ops"] = nlohmann::ordered_json::array();
  for (const OpProfile& op : profile.ops) {
    object["ops"].push_back({{"op", op.signature},
                             {"count", op.count},
                             {"seconds", op.cost.seconds.count()},
                             {"workspace", op.cost.workspace.count()},
                             {"flops", op.work.flops},
                             {"bytes", op.work.traffic.count()},
                             {"known", op.was_known}});
  }
  return object;
}

}  // namespace rockmate::cli
