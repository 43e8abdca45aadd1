// Places items one by one, in a given order, each as low as it fits among those placed before it.
#pragma once

#include <cstdint>
#include <vector>

#include "schedule/pack_problem.h"

namespace rockmate {

using PackOrder = std::vector<std::uint32_t>;

/// First fit: every item gets the lowest offset at which it meets no item placed before it.
/// Costs, per item, the number of placed items below its place.
[[nodiscard]] Placement place_in_order(const PackProblem& problem, const PackOrder& order,
                                       WorkMeter& work);

/// Rules by which first fit tends to pack well.
enum class PackRule : std::uint8_t {
  kSize,      ///< largest first
  kDuration,  ///< longest lived first
  kArea,      ///< largest product of size and duration first
  kLoad,      ///< those in the most loaded section first, of these the largest first
  kBirth,     ///< as an allocator that sees them one by one
  kDeath      ///< the same, time reversed
};
inline constexpr PackRule kPackRules[] = {PackRule::kSize, PackRule::kDuration, PackRule::kArea,
                                          PackRule::kLoad, PackRule::kBirth,    PackRule::kDeath};
[[nodiscard]] PackOrder order_by(const PackProblem& problem, PackRule rule);

}  // namespace rockmate
