// Where in an arena does an item do the least harm? The primitive of searches that let items push
// each other out of their places.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace rockmate {

/// An end of a placed item, lower or upper.
struct PlacedEnd {
  std::int64_t at;
  std::uint32_t item;
};

/// A place, and the sum of the prices of those that would have to leave.
struct CheapestPlace {
  std::int64_t offset = 0;
  double price = std::numeric_limits<double>::infinity();
};

/// The cheapest offset in 0 .. capacity - size (size <= capacity) for an item that meets exactly
/// the items listed, once by rising lower and once by rising upper ends. Only offsets where it
/// touches one of them, the floor or the ceiling are looked at; of equally cheap ones `random`
/// (a number below n from n) chooses. Linear.
template <class BelowN>
CheapestPlace cheapest_place(std::span<const PlacedEnd> lower, std::span<const PlacedEnd> upper,
                             std::int64_t size, std::int64_t capacity,
                             std::span<const double> prices, BelowN random) {
  // Rounding errors of sums of prices.
  constexpr double kTie = 1e-9;
  CheapestPlace best;
  std::size_t ties = 0;
  const auto offer = [&](std::int64_t offset, double price) {
    if (price > best.price + kTie) return;
    ties = price < best.price - kTie ? 1 : ties + 1;
    if (ties == 1 || random(ties) == 0) best = {offset, price};
  };
  // The item at `offset` overlaps those with lower - size < offset < upper.
  const std::int64_t last = capacity - size;
  std::size_t l = 0, u = 0;
  double price = 0;
  for (; l < lower.size() && lower[l].at < size; ++l) price += prices[lower[l].item];
  offer(0, price);
  for (;;) {
    constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
    const std::int64_t enters = l < lower.size() ? lower[l].at - size : kNever;
    const std::int64_t leaves = u < upper.size() ? upper[u].at : kNever;
    const std::int64_t at = leaves <= enters ? leaves : enters;
    if (at >= last) break;
    for (; u < upper.size() && upper[u].at == at; ++u) price -= prices[upper[u].item];
    offer(at, price);
    for (; l < lower.size() && lower[l].at - size == at; ++l) price += prices[lower[l].item];
  }
  for (; u < upper.size() && upper[u].at == last; ++u) price -= prices[upper[u].item];
  if (last > 0) offer(last, price);
  return best;
}

}  // namespace rockmate
