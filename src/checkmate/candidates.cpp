// A grid of limits, and as few programs as can be. What is known:
//   a choice of weight (saved, peak, seconds) serves every pair of limits that holds it;
//   a bound proven for a pair holds for every pair that is tighter in both limits.
// A pair whose best known choice costs no more than its best known bound is decided without a
// program. The pairs are visited from the loosest to the tightest, peak by peak, so that both kinds
// of knowledge come from neighbours, and a choice well below its limits decides the pairs between.

#include "checkmate/candidates.h"

#include <algorithm>
#include <cmath>

#include "checkmate/formulation.h"
#include "checkmate/rounding.h"

namespace rockmate::checkmate {
namespace {

// A choice so close to its bound is taken as the best: one percent of what runs again is a tenth of
// a thousandth of an iteration.
constexpr double kGap = 0.01;
constexpr double kSolverGap = 0.9 * kGap;  // of the cost, and a margin for rounding
constexpr double kNothing = 1e-15;         // seconds
// Branch and bound of one program stops after so many nodes times rows times variables.
constexpr double kProgramWork = 4e6;

struct Known {
  Reruns reruns;
  Weight weight;
};
struct Bound {
  Limits limits;
  double seconds = 0;  // infinite: there is no choice
};

class Sweeper {
 public:
  Sweeper(const StagedProblem& problem, const MilpSolver& solver, const SweepOptions& options)
      : problem_(problem), solver_(solver), options_(options) {}

  Sweep run() {
    Reruns plain(problem_.steps.size());
    const std::optional<Weight> most = weigh(problem_, plain);
    known_.push_back({std::move(plain), *most});
    const auto side = static_cast<std::size_t>(std::sqrt(static_cast<double>(options_.candidates)));
    const std::vector<std::int64_t> peaks = levels(least_peak(), most->peak, side);
    const std::vector<std::int64_t> saves = levels(0, most->saved, side);
    sweep_.progress.all_pairs = peaks.size() * saves.size();
    for (const std::int64_t peak : peaks) {
      for (const std::int64_t saved : saves) {
        if (options_.stop.stop_requested()) {
          sweep_.is_complete = false;
          break;
        }
        decide({saved, peak});
        ++sweep_.progress.pairs;
        if (options_.progress) options_.progress(sweep_.progress);
      }
    }
    for (const std::int64_t peak : peaks) {
      for (const std::int64_t saved : saves) sweep_.progress.proven += is_decided({saved, peak});
    }
    keep_best();
    return std::move(sweep_);
  }

 private:
  // From `most` down to `least`.
  static std::vector<std::int64_t> levels(std::int64_t least, std::int64_t most,
                                          std::size_t count) {
    std::vector<std::int64_t> levels;
    const std::size_t steps = std::max<std::size_t>(count, 2) - 1;
    for (std::size_t k = 0; k <= steps; ++k) {
      const double share = static_cast<double>(k) / static_cast<double>(steps);
      const auto down = static_cast<std::int64_t>(share * static_cast<double>(most - least));
      if (levels.empty() || most - down < levels.back()) levels.push_back(most - down);
    }
    return levels;
  }

  // Below it no choice keeps the peak: what a step needs by itself.
  [[nodiscard]] std::int64_t least_peak() const {
    std::int64_t least = 0;
    for (const Step& step : problem_.steps) {
      std::int64_t bytes = step.fixed;
      std::vector<std::size_t> counted;
      for (const auto* values : {&step.reads, &step.makes}) {
        for (const std::size_t v : *values) {
          const StagedValue& value = problem_.values[v];
          const bool is_skipped = value.is_optional && values == &step.makes;
          const bool is_new =
              std::find(counted.begin(), counted.end(), value.storage) == counted.end();
          if (is_skipped || !is_new || problem_.storages[value.storage].is_fixed_before) continue;
          counted.push_back(value.storage);
          bytes += problem_.storages[value.storage].bytes;
        }
      }
      least = std::max(least, bytes);
    }
    return least;
  }

  [[nodiscard]] const Known* best_within(Limits limits) const {
    const Known* best = nullptr;
    for (const Known& known : known_) {
      if (known.weight.saved > limits.saved || known.weight.peak > limits.peak) continue;
      if (best == nullptr || known.weight.seconds < best->weight.seconds) best = &known;
    }
    return best;
  }

