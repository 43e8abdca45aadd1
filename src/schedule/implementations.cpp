#include "schedule/implementations.h"

#include <algorithm>
#include <numeric>

namespace rockmate {

std::vector<std::uint16_t> useful_implementations(const Op& op) {
  std::vector<std::uint16_t> order(op.implementations.size());
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::uint16_t a, std::uint16_t b) {
    return op.implementations[a].seconds < op.implementations[b].seconds;
  });
  const std::string& bits = op.implementations[order.front()].bits;
  std::vector<std::uint16_t> useful;
  for (const std::uint16_t i : order) {
    const Implementation& candidate = op.implementations[i];
    if (candidate.bits != bits) continue;
    if (!useful.empty()) {
      const Implementation& last = op.implementations[useful.back()];
      if (candidate.workspace >= last.workspace) continue;
      if (candidate.seconds == last.seconds) useful.pop_back();
    }
    useful.push_back(i);
  }
  return useful;
}

}  // namespace rockmate
