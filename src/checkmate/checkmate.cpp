#include "checkmate/checkmate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "checkmate/formulation.h"
#include "checkmate/rounding.h"

namespace rockmate::checkmate {
namespace {

// Rounding breaks the budget now and then; so the relaxation is solved for a little less, too.
constexpr double kInnerShares[] = {1.0, 0.97, 0.94, 0.9, 0.85};
// Branch and bound stops after so many nodes times rows times variables.
constexpr double kProgramWork = 1e9;

Runs to_runs(const TrainingGraph& graph, const Reruns& reruns) {
  Runs runs;
  for (std::size_t t = 0; t < reruns.size(); ++t) {
    for (const std::size_t i : reruns[t]) runs.push_back({OpId(i)});
    if (t < graph.ops().size()) runs.push_back({OpId(t)});
  }
  return without_idle_runs(graph, runs);
}

// Runs as what runs again in front of each op's first run; nothing if those are not in program
// order, or not what a stage may hold.
std::optional<Reruns> to_reruns(const StagedProblem& problem, const Runs& runs) {
  Reruns reruns(problem.steps.size());
  std::size_t t = 0;
  for (const Run& run : runs) {
    const std::size_t i = run.op.index();
    if (i == t) {
      ++t;
      continue;
    }
    if (i > t || t >= reruns.size() || !problem.may_run_again(i, t)) return std::nullopt;
    if (!reruns[t].empty() && reruns[t].back() >= i) return std::nullopt;
    reruns[t].push_back(i);
  }
  return reruns;
}

class Planner {
 public:
  Planner(const TrainingGraph& graph, std::int64_t peak, const MilpSolver& solver,
          const CheckmateOptions& options)
      : graph_(graph),
        problem_(staged_graph(graph)),
        peak_(peak),
        solver_(solver),
        options_(options) {}

  CheckmateResult run() {
    offer(Reruns(problem_.steps.size()));
    if (best_) return result();
    if (options_.start) {
      if (auto reruns = to_reruns(problem_, *options_.start)) offer(*std::move(reruns));
    }
    bool is_exact = true;
    for (const double share : kInnerShares) {
      if (is_over()) return result();
      const auto inner = static_cast<std::int64_t>(share * static_cast<double>(peak_));
      const Formulation formulation(problem_, {kUnlimited, inner});
      if (formulation.is_hopeless()) {
        if (inner == peak_) bound_ = kInfinity;
        break;
      }
      report("relaxation", formulation);
      const MilpResult relaxed = solver_.solve(formulation.model().relaxed(), milp_options());
      if (inner == peak_) {
        bound_ = relaxed.bound * formulation.seconds_per_cost();
        is_exact = formulation.reruns_possible() <= options_.exact_variables;
      }
      if (relaxed.values.empty()) break;
      if (auto reruns = rounded(problem_, formulation, relaxed.values, {kUnlimited, inner})) {
        offer(*std::move(reruns));
        break;
      }
    }
    if (is_exact && bound_ < kInfinity) solve_exactly();
    return result();
  }

 private:
  void solve_exactly() {
    // A solver may break a row by its accuracy: then once more with as much less.
    for (const std::int64_t peak : {peak_, peak_ - 1 - peak_ / 1'000'000}) {
      if (is_over()) return;
      const Formulation formulation(problem_, {kUnlimited, peak});
      if (formulation.is_hopeless()) return;
      report("integer program", formulation);
      MilpOptions options = milp_options();
      const MilpModel& model = formulation.model();
      const auto size = static_cast<double>(model.rows().size() * model.variables().size());
      options.node_limit = static_cast<std::uint64_t>(1 + kProgramWork / std::max(size, 1.0));
      if (best_) options.start = formulation.values(*best_);
      const MilpResult solved = solver_.solve(formulation.model(), options);
      if (peak == peak_) {
        bound_ = std::max(bound_, solved.bound * formulation.seconds_per_cost());
      }
      if (solved.values.empty()) return;
      if (offer(formulation.reruns(solved.values))) return;
    }
  }

  bool offer(Reruns reruns) {
    const std::optional<Weight> weight = weigh(problem_, reruns);
    if (!weight || weight->peak > peak_) return false;
    if (best_ && weight->seconds >= best_seconds_) return true;
    best_ = std::move(reruns);
    best_seconds_ = weight->seconds;
    return true;
  }

  [[nodiscard]] std::optional<Seconds> time_left() const {
    if (!options_.time_limit) return std::nullopt;
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started_;
    return Seconds(std::max(0.0, options_.time_limit->count() - spent.count()));
  }

  [[nodiscard]] bool is_over() const {
    return options_.stop.stop_requested() || (options_.time_limit && *time_left() == Seconds(0));
  }

  void report(const char* what, const Formulation& formulation) const {
    if (!options_.progress) return;
    const MilpModel& model = formulation.model();
    std::string words = fmt::format("{} of {} variables, {} rows", what, model.variables().size(),
                                    model.rows().size());
    if (best_ && best_seconds_ > 0) {
      words += fmt::format(", gap {:.0f} %", 100 * (1 - std::max(0.0, bound_) / best_seconds_));
    }
    options_.progress(words);
  }

  [[nodiscard]] MilpOptions milp_options() const {
    MilpOptions options;
    options.time_limit = time_left();
    options.stop = options_.stop;
    return options;
  }

  [[nodiscard]] CheckmateResult result() const {
    CheckmateResult result;
    result.bound = Seconds(graph_.plain_seconds().count() + std::max(0.0, bound_));
    if (best_) result.runs = to_runs(graph_, *best_);
    return result;
  }

  const TrainingGraph& graph_;
  StagedProblem problem_;
  std::int64_t peak_;
  const MilpSolver& solver_;
  const CheckmateOptions& options_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::optional<Reruns> best_;
  double best_seconds_ = 0;  // of its reruns
  double bound_ = 0;         // on the seconds of reruns
};

}  // namespace

CheckmateResult checkmate_within(const TrainingGraph& graph, Bytes budget, const MilpSolver& solver,
                                 const CheckmateOptions& options) {
  return Planner(graph, (budget - graph.static_bytes()).count(), solver, options).run();
}

}  // namespace rockmate::checkmate