  [[nodiscard]] double bound_within(Limits limits) const {
    double best = 0;
    for (const Bound& bound : bounds_) {
      if (bound.limits.saved < limits.saved || bound.limits.peak < limits.peak) continue;
      best = std::max(best, bound.seconds);
    }
    return best;
  }

  void decide(Limits limits) {
    if (is_decided(limits)) return;
    const Formulation formulation(problem_, limits);
    if (formulation.is_hopeless()) {
      raise_bound(limits, kInfinity);
      return;
    }
    MilpOptions options;
    options.stop = options_.stop;
    const MilpModel& model = formulation.model();
    const MilpResult relaxed = solver_.solve(model.relaxed(), options);
    ++sweep_.progress.programs;
    raise_bound(limits, relaxed.bound * formulation.seconds_per_cost());
    if (relaxed.values.empty() && relaxed.status != MilpStatus::kOptimal) return;
    if (auto reruns = rounded(problem_, formulation, relaxed.values, limits)) add(*reruns);
    if (is_decided(limits)) return;

    options.relative_gap = kSolverGap;
    const double size = static_cast<double>(model.rows().size() * model.variables().size());
    options.node_limit = static_cast<std::uint64_t>(1 + kProgramWork / std::max(size, 1.0));
    const Known* start = best_within(limits);
    if (start != nullptr) options.start = formulation.values(start->reruns);
    const MilpResult result = solver_.solve(model, options);
    ++sweep_.progress.programs;
    raise_bound(limits, result.bound * formulation.seconds_per_cost());
    if (result.values.empty()) return;
    add(formulation.reruns(result.values));
    if (result.cost > 0) {
      const double gap = (result.cost - result.bound) / result.cost;
      sweep_.progress.gap = std::max(sweep_.progress.gap, gap);
    }
  }

  void raise_bound(Limits limits, double seconds) { bounds_.push_back({limits, seconds}); }

  void add(const Reruns& reruns) {
    // Nothing where a solution is one only within the solver's accuracy.
    if (const auto weight = weigh(problem_, reruns)) known_.push_back({reruns, *weight});
  }

  [[nodiscard]] bool is_decided(Limits limits) const {
    const double bound = bound_within(limits);
    const Known* best = best_within(limits);
    return std::isinf(bound) ||
           (best != nullptr && best->weight.seconds <= bound * (1 + kGap) + kNothing);
  }

  // None that another beats; by rising seconds, so the plain one comes first.
  void keep_best() {
    const auto order = [](const Weight& x) { return std::tuple(x.seconds, x.saved, x.peak); };
    std::stable_sort(known_.begin(), known_.end(), [&](const Known& x, const Known& y) {
      return order(x.weight) < order(y.weight);
    });
    std::vector<Weight> kept;
    for (Known& known : known_) {
      const Weight& w = known.weight;
      const bool is_beaten = std::any_of(kept.begin(), kept.end(), [&](const Weight& k) {
        return k.saved <= w.saved && k.peak <= w.peak;
      });
      if (is_beaten || kept.size() == options_.candidates) continue;
      kept.push_back(w);
      sweep_.choices.push_back(std::move(known.reruns));
    }
  }

  const StagedProblem& problem_;
  const MilpSolver& solver_;
  const SweepOptions& options_;
  std::vector<Known> known_;
  std::vector<Bound> bounds_;
  Sweep sweep_;
};

}  // namespace

Sweep sweep(const StagedProblem& problem, const MilpSolver& solver, const SweepOptions& options) {
  return Sweeper(problem, solver, options).run();
}

Candidate to_candidate(const StagedProblem& problem, const Reruns& reruns) {
  Candidate candidate;
  for (std::size_t t = problem.first_stage; t < problem.steps.size(); ++t) {
    for (const std::size_t i : reruns[t]) {
      candidate.backward.push_back(static_cast<std::uint32_t>(i));
    }
    candidate.backward.push_back(static_cast<std::uint32_t>(t));
  }
  return candidate;
}

}  // namespace rockmate::checkmate
