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

/// The part of `capacity` that sizes with this greatest common divisor can fill. Within it every
/// place is a multiple of the divisor: storages of whole cache lines stay on cache lines.
[[nodiscard]] constexpr std::int64_t whole_units(std::int64_t capacity, std::int64_t divisor) {
  return divisor > 0 ? capacity - capacity % divisor : capacity;
}

/// Offers an item of `size` <= capacity each place that could be cheapest, by rising offset, with
/// the sum of the prices of those that would have to leave: `offer(offset, price)`. The item meets
/// exactly the items listed, once by rising lower and once by rising upper ends. Places are those
/// where it touches one of them, the floor or the ceiling. Linear.
template <class Offer>
void offer_places(std::span<const PlacedEnd> lower, std::span<const PlacedEnd> upper,
                  std::int64_t size, std::int64_t capacity, std::span<const double> prices,
                  Offer offer) {
  // At `offset` it overlaps those with lower - size < offset < upper.
  const std::int64_t last = capacity - size;
  std::size_t l = 0, u = 0;
  double price = 0;
  for (; l < lower.size() && lower[l].at < size; ++l) price += prices[lower[l].item];
  std::size_t leaving = l;  // exact zeros where nobody would have to leave
  offer(std::int64_t{0}, leaving == 0 ? 0 : price);
  for (;;) {
    constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
    const std::int64_t enters = l < lower.size() ? lower[l].at - size : kNever;
    const std::int64_t leaves = u < upper.size() ? upper[u].at : kNever;
    const std::int64_t at = leaves <= enters ? leaves : enters;
    if (at > last) break;
    for (; u < upper.size() && upper[u].at == at; ++u, --leaving) price -= prices[upper[u].item];
    offer(at, leaving == 0 ? 0 : price);
    for (; l < lower.size() && lower[l].at - size == at; ++l, ++leaving) {
      price += prices[lower[l].item];
    }
  }
  offer(last, leaving == 0 ? 0 : price);
}

}  // namespace rockmate
