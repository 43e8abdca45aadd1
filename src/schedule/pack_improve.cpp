// An item that ends above the goal came too late: lower places were taken. A step takes one of
// them, the higher the likelier, and moves it before one of the items that it meets and that were
// placed earlier; then first fit places all anew. A step is kept when the result is no worse than
// the one some steps ago (late acceptance), which walks across plateaus and small ridges without a
// temperature to tune. "Worse" compares heights first, then the bytes that lie above the goal: the
// height alone says nothing about most steps.
#include "schedule/pack_improve.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

namespace rockmate {
namespace {

using Score = std::pair<Bytes, Bytes>;  // height; bytes above the goal, summed over items

Score score(const PackProblem& problem, const Placement& placement, Bytes goal) {
  Bytes above;
  for (std::size_t i = 0; i < placement.offsets.size(); ++i) {
    above += std::max(Bytes(), placement.offsets[i] + problem.items[i].size - goal);
  }
  return {placement.height, above};
}

// std::uniform_int_distribution differs between standard libraries; the tiny bias does no harm.
std::size_t below(std::mt19937_64& random, std::size_t count) { return random() % count; }

// The position of an item that ends above the goal: the highest one of two drawn.
std::size_t pick_too_high(const PackProblem& problem, const PackOrder& order,
                          const Placement& placement, Bytes goal, std::mt19937_64& random) {
  const auto end_of = [&](std::size_t position) {
    const std::uint32_t i = order[position];
    return placement.offsets[i] + problem.items[i].size;
  };
  std::vector<std::size_t> too_high;
  for (std::size_t position = 0; position < order.size(); ++position) {
    if (end_of(position) > goal) too_high.push_back(position);
  }
  const std::size_t a = too_high[below(random, too_high.size())];
  const std::size_t b = too_high[below(random, too_high.size())];
  return end_of(a) < end_of(b) ? b : a;
}

// Moves the item at `position` before a random earlier one that it meets.
void move_forward(const PackProblem& problem, PackOrder& order, std::size_t position,
                  std::mt19937_64& random) {
  std::vector<std::size_t> earlier;
  for (std::size_t p = 0; p < position; ++p) {
    if (problem.items[order[p]].meets(problem.items[order[position]])) earlier.push_back(p);
  }
  if (earlier.empty()) return;
  const auto to =
      order.begin() + static_cast<std::ptrdiff_t>(earlier[below(random, earlier.size())]);
  const auto from = order.begin() + static_cast<std::ptrdiff_t>(position);
  std::rotate(to, from, from + 1);
}

}  // namespace

Placement improve_placement(const PackProblem& problem, PackOrder order, Placement start,
                            Bytes goal, std::uint64_t seed, WorkMeter& work) {
  constexpr std::size_t kMemory = 24;
  std::mt19937_64 random(seed);
  Placement best = start, current = std::move(start);
  Score best_score = score(problem, best, goal), current_score = best_score;
  std::array<Score, kMemory> earlier_scores;
  earlier_scores.fill(best_score);
  for (std::size_t step = 0; best.height > goal && !work.exhausted(); ++step) {
    PackOrder next_order = order;
    move_forward(problem, next_order, pick_too_high(problem, order, current, goal, random), random);
    work.spend(order.size());
    Placement next = place_in_order(problem, next_order, work);
    const Score next_score = score(problem, next, goal);
    Score& earlier = earlier_scores[step % kMemory];
    if (next_score <= current_score || next_score <= earlier) {
      order = std::move(next_order);
      current = std::move(next);
      current_score = next_score;
    }
    earlier = std::min(earlier, current_score);
    if (current_score < best_score) {
      best = current;
      best_score = current_score;
    }
  }
  return best;
}

}  // namespace rockmate
