// CBC by its C++ interface: Clp for the relaxation, then branch and cut with CBC's usual cuts and
// heuristics. Its command-line driver, on which its C interface stands, prints and takes the
// process' signals. Its strategies' preprocessing is left off: in 2.10.8 it now and then forgets
// which variables are whole numbers. A start gives a cut-off.

#include "milp/adapters.h"

#ifndef ROCKMATE_WITH_CBC

namespace rockmate {
std::unique_ptr<MilpSolver> make_cbc() { return nullptr; }
}  // namespace rockmate

#else

#include <CbcEventHandler.hpp>
#include <CbcModel.hpp>
#include <CbcStrategy.hpp>
#include <ClpEventHandler.hpp>
#include <ClpSimplex.hpp>
#include <CoinPackedMatrix.hpp>
#include <OsiClpSolverInterface.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace rockmate {
namespace {

// Whether a limit was reached, asked within iterations of the LP and between nodes of the search.
class Watch {
 public:
  explicit Watch(const MilpOptions& options) : options_(options), started_(Clock::now()) {}
  [[nodiscard]] bool is_over() const {
    return options_.stop.stop_requested() || seconds_left() <= 0;
  }
  [[nodiscard]] double seconds_left() const {
    if (!options_.time_limit) return kInfinity;
    const std::chrono::duration<double> spent = Clock::now() - started_;
    return options_.time_limit->count() - spent.count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  const MilpOptions& options_;
  Clock::time_point started_;
};

class LpEvents : public ClpEventHandler {
 public:
  explicit LpEvents(const Watch* watch) : watch_(watch) {}
  int event(Event which) override { return which == endOfIteration && watch_->is_over() ? 0 : -1; }
  ClpEventHandler* clone() const override { return new LpEvents(*this); }

 private:
  const Watch* watch_;
};

class SearchEvents : public CbcEventHandler {
 public:
  explicit SearchEvents(const Watch* watch) : watch_(watch) {}
  CbcAction event(CbcEvent) override { return watch_->is_over() ? stop : noAction; }
  CbcEventHandler* clone() const override { return new SearchEvents(*this); }

 private:
  const Watch* watch_;
};

void load(const MilpModel& model, OsiClpSolverInterface& lp) {
  const double infinity = lp.getInfinity();
  const auto finite = [&](double x) { return std::clamp(x, -infinity, infinity); };
  std::vector<int> rows, columns;
  std::vector<double> entries, row_lower, row_upper, lower, upper, costs;
  for (std::size_t r = 0; r < model.rows().size(); ++r) {
    const Row& row = model[RowId(r)];
    for (const Term& term : row.terms) {
      rows.push_back(static_cast<int>(r));
      columns.push_back(static_cast<int>(term.variable.index()));
      entries.push_back(term.coefficient);
    }
    row_lower.push_back(finite(row.lower));
    row_upper.push_back(finite(row.upper));
  }
  for (const Variable& variable : model.variables()) {
    lower.push_back(finite(variable.lower));
    upper.push_back(finite(variable.upper));
    costs.push_back(variable.cost);
  }
  CoinPackedMatrix matrix(true, rows.data(), columns.data(), entries.data(),
                          static_cast<CoinBigIndex>(entries.size()));
  matrix.setDimensions(static_cast<int>(row_lower.size()), static_cast<int>(lower.size()));
  lp.loadProblem(matrix, lower.data(), upper.data(), costs.data(), row_lower.data(),
                 row_upper.data());
  for (std::size_t i = 0; i < lower.size(); ++i) {
    if (model[VariableId(i)].is_integer) lp.setInteger(static_cast<int>(i));
  }
}

void be_silent(OsiClpSolverInterface& lp) {
  lp.messageHandler()->setLogLevel(0);
  lp.setHintParam(OsiDoReducePrint, true, OsiHintTry);
  lp.getModelPtr()->setLogLevel(0);
}

std::vector<double> copy(const double* values, const MilpModel& model) {
  return {values, values + model.variables().size()};
}

// The relaxation alone; `values` where it has an optimum.
MilpResult solve_relaxation(const MilpModel& model, OsiClpSolverInterface& lp) {
  lp.initialSolve();
  if (lp.isProvenOptimal()) {
    return {MilpStatus::kOptimal, copy(lp.getColSolution(), model), kInfinity, lp.getObjValue()};
  }
  if (lp.isProvenPrimalInfeasible()) return {MilpStatus::kInfeasible, {}, kInfinity, kInfinity};
  if (lp.isProvenDualInfeasible()) return {MilpStatus::kUnbounded, {}, kInfinity, -kInfinity};
  return {};
}

void set_limits(const MilpOptions& options, const Watch& watch, CbcModel& search) {
  constexpr double kIncrement = 1e-9;  // CBC's own would miss solutions that are better by 1e-5
  search.setDblParam(CbcModel::CbcCutoffIncrement, kIncrement);
  search.setAllowableGap(0);
  search.setAllowableFractionGap(options.relative_gap);
  if (options.time_limit) search.setMaximumSeconds(std::max(0.0, watch.seconds_left()));
  search.setUseElapsedTime(true);
  constexpr std::uint64_t kMostNodes = std::numeric_limits<int>::max() / 2;
  if (options.node_limit) {
    search.setMaximumNodes(static_cast<int>(std::min(*options.node_limit, kMostNodes)));
  }
}

class Cbc : public MilpSolver {
 public:
  [[nodiscard]] Solver name() const override { return Solver::kCbc; }

