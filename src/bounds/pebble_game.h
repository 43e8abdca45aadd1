// The exact bound where little fits: all states that an iteration can be in, from the cheapest on.
// See papers/bounds.md.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include "bounds/moment.h"

namespace rockmate {

struct PebbleOptions {
  std::optional<Seconds> known = std::nullopt;  ///< of a plan: only faster ones are looked for
  /// Another lower bound: the game is given up early where it will not come near it.
  std::optional<Seconds> bound = std::nullopt;
  std::uint64_t most_states = 3'000'000;             ///< about 100 bytes each
  std::optional<Seconds> time_limit = std::nullopt;  ///< by the clock: not repeatable
  std::stop_token stop = {};
};

struct PebbleBound {
  bool is_feasible = true;   ///< false: no plan exists within the budget
  Seconds seconds;           ///< no plan within the budget takes less; never above `known`
  bool is_finished = false;  ///< the game was played to its end
  std::uint64_t states = 0;
};

/// Whether the graph has few enough storages (`Pebbles::kMost`).
[[nodiscard]] bool can_be_played(const MomentFacts& facts);

/// A graph that cannot be played gets the seconds of all ops once.
[[nodiscard]] PebbleBound pebble_bound(const MomentFacts& facts, Bytes budget,
                                       const PebbleOptions& options = {});

}  // namespace rockmate
