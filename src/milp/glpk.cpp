// GLPK by its C interface: the simplex method on the relaxation, then branch and cut from its
// basis. GLPK's preprocessing is not used: it hides the model from the callback, through which the
// start goes in and the bound comes out.

#include "milp/adapters.h"

#ifndef ROCKMATE_WITH_GLPK

namespace rockmate {
std::unique_ptr<MilpSolver> make_glpk() { return nullptr; }
}  // namespace rockmate

#else

#include <glpk.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

namespace rockmate {
namespace {

// Simplex iterations between two looks at the clock. The count is fixed so that the path is the
// same however fast the machine is.
constexpr int kIterations = 500;

struct Delete {
  void operator()(glp_prob* problem) const { glp_delete_prob(problem); }
};
using Problem = std::unique_ptr<glp_prob, Delete>;

int kind_of_bounds(double lower, double upper) {
  if (lower == upper) return GLP_FX;
  if (lower == -kInfinity) return upper == kInfinity ? GLP_FR : GLP_UP;
  return upper == kInfinity ? GLP_LO : GLP_DB;
}

Problem load(const MilpModel& model) {
  Problem problem(glp_create_prob());
  glp_prob* const p = problem.get();
  glp_add_cols(p, static_cast<int>(model.variables().size()));
  glp_add_rows(p, static_cast<int>(model.rows().size()));
  for (std::size_t i = 0; i < model.variables().size(); ++i) {
    const Variable& variable = model[VariableId(i)];
    const int column = static_cast<int>(i) + 1;
    glp_set_col_bnds(p, column, kind_of_bounds(variable.lower, variable.upper), variable.lower,
                     variable.upper);
    glp_set_obj_coef(p, column, variable.cost);
    if (variable.is_integer) {
      glp_set_col_kind(p, column, GLP_IV);
      // Bounds of whole numbers have to be whole numbers here.
      const double lower = std::ceil(variable.lower), upper = std::floor(variable.upper);
      glp_set_col_bnds(p, column, kind_of_bounds(lower, upper), lower, upper);
    }
  }
  for (std::size_t r = 0; r < model.rows().size(); ++r) {
    const Row& row = model[RowId(r)];
    std::vector<int> columns = {0};
    std::vector<double> entries = {0};
    for (const Term& term : row.terms) {
      columns.push_back(static_cast<int>(term.variable.index()) + 1);
      entries.push_back(term.coefficient);
    }
    const int index = static_cast<int>(r) + 1;
    glp_set_row_bnds(p, index, kind_of_bounds(row.lower, row.upper), row.lower, row.upper);
    glp_set_mat_row(p, index, static_cast<int>(columns.size()) - 1, columns.data(), entries.data());
  }
  return problem;
}

// What the callback of the search knows and finds.
struct Search {
  using Clock = std::chrono::steady_clock;
  const MilpOptions& options;
  Clock::time_point started = Clock::now();
  double bound = -kInfinity;
  bool start_was_given = false;

  [[nodiscard]] bool is_over() const {
    const std::chrono::duration<double> spent = Clock::now() - started;
    return options.stop.stop_requested() ||
           (options.time_limit && spent.count() >= options.time_limit->count());
  }
};

void on_event(glp_tree* tree, void* info) {
  Search& search = *static_cast<Search*>(info);
  if (const int best = glp_ios_best_node(tree); best != 0) {
    search.bound = std::max(search.bound, glp_ios_node_bound(tree, best));
  }
  int nodes = 0;
  glp_ios_tree_size(tree, nullptr, nullptr, &nodes);
  const auto& limit = search.options.node_limit;
  if (search.is_over() || (limit && static_cast<std::uint64_t>(nodes) > *limit)) {
    glp_ios_terminate(tree);
    return;
  }
  if (glp_ios_reason(tree) != GLP_IHEUR || search.start_was_given) return;
  search.start_was_given = true;
  if (search.options.start.empty()) return;
  std::vector<double> start = {0};
  for (const double value : search.options.start) start.push_back(value);
  glp_ios_heur_sol(tree, start.data());
}

// Repeats short runs of the simplex method until it is done or told to stop.
int solve_relaxation(glp_prob* problem, const Search& search) {
  glp_smcp control;
  glp_init_smcp(&control);
  control.msg_lev = GLP_MSG_OFF;
  control.it_lim = kIterations;
  glp_std_basis(problem);
  int code = GLP_EITLIM;
  while (code == GLP_EITLIM && !search.is_over()) code = glp_simplex(problem, &control);
  return code;
}

MilpResult branch_and_cut(const MilpModel& model, const MilpOptions& options, glp_prob* problem,
                          Search& search) {
  glp_iocp control;
  glp_init_iocp(&control);
  control.msg_lev = GLP_MSG_OFF;
  control.mip_gap = options.relative_gap;
  control.cb_func = on_event;
  control.cb_info = &search;
  control.mir_cuts = control.cov_cuts = control.clq_cuts = GLP_ON;
  const int code = glp_intopt(problem, &control);
  const int status = glp_mip_status(problem);
  const bool is_complete = code == 0 || code == GLP_EMIPGAP;
  if (is_complete && status == GLP_NOFEAS) {
    return {MilpStatus::kInfeasible, {}, kInfinity, kInfinity};
  }
  MilpResult result;
  result.bound = search.bound;
  if (status != GLP_OPT && status != GLP_FEAS) return result;
  for (std::size_t i = 0; i < model.variables().size(); ++i) {
    result.values.push_back(glp_mip_col_val(problem, static_cast<int>(i) + 1));
  }
  result.status = is_complete ? MilpStatus::kOptimal : MilpStatus::kFeasible;
  if (code == 0 && options.relative_gap == 0) result.bound = glp_mip_obj_val(problem);
  if (is_complete && options.relative_gap > 0) {
    const double cost = glp_mip_obj_val(problem);
    result.bound = std::max(result.bound, cost - options.relative_gap * std::abs(cost));
  }
  return result;
}

class Glpk : public MilpSolver {
 public:
  [[nodiscard]] Solver name() const override { return Solver::kGlpk; }

 protected:
  [[nodiscard]] MilpResult run(const MilpModel& model, const MilpOptions& options) const override {
    glp_term_out(GLP_OFF);
    const Problem problem = load(model);
    Search search{options};
    const int code = solve_relaxation(problem.get(), search);
    if (code != 0) return {};
    switch (glp_get_status(problem.get())) {
      case GLP_NOFEAS:
        return {MilpStatus::kInfeasible, {}, kInfinity, kInfinity};
      case GLP_UNBND:
        return {MilpStatus::kUnbounded, {}, kInfinity, -kInfinity};
      case GLP_OPT:
        break;
      default:
        return {};
    }
    search.bound = glp_get_obj_val(problem.get());
    if (model.has_integers()) return branch_and_cut(model, options, problem.get(), search);
    MilpResult result{MilpStatus::kOptimal, {}, kInfinity, search.bound};
    for (std::size_t i = 0; i < model.variables().size(); ++i) {
      result.values.push_back(glp_get_col_prim(problem.get(), static_cast<int>(i) + 1));
    }
    return result;
  }
};

}  // namespace

std::unique_ptr<MilpSolver> make_glpk() { return std::make_unique<Glpk>(); }

}  // namespace rockmate

#endif