 protected:
  [[nodiscard]] MilpResult run(const MilpModel& model, const MilpOptions& options) const override {
    const Watch watch(options);
    OsiClpSolverInterface lp;
    be_silent(lp);
    load(model, lp);
    const LpEvents lp_events(&watch);
    lp.getModelPtr()->passInEventHandler(&lp_events);
    MilpResult relaxed = solve_relaxation(model, lp);
    if (relaxed.status != MilpStatus::kOptimal || !model.has_integers()) return relaxed;
    if (watch.is_over()) return {MilpStatus::kUnknown, {}, kInfinity, relaxed.bound};
    return branch_and_cut(model, options, watch, lp, relaxed.bound);
  }

 private:
  static MilpResult branch_and_cut(const MilpModel& model, const MilpOptions& options,
                                   const Watch& watch, const OsiClpSolverInterface& lp,
                                   double relaxed_bound) {
    CbcModel search(lp);
    search.setLogLevel(0);
    search.messageHandler()->setLogLevel(0);
    CbcStrategyDefault strategy(1, 5, 5);
    search.setStrategy(strategy);
    set_limits(options, watch, search);
    SearchEvents events(&watch);
    search.passInEventHandler(&events);
    if (!options.start.empty()) search.setCutoff(model.cost_of(options.start));
    search.branchAndBound();

    MilpResult result;
    result.bound = std::max(relaxed_bound, search.getBestPossibleObjValue());
    if (search.bestSolution() != nullptr) {
      result.values = copy(search.bestSolution(), model);
      result.cost = model.cost_of(result.values);
    }
    const bool is_complete = search.status() == 0 || search.secondaryStatus() == 2;
    if (is_complete && result.values.empty()) {
      return {MilpStatus::kInfeasible, {}, kInfinity, kInfinity};
    }
    if (is_complete) {
      // What lies within the gap of the solution was cut off without being looked at.
      result.bound =
          std::max(relaxed_bound, result.cost - options.relative_gap * std::abs(result.cost));
    }
    if (is_complete) {
      result.status = MilpStatus::kOptimal;
    } else if (!result.values.empty()) {
      result.status = MilpStatus::kFeasible;
      result.bound = std::min(result.bound, result.cost);
    }
    return result;
  }
};

}  // namespace

std::unique_ptr<MilpSolver> make_cbc() { return std::make_unique<Cbc>(); }

}  // namespace rockmate

#endif
