// Rotor's recursion on a chain of bundles, solved exactly: each state is a staircase of (bytes,
// seconds), so one solve gives the whole curve, and the cost of every interval of blocks.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stop_token>
#include <vector>

#include "rotor/candidate_costs.h"
#include "rotor/chain_costs.h"
#include "rotor/recursion.h"
#include "rotor/staircase.h"

namespace rockmate::rotor {

struct SolveOptions {
  int threads = 0;  ///< 0: all cores; never changes the answer
  std::stop_token stop = {};
};

/// The threads that a solver of so many blocks uses.
[[nodiscard]] int team_size(int threads, std::size_t blocks);

/// All states of the recursion, solved. Time O(L^3) staircase operations, memory O(L^2) staircases,
/// where no two states are equal.
class Solution {
 public:
  /// `kept`: the ways to keep a block; null: whole. All must outlive it.
  Solution(const ChainCosts& costs, const CandidateCosts* kept, const SolveOptions& options);

  /// False if it was stopped before the end; then nothing else may be asked.
  [[nodiscard]] bool complete() const { return complete_; }
  /// Forward and backward of blocks a .. b: bytes over what is stored around them, forward seconds.
  [[nodiscard]] Shifted state(std::size_t a, std::size_t b) const {
    return points_of(places_(a, b));
  }
  /// A copy of it.
  [[nodiscard]] Staircase interval(std::size_t a, std::size_t b) const;
  /// Different states, as far as bytes and seconds go.
  [[nodiscard]] std::size_t tables() const { return tables_.size(); }

 private:
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

  // The points of a table, moved to the right; without a table it is zero everywhere.
  struct Place {
    std::size_t table = kNone;
    std::int64_t by = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  // What Envelope::offer takes.
  struct Offer {
    std::int64_t floor = 0;
    double seconds = 0;
    Place right, left;
    std::uint32_t choice = 0;
    friend auto operator<=>(const Offer&, const Offer&) = default;
  };

  using Offers = std::vector<Offer>;

  void solve_all(const SolveOptions& options);
  [[nodiscard]] Offers offers(std::size_t a, std::size_t b, std::vector<std::int64_t>& peaks);
  [[nodiscard]] Place inside(std::size_t a, std::size_t b, std::int64_t held) const;
  std::vector<const Offers*> share_tables(std::size_t length, const std::vector<Offers>& states);
  [[nodiscard]] Staircase solve(const Offers& offers, Envelope& envelope) const;
  [[nodiscard]] Shifted points_of(Place place) const {
    return {place.table == kNone ? nullptr : &tables_[place.table], place.by};
  }

  const ChainCosts& costs_;
  const CandidateCosts* kept_;
  std::vector<PassProfile> profiles_;  // by column
  std::vector<Staircase> tables_;
  States<Place> places_;
  bool complete_ = true;
};

}  // namespace rockmate::rotor
