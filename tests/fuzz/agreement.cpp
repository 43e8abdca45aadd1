// Writes random graphs and plans, valid and broken, with our verdict on each: one JSON object per
// line. agreement.py asks an independent judge about the same texts.
// Usage: agreement COUNT [FIRST_SEED]

#include <array>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "rockmate/error.h"
#include "rockmate/schedule.h"
#include "support/random_graph.h"
#include "support/random_plan.h"

namespace rockmate::testing {
namespace {

using nlohmann::json;

class Case {
 public:
  explicit Case(std::uint64_t seed) : random_(seed), graph_(random_graph(seed, options())) {}

  // The texts and our verdict: 0 valid, 1 not, 2 unreadable.
  json verdict() {
    json graph = json::parse(graph_to_json(graph_));
    json plan = base_plan();
    // A file that is unreadable has no other fault: which of two is found first is not agreed on.
    if (chance(3)) {
      plan[chance(50) ? "seconds" : "actions"] = "many";
    } else {
      for (std::size_t k = chance(35) ? 0 : 1 + below(2); k > 0; --k) mutate_plan(plan);
      if (chance(15)) mutate_graph(graph);
    }
    json result = judge_texts(graph.dump(), plan.dump());
    result["graph"] = graph.dump();
    result["plan"] = plan.dump();
    return result;
  }

 private:
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  bool chance(std::size_t percent) { return below(100) < percent; }
  RandomGraphOptions options() {
    RandomGraphOptions options;
    options.forward_ops = 1 + static_cast<int>(below(7));
    options.statistics = chance(50);
    options.accumulators = chance(70);
    options.free_of_cost = chance(5);
    return options;
  }
  json& any(json& list) { return list[below(list.size())]; }
  std::string any_value() { return graph_[ValueId(below(graph_.values().size()))].name; }
  std::string any_op() { return graph_[OpId(below(graph_.ops().size()))].name; }
  std::int64_t nudge() {
    constexpr std::array<std::int64_t, 6> kNudges = {-7, -2, -1, 1, 2, 7};
    return kNudges[below(kNudges.size())];
  }

  json base_plan() {
    for (int recomputations = static_cast<int>(below(6)); recomputations >= 0; --recomputations) {
      Schedule schedule = random_schedule(graph_, random_, recomputations);
      if (!simulate(graph_, schedule)) continue;
      return json::parse(plan_to_json(plan_of(graph_, std::move(schedule), chance(70)), graph_));
    }
    return json::parse(plan_to_json(plan_of(graph_, plain_schedule(graph_)), graph_));
  }

  void mutate_plan(json& plan) {
    const std::size_t what = below(100);
    if (what < 25) {
      mutate_order(plan["actions"]);
    } else if (what < 60) {
      mutate_action(any(plan["actions"]));
    } else if (what < 80 && plan.contains("layout") && !plan["layout"].empty()) {
      mutate_layout(plan["layout"]);
    } else {
      mutate_figure(plan);
    }
  }

  void mutate_order(json& actions) {
    const auto at = [&] {
      return actions.begin() + static_cast<std::ptrdiff_t>(below(actions.size()));
    };
    const json copy = any(actions);
    switch (below(5)) {
      case 0:
        if (actions.size() > 1) actions.erase(at());
        break;
      case 1:
        actions.insert(at(), copy);
        break;
      case 2:
        std::swap(*at(), *at());
        break;
      case 3: {
        const std::size_t k = below(actions.size());
        if (k > 0) std::swap(actions[k - 1], actions[k]);
        break;
      }
      default:
        actions.insert(at(), json{{"free", any_value()}});
    }
  }

  void mutate_action(json& action) {
    if (!action.is_object() || !action.contains("compute")) {
      action = chance(50) ? json{{"free", any_value()}} : json{{"compute", any_op()}};
      return;
    }
    const auto id = graph_.find_op(action["compute"].get<std::string>());
    const bool has_outputs = id && !graph_[*id].outputs.empty();
    const std::string output =
        has_outputs ? graph_[graph_[*id].outputs[below(graph_[*id].outputs.size())]].name
                    : any_value();
    const std::string name = chance(80) ? output : chance(80) ? any_value() : "unknown";
    const std::array<std::function<void()>, 11> changes = {
        [&] { action["in_place"].push_back(name); },
        [&] {
          if (id && !graph_[*id].in_place.empty()) {
            action["in_place"] = {graph_[graph_[*id].in_place.front().output].name};
          }
        },
        [&] { action.erase("in_place"); },
        [&] { action["skip"].push_back(name); },
        [&] { action.erase("skip"); },
        [&] { action["implementation"] = "other"; },
        [&] { action["implementation"] = chance(50) ? "unknown" : ""; },
        [&] { action.erase("implementation"); },
        [&] { action["compute"] = chance(50) ? any_op() : "unknown"; },
        [&] { action["free"] = any_value(); },
        [&] { action = chance(50) ? json(3) : json::object(); },
    };
    changes[below(changes.size())]();
  }

