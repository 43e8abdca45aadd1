#include "cli/plan_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "cli/block_summary.h"
#include "cli/table.h"

namespace rockmate::cli {
namespace {

constexpr const char* kStaticNote = "inputs, parameters and whatever else no op makes";

std::string exact(Bytes bytes) { return fmt::format("{} bytes", bytes.count()); }

std::string quality(const Plan& plan) {
  if (plan.proven_optimal) return "proven optimal";
  if (plan.lower_bound <= Seconds()) return "";
  const double gap = plan.seconds.count() / plan.lower_bound.count() - 1;
  return fmt::format("within {} of optimal", percent(gap));
}

// How many ops run more than once, and how many runs that adds.
struct Again {
  std::size_t ops = 0;
  std::size_t runs = 0;
};

Again count_again(const Schedule& schedule) {
  std::set<OpId> once, again;
  Again count;
  for (const Action& action : schedule) {
    const auto* compute = std::get_if<Compute>(&action);
    if (!compute || once.insert(compute->op).second) continue;
    ++count.runs;
    again.insert(compute->op);
  }
  count.ops = again.size();
  return count;
}

}  // namespace

std::string report(const TrainingGraph& graph, const Plan& plan) {
  const Again again = count_again(plan.schedule);
  Table table("lrl");
  const auto bytes = [&](const char* what, Bytes amount, std::string note) {
    table.row({what, to_string(amount), std::move(note)});
  };
  bytes("budget", plan.budget, exact(plan.budget));
  bytes("peak", plan.peak, exact(plan.peak));
  bytes("  static", plan.static_bytes, kStaticNote);
  if (plan.layout) {
    const double share = plan.budget > Bytes() ? static_cast<double>(plan.needed().count()) /
                                                     static_cast<double>(plan.budget.count())
                                               : 1;
    bytes("arena", plan.layout->arena_bytes,
          fmt::format("with the static bytes {} of the budget", percent(share)));
  }
  table.row({"time", to_string(plan.seconds),
             fmt::format("plain iteration {}", to_string(graph.plain_seconds()))});
  table.row({"overhead", percent(plan.overhead), quality(plan)});
  table.row({"lower bound", to_string(plan.lower_bound), "no plan within the budget is faster"});
  if (plan.rotor_epsilon) {
    table.row({"epsilon", percent(*plan.rotor_epsilon),
               "at most, over the best plan of two choices per block"});
  }
  table.row({"run again", counted(again.ops, "op"),
             fmt::format("of {}, {}", graph.ops().size(), counted(again.runs, "extra run"))});
  table.row({"planner", plan.planner, "in " + to_string(plan.planning_seconds)});
  return fmt::format("{}: a plan within {}\n\n{}", plan.graph, to_string(plan.budget),
                     table.text());
}

nlohmann::ordered_json to_json(const TrainingGraph& graph, const Plan& plan) {
  nlohmann::ordered_json object;
  object["budget_bytes"] = plan.budget.count();
  object["peak_bytes"] = plan.peak.count();
  object["arena_bytes"] = nullptr;
  if (plan.layout) object["arena_bytes"] = plan.layout->arena_bytes.count();
  object["static_bytes"] = plan.static_bytes.count();
  object["seconds"] = plan.seconds.count();
  object["plain_seconds"] = graph.plain_seconds().count();
  object["overhead"] = plan.overhead;
  object["lower_bound_seconds"] = plan.lower_bound.count();
  object["proven_optimal"] = plan.proven_optimal;
  object["planner"] = plan.planner;
  if (plan.rotor_epsilon) object["rotor_epsilon"] = *plan.rotor_epsilon;
  object["planning_seconds"] = plan.planning_seconds.count();
  const BlockSummary blocks = summarize_blocks(graph);
  object["blocks"] = blocks.blocks;
  object["distinct_blocks"] = blocks.classes.size();
  object["candidates"] = nullptr;
  if (plan.candidates) object["candidates"] = *plan.candidates;
  object["solver"] = nullptr;
  if (!plan.solver.empty()) object["solver"] = plan.solver;
  return object;
}

std::string report(const LargestBatch& largest) {
  std::string why = "no larger one was tried";
  if (largest.too_large) {
    why = fmt::format(
        "{} for {}",
        largest.too_large_is_proven ? "no plan exists" : "no plan that is good enough was found",
        *largest.too_large);
  }
  return fmt::format("\n  batch {}, the largest: {}\n", largest.batch, why);
}

nlohmann::ordered_json to_json(const LargestBatch& largest) {
  nlohmann::ordered_json object = to_json(largest.graph, largest.plan);
  object["batch"] = largest.batch;
  object["too_large_batch"] = nullptr;
  if (largest.too_large) object["too_large_batch"] = *largest.too_large;
  object["too_large_is_proven"] = largest.too_large_is_proven;
  return object;
}

std::string report(const TrainingGraph& graph, const NoPlan& no_plan) {
  Table table("lrl");
  if (no_plan.smallest_feasible) {
    table.row({"smallest found", to_string(*no_plan.smallest_feasible),
               exact(*no_plan.smallest_feasible) + ", a plan exists"});
  }
  table.row({"lower bound", to_string(no_plan.lower_bound),
             exact(no_plan.lower_bound) + ", no plan exists below"});
  table.row({"  static", to_string(graph.static_bytes()), kStaticNote});
  std::string text = fmt::format("{}: no plan within {}\n\n  {}\n\n{}", graph.name(),
                                 to_string(no_plan.budget), no_plan.reason, table.text());
  if (!no_plan.forced_op.empty()) {
    text += fmt::format("  forced by op '{}'", no_plan.forced_op);
    if (!no_plan.forced_values.empty()) {
      text += fmt::format(", which runs beside {}", fmt::join(no_plan.forced_values, ", "));
    }
    text += "\n";
  }
  return text;
}

nlohmann::ordered_json to_json(const NoPlan& no_plan) {
  nlohmann::ordered_json object;
  object["reason"] = no_plan.reason;
  object["smallest_feasible_bytes"] = nullptr;
  if (no_plan.smallest_feasible) {
    object["smallest_feasible_bytes"] = no_plan.smallest_feasible->count();
  }
  object["lower_bound_bytes"] = no_plan.lower_bound.count();
  object["forced_by"] = {{"op", nullptr}, {"values", no_plan.forced_values}};
  if (!no_plan.forced_op.empty()) object["forced_by"]["op"] = no_plan.forced_op;
  return object;
}

}  // namespace rockmate::cli
