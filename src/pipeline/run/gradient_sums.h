// The gradients of a rank, summed over its micro-batches. Each summand of a gradient is added in
// the order in which its stage's backwards stand in the row, whenever it is made: weight gradients
// that are computed late change no bit.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "pipeline/run/rank_ops.h"

namespace rockmate {

class GradientSums {
 public:
  GradientSums(const RankContext& context, RankWriter& writer);

  /// The sum so far, where the op can add to it what it makes for this micro-batch.
  [[nodiscard]] std::optional<ValueId> addend(OpId op, const StageAction& action) const;
  /// Adds what the op has made: `with_addend` says that it is the sum already.
  void add(OpId op, const StageAction& action, RankOps& ops, bool with_addend);
  /// When all backwards have run.
  [[nodiscard]] ValueId sum(std::size_t trained, std::size_t part) const;

  /// left + right, in the place of the left.
  ValueId add_up(const std::string& name, ValueId left, ValueId right,
                 const std::optional<StageAction>& action);

 private:
  struct Sum {
    std::size_t stage = 0;
    std::optional<ValueId> value;
    std::size_t added = 0;
    std::map<std::size_t, ValueId> waiting;  // by micro-batch
  };
  [[nodiscard]] const Sum* find(OpId op) const;

  const RankContext& context_;
  RankWriter& writer_;
  std::map<ValueId, Sum> sums_;                            // by the part
  std::map<std::size_t, std::vector<std::size_t>> order_;  // of micro-batches, by stage
  bool is_split_ = false;  // some row computes weight gradients apart
};

}  // namespace rockmate
