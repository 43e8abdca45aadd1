// How much time do plans cost at a budget, and how far from the best can they be? Ours beside
// Rotor's dynamic program and Chen's segments on the same graphs in the same run, and beside a
// peer's published points. Every plan is judged before it is counted; the table is Markdown.
//
//   overhead_benchmark MODEL... [--budget 90%,70%,min] [--batch N] [--device PRESET]
//   overhead_benchmark GRAPH --published FILE --peer rockmate_64K [--svg FILE]
//
// A published file says {"points": {GRAPH: {PEER: [[peak bytes, overhead, seconds], ...]}}}; its
// peaks are the budgets.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "rockmate/onnx.h"
#include "rockmate/plan.h"
#include "rockmate/training_model.h"
#include "schedule/curve_svg.h"

namespace rockmate {
namespace {

using Clock = std::chrono::steady_clock;

struct Flags {
  std::vector<std::string> models;
  std::vector<std::string> budgets = {"90%", "70%", "50%", "40%", "min"};
  std::optional<std::int64_t> batch;
  std::string device = "a100";
  std::string optimizer = "sgd";
  std::optional<double> seconds;
  std::optional<std::uint64_t> work;
  int threads = 0;
  std::uint64_t seed = 0;
  std::string published;
  std::string peer = "rockmate_64K";
  std::string svg;
};

struct Outcome {
  std::optional<Plan> plan;
  double seconds = 0;  ///< that planning took
};

struct Row {
  std::string graph;
  std::string budget;
  Bytes bytes;
  Outcome ours, rotor, sqrt;
  std::optional<double> peer;  ///< overhead
};

TrainingGraph load(const std::string& file, const Flags& flags) {
  if (!file.ends_with(".onnx")) return read_graph(file);
  OnnxOptions import;
  import.batch = flags.batch;
  import.weights = false;
  TrainingOptions training;
  training.costs = CostModel::analytic(flags.device);
  training.optimizer = parse_optimizer(flags.optimizer);
  return make_training_graph(import_onnx(file, import), training);
}

Outcome run(const TrainingGraph& graph, Budget budget, Planner planner, const Flags& flags) {
  PlanOptions options;
  options.planner = planner;
  options.threads = flags.threads;
  options.seed = flags.seed;
  options.work_limit = flags.work;
  if (flags.seconds) options.time_limit = Seconds(*flags.seconds);
  const auto start = Clock::now();
  PlanResult result = plan(graph, budget, options);
  Outcome outcome;
  outcome.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (result) outcome.plan = std::move(result).value();
  return outcome;
}

double bound_of(const TrainingGraph& graph, const Plan& plan) {
  return overhead(graph, plan.lower_bound);
}

std::string cell(const Outcome& outcome, bool shows_bytes) {
  if (!outcome.plan) return fmt::format("none | {:.1f}", outcome.seconds);
  const std::string at =
      shows_bytes ? fmt::format(" at {}", outcome.plan->budget.count()) : std::string();
  return fmt::format("{:.2f}{} | {:.1f}", 100 * outcome.plan->overhead, at, outcome.seconds);
}

void print_head(bool has_peer) {
  fmt::print("| graph | budget |{} ours, % | s | at least, % | Rotor, % | s | sqrt, % | s |\n",
             has_peer ? " peer, % |" : "");
  fmt::print("|---|---|---|---|---|---|---|---|---|{}\n", has_peer ? "---|" : "");
}

void print_row(const TrainingGraph& graph, const Row& row, bool shows_bytes) {
  const std::string bound = row.ours.plan
                                ? fmt::format("{:.2f}{}", 100 * bound_of(graph, *row.ours.plan),
                                              row.ours.plan->proven_optimal ? " (met)" : "")
                                : "";
  fmt::print("| {} | {} |{} {} | {} | {} | {} |\n", row.graph, row.budget,
             row.peer ? fmt::format(" {:.2f} |", 100 * *row.peer) : "", cell(row.ours, shows_bytes),
             bound, cell(row.rotor, shows_bytes), cell(row.sqrt, shows_bytes));
  std::fflush(stdout);
}

// The peer's points as budgets.
std::vector<std::pair<Bytes, double>> published_points(const Flags& flags,
                                                       const std::string& graph) {
  std::ifstream in(flags.published);
  if (!in) throw InvalidInput(flags.published + ": cannot be read");
  const nlohmann::json file = nlohmann::json::parse(in);
  std::vector<std::pair<Bytes, double>> points;
  for (const auto& point : file.at("points").at(graph).at(flags.peer)) {
    points.emplace_back(Bytes(point.at(0).get<std::int64_t>()), point.at(1).get<double>());
  }
  return points;
}

class Table {
 public:
  explicit Table(const Flags& flags) : flags_(flags) { print_head(!flags.published.empty()); }

  void add(const TrainingGraph& graph, const std::string& stem) {
    if (!flags_.published.empty()) {
      for (const auto& [bytes, overhead] : published_points(flags_, stem)) {
        add_row(graph, stem, std::to_string(bytes.count()), bytes, overhead);
      }
    } else {
      for (const std::string& budget : flags_.budgets) {
        add_row(graph, stem, budget, Budget::parse(budget), std::nullopt);
      }
    }
  }

