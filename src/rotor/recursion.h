// The recursion, after Beaumont et al., "Optimal checkpointing for heterogeneous chains" (2019),
// Theorem 1, on bundles. T(a, b) is the least seconds of state (a, b) as a function of its bytes m:
//
//   keep a:        U_a + T(a + 1, b)(m - keep_held(a, b))          for m >= keep_peak(a, b)
//   checkpoint j:  U_a + .. + U_(j-1) + T(j, b)(m - checkpoint_held(a, j, b))
//                                     + T(a, j - 1)(m - left_held(a, j, b))
//                                                                  for m >= pass_peak(a, j, b)
//   T(a, b) = the least of these at each m,
//
// where U_a is the seconds of one forward pass of block a. The original has memory in slots; here m
// runs over all bytes. What is known of each state, exactly, by plans or by a bound, differs from
// solver to solver; the ways to begin a state are the same for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rotor/chain_costs.h"

namespace rockmate::rotor {

/// One way to begin state (a, b).
struct Way {
  std::size_t j = 0;            ///< 0: keep block a; else: checkpoint j
  std::int64_t floor = 0;       ///< bytes needed before the states inside count
  double seconds = 0;           ///< of the pass
  std::int64_t right_held = 0;  ///< bytes held while (j, b), or (a + 1, b), runs
  std::int64_t left_held = 0;   ///< while (a, j - 1) runs
};

/// Calls visit(way) for keep and then for each j of a + 1 .. b, rising. `peaks` is scratch.
template <class Visit>
void for_each_way(const ChainCosts& costs, std::size_t a, const PassProfile& profile,
                  std::vector<std::int64_t>& peaks, Visit visit) {
  const std::size_t b = profile.b;
  visit(Way{0, costs.keep_peak(a, b), costs.forward_seconds(a, a + 1), costs.keep_held(a, b), 0});
  const std::int64_t base = costs.base(a, b);
  costs.pass_peaks(a, profile, peaks);
  for (std::size_t j = a + 1; j <= b; ++j) {
    visit(Way{j, peaks[j - a - 1], costs.forward_seconds(a, j),
              costs.checkpoint_held(a, j, b, base), costs.left_held(a, j, b)});
  }
}

/// Something for some of the states (a, b): in each column b, for all a from the column's first on.
template <class T>
class States {
 public:
  States() = default;
  explicit States(std::vector<std::size_t> first) : first_(std::move(first)) {
    for (std::size_t b = 0; b < first_.size(); ++b) columns_.emplace_back(b + 1 - first_[b]);
  }
  [[nodiscard]] std::size_t blocks() const { return first_.size(); }
  [[nodiscard]] bool has(std::size_t a, std::size_t b) const { return a >= first_[b]; }
  [[nodiscard]] std::size_t first(std::size_t b) const { return first_[b]; }
  [[nodiscard]] const T& operator()(std::size_t a, std::size_t b) const {
    return columns_[b][a - first_[b]];
  }
  T& operator()(std::size_t a, std::size_t b) { return columns_[b][a - first_[b]]; }

 private:
  std::vector<std::size_t> first_;       // by column
  std::vector<std::vector<T>> columns_;  // [b][a - first]
};

}  // namespace rockmate::rotor
