// Where in an arena does an item do the least harm? The primitive of searches that let items push
// each other out of their places.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

namespace rockmate {

/// An end of a placed item, lower or upper.
struct PlacedEnd {
  std::int64_t at;
  std::uint32_t item;
};

/// The part of `capacity` that sizes with this greatest common divisor can fill. Within it every
/// place is a multiple of the divisor: storages of whole cache lines stay on cache lines.
[[nodiscard]] constexpr std::int64_t whole_units(std::int64_t capacity, std::int64_t divisor) {
  return divisor > 0 ? capacity - capacity % divisor : capacity;
}

/// Offers an item of `size` <= capacity each place that could be cheapest, by rising offset, with
/// the sum of the prices of those that would have to leave: `offer(offset, price)`. The item meets
/// exactly the items listed, once by rising lower and once by rising upper ends; they lie within
/// the capacity, their prices are at least 0. Places are those where it touches one of them, the
/// floor or the ceiling. Linear.
template <class Offer>
void offer_places(std::span<const PlacedEnd> lower, std::span<const PlacedEnd> upper,
                  std::int64_t size, std::int64_t capacity, std::span<const double> prices,
                  Offer offer) {
  // At `offset` it overlaps those with lower - size < offset < upper: `l` of them have entered and
  // `u` have left.
  const std::int64_t last = capacity - size;
  std::size_t l = 0, u = 0;
  double price = 0;
  // Exact zeros where nobody would have to leave.
  const auto offer_here = [&](std::int64_t at, double sum) { offer(at, l == u ? 0 : sum); };
  for (; l < lower.size() && lower[l].at < size; ++l) price += prices[lower[l].item];
  offer_here(0, price);
  // While some are still to enter, some are still to leave. An end per step, without branches on
  // which of the two comes next, which nobody could predict.
  for (std::int64_t offered = -1; l < lower.size();) {
    static constexpr double kSign[] = {1, -1};
    const std::int64_t enters = lower[l].at - size, leaves = upper[u].at;
    const std::uint32_t lower_item = lower[l].item, upper_item = upper[u].item;
    const bool goes = leaves <= enters;
    const std::int64_t at = std::min(leaves, enters);
    const std::uint32_t item = goes ? upper_item : lower_item;
    const double before = std::exchange(price, price + kSign[goes] * prices[item]);
    // A place is offered when the last one has left it and none has entered.
    u += goes;
    const std::int64_t next = upper[u].at, seen = goes ? next : offered;
    if (at != seen) offer_here(at, std::min(before, price));
    offered = at;
    l += !goes;
  }
  for (; u < upper.size() && upper[u].at <= last;) {
    const std::int64_t at = upper[u].at;
    for (; u < upper.size() && upper[u].at == at; ++u) price -= prices[upper[u].item];
    offer_here(at, price);
  }
  offer_here(last, price);
}

}  // namespace rockmate
