// Mixed-integer linear programs, and the solvers that are linked: minimise cost over variables with
// bounds, some of them whole numbers, under rows lower <= sum of coefficient * variable <= upper.
// A solver answers with what it can prove: `bound` never exceeds the optimum beyond
// `kMilpAccuracy`.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/ids.h"
#include "rockmate/units.h"

namespace rockmate {

using VariableId = Id<struct VariableTag>;
using RowId = Id<struct RowTag>;

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// What counts as equal, relative to max(1, size of the number): by so much a solution may miss a
/// row, a variable a whole number, and a bound the truth. Scale a model so that its coefficients,
/// and the differences of cost that matter, lie between 1e-3 and 1e6.
inline constexpr double kMilpAccuracy = 1e-6;

struct Term {
  VariableId variable;
  double coefficient;
};

struct Variable {
  std::string name;
  double lower = 0;
  double upper = kInfinity;
  double cost = 0;
  bool is_integer = false;
};

struct Row {
  std::string name;
  double lower = -kInfinity;
  double upper = kInfinity;
  std::vector<Term> terms;  ///< each variable at most once
};

class MilpModel {
 public:
  /// Both throw InvalidInput that names the variable or row: bounds that cross, numbers that are
  /// not finite (bounds may be infinite), a variable that is unknown or twice in the row.
  VariableId add(Variable variable);
  RowId add(Row row);
  /// A variable that is 0 or 1.
  VariableId add_binary(std::string name, double cost = 0);

  [[nodiscard]] const IdVector<VariableId, Variable>& variables() const { return variables_; }
  [[nodiscard]] const IdVector<RowId, Row>& rows() const { return rows_; }
  [[nodiscard]] const Variable& operator[](VariableId id) const { return variables_[id]; }
  [[nodiscard]] const Row& operator[](RowId id) const { return rows_[id]; }
  [[nodiscard]] bool has_integers() const;

  /// The same model, all variables real: what it costs is a lower bound.
  [[nodiscard]] MilpModel relaxed() const;
  [[nodiscard]] double cost_of(const std::vector<double>& values) const;
  /// Whether the values, one per variable, keep bounds, rows and whole numbers to kMilpAccuracy.
  [[nodiscard]] bool is_feasible(const std::vector<double>& values) const;

 private:
  IdVector<VariableId, Variable> variables_;
  IdVector<RowId, Row> rows_;
};

/// The model in CPLEX's LP format, which GLPK, CBC and most others read. Variables and rows are
/// called x0, x1, ... and r0, r1, ...; their own names stand in comments.
[[nodiscard]] std::string to_lp(const MilpModel& model);

enum class MilpStatus : std::uint8_t {
  kOptimal,     ///< `values` cost at most the gap more than the optimum
  kFeasible,    ///< a limit was reached, with a solution
  kInfeasible,  ///< there is no solution
  kUnbounded,   ///< the relaxation has no least cost
  kUnknown      ///< a limit was reached, without a solution
};
[[nodiscard]] std::string_view to_string(MilpStatus status);

struct MilpOptions {
  double relative_gap = 0;  ///< stop when (cost - bound) <= relative_gap * |cost|
  std::optional<std::uint64_t> node_limit = std::nullopt;  ///< of branch and bound: repeatable
  std::optional<Seconds> time_limit = std::nullopt;        ///< by the clock: not repeatable
  std::vector<double> start = {};  ///< a known solution, one value per variable, or empty
  std::stop_token stop = {};
};

struct MilpResult {
  MilpStatus status = MilpStatus::kUnknown;
  std::vector<double> values;  ///< one per variable, or empty; whole numbers are exactly whole
  double cost = kInfinity;     ///< of `values`
  double bound = -kInfinity;   ///< no solution costs less; infinite where there is none
};

enum class Solver : std::uint8_t { kCbc, kGlpk };
[[nodiscard]] std::string_view to_string(Solver solver);
/// Throws InvalidInput that lists the solvers.
[[nodiscard]] Solver parse_solver(std::string_view word);

/// The contract of every solver:
///   - `solve` prints nothing, changes no global state, and may be called from several threads;
///   - the same model and options, without a time limit and unless stopped, give the same result;
///   - it returns soon after a limit is reached or a stop is asked for (within one LP iteration, or
///     one node of the search), with the best it has: a solution, a bound, or nothing;
///   - a feasible `start` is never worse than what comes back; one that is not feasible is ignored;
///   - what it returns as `values` has been checked against the model.
class MilpSolver {
 public:
  virtual ~MilpSolver() = default;
  [[nodiscard]] virtual Solver name() const = 0;
  /// Throws InvalidInput for a start of the wrong size or a gap or limit below 0.
  [[nodiscard]] MilpResult solve(const MilpModel& model, const MilpOptions& options = {}) const;

 protected:
  /// As `solve`, for a model with variables and rows, none of them infinite on the wrong side; the
  /// limits are above 0. `options.start` is feasible or empty, and need not be handed back.
  [[nodiscard]] virtual MilpResult run(const MilpModel& model,
                                       const MilpOptions& options) const = 0;
};

/// The solvers that are linked, the faster one on the programs behind lower bounds first.
[[nodiscard]] std::vector<Solver> linked_solvers();
/// Throws InvalidInput if it is not linked: which package brings it.
[[nodiscard]] std::unique_ptr<MilpSolver> make_solver(Solver solver);

}  // namespace rockmate