  // Means over the rows where all three have a plan, and how tight the bounds are.
  void print_summary() const {
    double ours = 0, rotor = 0, sqrt = 0;
    int common = 0, found = 0, close = 0;
    for (const auto& [row, gap] : rows_) {
      if (row.ours.plan) {
        ++found;
        close += gap <= 0.005 ? 1 : 0;
      }
      if (!row.ours.plan || !row.rotor.plan || !row.sqrt.plan) continue;
      ++common;
      ours += row.ours.plan->overhead;
      rotor += row.rotor.plan->overhead;
      sqrt += row.sqrt.plan->overhead;
    }
    fmt::print("\n{} rows, {} with a plan of ours, {} of these within 0.5 points of the bound\n",
               rows_.size(), found, close);
    if (common == 0) return;
    fmt::print(
        "mean overhead over the {} rows that all three plan: ours {:.2f} %, Rotor {:.2f} % ({:.2f} "
        "times), sqrt {:.2f} % ({:.2f} times)\n",
        common, 100 * ours / common, 100 * rotor / common, rotor / ours, 100 * sqrt / common,
        sqrt / ours);
  }

  void draw(const TrainingGraph& graph, const std::string& file) const {
    std::vector<CurvePoint> ours;
    CurveSeries bound{"lower bound", {}, CurveStyle::kBound};
    CurveSeries rotor{"Rotor, on bundles and exact bytes", {}, CurveStyle::kDots};
    CurveSeries sqrt{"Chen's segments", {}, CurveStyle::kDots};
    CurveSeries peer{"Python " + flags_.peer, {}, CurveStyle::kDots};
    for (const auto& [row, gap] : rows_) {
      if (row.ours.plan) ours.push_back({row.bytes, row.ours.plan->overhead});
      if (row.ours.plan) bound.points.push_back({row.bytes, bound_of(graph, *row.ours.plan)});
      if (row.rotor.plan) rotor.points.push_back({row.bytes, row.rotor.plan->overhead});
      if (row.sqrt.plan) sqrt.points.push_back({row.bytes, row.sqrt.plan->overhead});
      if (row.peer) peer.points.push_back({row.bytes, *row.peer});
    }
    CurveOptions options;
    options.title = graph.name() + ": overhead against budget";
    options.others = {bound, rotor, sqrt};
    if (!peer.points.empty()) options.others.push_back(peer);
    write_file_atomically(file, curve_svg(ours, options));
  }

 private:
  void add_row(const TrainingGraph& graph, const std::string& stem, const std::string& label,
               Budget budget, std::optional<double> peer) {
    Row row;
    row.graph = stem;
    row.budget = label;
    row.ours = run(graph, budget, Planner::kPortfolio, flags_);
    row.rotor = run(graph, budget, Planner::kRotor, flags_);
    row.sqrt = run(graph, budget, Planner::kSqrt, flags_);
    row.peer = peer;
    if (row.ours.plan) row.bytes = row.ours.plan->budget;
    print_row(graph, row, budget.is_minimum());
    const double gap =
        row.ours.plan ? row.ours.plan->overhead - bound_of(graph, *row.ours.plan) : 0;
    rows_.emplace_back(std::move(row), gap);
  }

  const Flags& flags_;
  std::vector<std::pair<Row, double>> rows_;  // with the gap to the bound
};

void run_all(const Flags& flags) {
  Table table(flags);
  for (const std::string& model : flags.models) {
    const TrainingGraph graph = load(model, flags);
    table.add(graph, std::filesystem::path(model).stem().string());
    if (!flags.svg.empty()) table.draw(graph, flags.svg);
  }
  table.print_summary();
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  rockmate::Flags flags;
  CLI::App app("Overhead of plans against budgets, ours and others'");
  app.add_option("MODEL", flags.models, ".onnx models or training graphs (.json)")->required();
  app.add_option("--budget", flags.budgets, "as the command takes them")->delimiter(',');
  app.add_option("--batch", flags.batch, "of ONNX models");
  app.add_option("--device", flags.device, "whose costs ONNX models have");
  app.add_option("--optimizer", flags.optimizer, "of ONNX models");
  app.add_option("--seconds", flags.seconds, "for each plan at most");
  app.add_option("--work", flags.work, "moves of each search at most");
  app.add_option("--threads", flags.threads, "0: all cores");
  app.add_option("--seed", flags.seed, "of searches' random numbers");
  auto* published =
      app.add_option("--published", flags.published, "budgets and a peer's overheads");
  app.add_option("--peer", flags.peer, "whose points of the published file")->needs(published);
  app.add_option("--svg", flags.svg, "draw the last model's curve");
  CLI11_PARSE(app, argc, argv);
  try {
    rockmate::run_all(flags);
  } catch (const std::exception& error) {
    fmt::print(stderr, "overhead_benchmark: {}\n", error.what());
    return 2;
  }
  return 0;
}
