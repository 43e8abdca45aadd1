// Dynamic storage allocation: items with known lifetimes and sizes get offsets such that items that
// live at one time do not overlap, as low as can be. Which item is which storage is the business of
// layout.h; here are only intervals and sizes. The method is in papers/layout.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "rockmate/units.h"

namespace rockmate {

/// Lives in the half-open interval [begin, end). An item of no bytes or no duration takes no room.
struct PackItem {
  std::size_t begin = 0;
  std::size_t end = 0;
  Bytes size;
};

struct PackOptions {
  /// A height that is good enough: the packer stops there. The load bound is always good enough.
  std::optional<Bytes> target = std::nullopt;
  /// Elementary steps (items looked at, some hundred millions per second) after which the best
  /// packing so far is the answer; the first greedy order is always finished.
  std::uint64_t work_limit = 1'000'000'000;
  std::uint64_t seed = 0;
  /// A packing to begin with, one offset per item, or empty. Where it is sound, none higher is
  /// returned.
  std::vector<Bytes> hint = {};
  /// Asked for, the best packing so far is the answer, soon.
  std::stop_token stop = {};
};

struct Packing {
  std::vector<Bytes> offsets;  ///< one per item; 0 for those that take no room
  Bytes height;                ///< the highest end of an item
};

/// The most bytes that live at one time: no packing is lower. O(n log n).
[[nodiscard]] Bytes max_load(std::span<const PackItem> items);

/// The lowest packing found within the limit of work; the same on any machine. Throws InvalidInput
/// for a negative size and where sizes add up to more than 2^62 bytes. One greedy order costs
/// O(n (log n + m)) for at most m items below an item's place; the common case needs one or two.
[[nodiscard]] Packing pack(std::span<const PackItem> items, const PackOptions& options = {});

}  // namespace rockmate