  void mutate_layout(json& rows) {
    json& row = any(rows);
    const auto add = [&](const char* key) {
      if (row.contains(key)) row[key] = row[key].get<std::int64_t>() + nudge();
    };
    const std::array<std::function<void()>, 10> changes = {
        [&] { add("offset"); },
        [&] { add("bytes"); },
        [&] { add("first"); },
        [&] { add("last"); },
        [&] { add("workspace"); },
        [&] { row["offset"] = any(rows)["offset"]; },
        [&] { row["offset"] = below(40); },
        [&] { row["value"] = chance(70) ? any_value() : "unknown"; },
        [&] { rows.push_back(json(row)); },
        [&] { rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(below(rows.size()))); },
    };
    changes[below(changes.size())]();
  }

  void mutate_figure(json& plan) {
    constexpr std::array<const char*, 4> kBytes = {"budget_bytes", "peak_bytes", "static_bytes",
                                                   "arena_bytes"};
    constexpr std::array<const char*, 3> kReals = {"seconds", "overhead", "lower_bound_seconds"};
    constexpr std::array<double, 8> kShifts = {-1e-3, -2e-6, -5e-7, -1e-10, 1e-10, 5e-7, 2e-6, 1};
    const std::string bytes = kBytes[below(kBytes.size())], real = kReals[below(kReals.size())];
    const double seconds = plan.value("seconds", 0.0);
    const std::array<std::function<void()>, 7> changes = {
        [&] { plan[bytes] = plan.value(bytes, std::int64_t{0}) + nudge(); },
        [&] { plan.erase(bytes); },
        [&] { plan[real] = plan.value(real, 0.0) + kShifts[below(kShifts.size())]; },
        [&] { plan[real] = plan.value(real, 0.0) * (1 + kShifts[below(kShifts.size())]); },
        [&] { plan["lower_bound_seconds"] = seconds * (1 + kShifts[below(kShifts.size())]); },
        [&] { plan.erase(real); },
        [&] { plan.erase("layout"); },
    };
    changes[below(changes.size())]();
  }

  void mutate_graph(json& graph) {
    json& value = any(graph["values"]);
    json& op = any(graph["ops"]);
    // The bytes that a view states mean nothing, and only we look at their type.
    const auto make_view_of = [&](const std::string& owner) {
      value["alias_of"] = owner;
      value.erase("bytes");
    };
    const std::array<std::function<void()>, 16> changes = {
        [&] {
          if (!value.contains("alias_of")) value["bytes"] = -1;
        },
        [&] { value.erase("bytes"); },
        [&] { value["name"] = any_value(); },
        [&] { make_view_of(any_value()); },
        [&] { make_view_of("unknown"); },
        [&] { op["seconds"] = chance(50) ? json(-1) : json(); },
        [&] { op.erase("seconds"); },
        [&] { op["workspace"] = chance(50) ? json(-1) : json(4.5); },
        [&] { op["inputs"].push_back(chance(50) ? any_value() : "unknown"); },
        [&] { op["outputs"].push_back(any_value()); },
        [&] { op["accumulates"].push_back(any_value()); },
        [&] { op["updates"] = {any_value()}; },
        [&] { op["optional"].push_back(any_value()); },
        [&] { op["in_place"][any_value()] = any_value(); },
        [&] { op["name"] = any_op(); },
        [&] { op["recomputable"] = chance(50); },
    };
    changes[below(changes.size())]();
  }

  static json judge_texts(const std::string& graph_text, const std::string& plan_text) {
    try {
      const TrainingGraph graph = parse_graph(graph_text, "graph");
      const auto plan = parse_plan(plan_text, "plan", graph);
      if (!plan) return {{"code", 1}, {"message", plan.error().message}};
      const auto trace = judge(graph, *plan);
      if (!trace) return {{"code", 1}, {"message", trace.error().message}};
      json figures = {{"peak_bytes", trace->peak.count()},
                      {"static_bytes", trace->static_bytes.count()},
                      {"seconds", trace->seconds.count()},
                      {"base_seconds", graph.plain_seconds().count()},
                      {"overhead", overhead(graph, trace->seconds)},
                      {"recomputed_ops", trace->recomputations},
                      {"actions", plan->schedule.size()}};
      if (plan->layout) figures["arena_bytes"] = plan->layout->arena_bytes.count();
      figures["peak_action"] =
          trace->peak_action ? static_cast<std::int64_t>(*trace->peak_action) : -1;
      return {{"code", 0}, {"figures", figures}};
    } catch (const InvalidInput& error) {
      return {{"code", 2}, {"message", error.what()}};
    }
  }

  std::mt19937_64 random_;
  TrainingGraph graph_;
};

}  // namespace
}  // namespace rockmate::testing

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000;
  const std::uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    nlohmann::json line = rockmate::testing::Case(seed).verdict();
    line["seed"] = seed;
    std::cout << line.dump() << '\n';
  }
}
