// A staged problem as an integer program, by retention intervals.
//
//   R(t,i)    step i runs again in stage t                                       the only 0/1 part
//   S(t,v)    value v is there when stage t begins
//   U(t,v,j)  it is there until step j, which may read it, runs (again) in stage t
//
//   least sum of seconds_i R(t,i), with
//   R(t,j) <= U(t,v,j)                      for each v that j reads
//   U(t,v,j) <= U(t,v,i) for reads i < j;  S(t+1,v) <= U(t,v,last)
//   U(t,v,first) <= S(t,v) + R(t,p)         where step p makes v
//   sum of bytes at the moment when step i runs (again) in stage t <= peak - fixed bytes
//   sum of bytes_v S(first stage, v) <= saved
//
// For given R the least S and U are 0 or 1 and best in every row, so they are left real. Checkmate
// has a variable for each step, stage and edge (FREE) instead, and Rockmate one for each event in
// the life of a value; here most of S and U are constants: a value that cannot be made again stays
// until the step of the last stage that reads it, nothing is there that nothing can want any more,
// and S(t+1,v) is S(t,v) where stage t has nothing to do with v. What a run makes is wanted, or it
// would not run again: R(t,p) <= U(t,v,first), and R(t,p) + S(t,v) <= 1, where v is all that p
// makes.
#pragma once

#include <memory>

#include "checkmate/staged_problem.h"
#include "rockmate/milp.h"

namespace rockmate::checkmate {

/// A saved limit that is none.
inline constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max() / 4;

struct Limits {
  std::int64_t saved = kUnlimited;
  std::int64_t peak = 0;
};

class Formulation {
 public:
  /// Both figures of the objective and of the rows are scaled to what a solver likes.
  Formulation(const StagedProblem& problem, Limits limits);
  ~Formulation();
  Formulation(Formulation&&) noexcept;
  Formulation& operator=(Formulation&&) noexcept;

  [[nodiscard]] const MilpModel& model() const;
  /// Seconds for one unit of the model's cost.
  [[nodiscard]] double seconds_per_cost() const;
  /// Whether some moment needs more than the limits, whatever runs again.
  [[nodiscard]] bool is_hopeless() const;
  /// The reruns of a solution.
  [[nodiscard]] Reruns reruns(const std::vector<double>& values) const;
  /// The solution that these reruns make: a start.
  [[nodiscard]] std::vector<double> values(const Reruns& reruns) const;
  /// By stage, by value: whether more than `threshold` of it is kept into the stage.
  [[nodiscard]] std::vector<std::vector<char>> kept(const std::vector<double>& values,
                                                    double threshold) const;
  /// How many 0/1 variables there are.
  [[nodiscard]] std::size_t reruns_possible() const;

 private:
  struct Built;
  std::unique_ptr<Built> built_;
};

}  // namespace rockmate::checkmate
