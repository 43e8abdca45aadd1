// The rows of a formulation while they are written; see formulation.h for what they say.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "checkmate/formulation.h"

namespace rockmate::checkmate {

// A 0/1 quantity: a constant or a variable.
struct Bit {
  std::optional<VariableId> variable;
  bool constant = false;
  friend bool operator==(const Bit&, const Bit&) = default;
  [[nodiscard]] bool is_zero() const { return !variable && !constant; }
  [[nodiscard]] bool is_one() const { return !variable && constant; }
};
inline constexpr Bit kZero = {};
inline constexpr Bit kOne = {std::nullopt, true};

// A value within one stage: there at its begin, until each of the steps that may read it, at its
// end. `made` is the run that may make it.
struct Interval {
  Bit before;
  Bit made;
  std::vector<std::size_t> steps;  // that may read it in this stage, rising
  std::vector<Bit> until;
  Bit after;

  // During step i, which does not make it.
  [[nodiscard]] Bit during(std::size_t step, std::size_t maker) const {
    if (maker != kNever && step < maker) return before;
    return from(step);
  }
  [[nodiscard]] Bit from(std::size_t step) const {
    const auto at = std::lower_bound(steps.begin(), steps.end(), step);
    return at == steps.end() ? after : until[static_cast<std::size_t>(at - steps.begin())];
  }
};

struct Formulation::Built {
  Built(const StagedProblem& p, Limits l);
  // again[t]: the steps whose outputs some step may still want in stage t or later.
  void find_useful_steps();
  void add_reruns();
  [[nodiscard]] Bit rerun_of(std::size_t t, std::size_t i) const;
  [[nodiscard]] bool can_run(std::size_t t, std::size_t i) const;
  Bit add_share(const char* letter, std::size_t t, std::size_t v, std::size_t j);
  // larger + also >= smaller
  void at_least(Bit larger, Bit smaller, Bit also = kZero, bool raises = true);
  // Backwards through the stages; Bits after the last possible use are 0.
  void add_value(std::size_t v);
  void set_until(std::size_t t, std::size_t v, Interval& interval);
  // Where the value is all that its maker makes.
  void tie_to_maker(std::size_t v, const Interval& interval, Bit first);
  // For each stage t, over the steps that may run again in it or later: r(t,i).
  void add_moments();
  // Of the storage while step i runs (again) in stage t: 1 if one of its values is there.
  struct Presence {
    std::vector<Bit> bits;
    bool is_one = false;
    void add(Bit bit) {
      is_one |= bit.is_one();
      if (bit.variable && std::find(bits.begin(), bits.end(), bit) == bits.end()) {
        bits.push_back(bit);
      }
    }
  };
  [[nodiscard]] Presence presence(std::size_t storage, std::size_t t, std::size_t i) const;
  // The larger of several shares.
  VariableId merged(const std::vector<Bit>& bits);
  void limit_stage(std::size_t t);
  void limit_moment(std::size_t t, std::size_t i);
  // The bytes of `made` count once if `read` dies in this run and neither storage has other values:
  // a variable that is at most 1 - each of them.
  void add_take_over(std::size_t t, std::size_t i, std::pair<std::size_t, std::size_t> pair,
                     std::int64_t& fixed, std::map<VariableId, std::int64_t>& bytes);
  void limit_saved();
  void add_limit(std::int64_t fixed, const std::map<VariableId, std::int64_t>& bytes,
                 std::int64_t limit);
  // Rows come after those of the variables that they raise, so one pass finds the least values.
  [[nodiscard]] std::vector<double> values(const Reruns& reruns) const;
  struct Implication {
    Bit larger, smaller, also;  // larger + also >= smaller
  };
  struct LaterRuns {
    Bit later;
    std::vector<Term> runs;
  };
  struct TakenOver {
    Bit taken, there;
    std::vector<Bit> against;
  };
  const StagedProblem& problem;
  Limits limits;
  MilpModel model;
  double seconds_per_cost = 1;
  double bytes_per_unit = 1;
  bool is_hopeless = false;
  std::vector<std::vector<std::size_t>> again;  // by stage: steps that may run again, rising
  std::vector<std::vector<VariableId>> rerun;
  std::vector<std::vector<Interval>> life;  // by value, by stage
  std::vector<std::vector<std::size_t>> on_storage;
  std::map<std::vector<std::size_t>, VariableId> maxima;
  std::vector<Implication> implications;
  std::vector<LaterRuns> later_runs;
  std::vector<TakenOver> taken_over;
};

}  // namespace rockmate::checkmate
