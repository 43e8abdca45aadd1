#include "exec/reference/reduction_plan.h"

#include <optional>

#include "exec/reference/strided.h"

namespace rockmate::reference {

ReductionPlan::ReductionPlan(const Shape& x, const std::vector<std::int64_t>& axes) {
  const Strides strides = row_major(x);
  std::optional<bool> last;
  for (std::size_t a = 0; a < x.size(); ++a) {
    if (x[a] == 1) continue;
    const bool is_reduced =
        std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(a)) != axes.end();
    std::vector<Level>& levels = is_reduced ? reduced : kept;
    if (last == is_reduced) {
      levels.back() = {levels.back().extent * x[a], strides[a]};
    } else {
      levels.push_back({x[a], strides[a]});
    }
    last = is_reduced;
  }
  inner_is_reduced = last.value_or(false);
  std::vector<Level>& innermost = inner_is_reduced ? reduced : kept;
  if (!innermost.empty()) {
    inner = innermost.back().extent;
    innermost.pop_back();
  }
  for (const Level& level : kept) outer *= level.extent;
  for (const Level& level : reduced) repeats *= level.extent;
}

}  // namespace rockmate::reference
