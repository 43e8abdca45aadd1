#include "exec/cached_step.h"

#include <algorithm>
#include <list>
#include <vector>

#include "exec/program.h"

namespace rockmate {
namespace {

constexpr std::int64_t kBlock = 1 << 16;  // bytes
constexpr double kShareThatCounts = 0.5;

class Cache {
 public:
  Cache(Bytes memory, Bytes holds)
      : place_(static_cast<std::size_t>(memory.count() / kBlock + 1)),
        most_(static_cast<std::size_t>(std::max<std::int64_t>(holds.count() / kBlock, 1))) {}

  /// How many of the bytes it did not hold.
  Bytes touch(const Place& place) {
    Bytes missed;
    const std::int64_t end = place.offset.count() + place.bytes.count();
    for (std::int64_t at = place.offset.count(); at < end;) {
      const std::int64_t next = std::min(end, (at / kBlock + 1) * kBlock);
      if (!touch_block(static_cast<std::size_t>(at / kBlock))) missed += Bytes(next - at);
      at = next;
    }
    return missed;
  }

 private:
  bool touch_block(std::size_t block) {
    auto& place = place_[block];
    const bool is_held = place.has_value();
    if (is_held) {
      recent_.splice(recent_.begin(), recent_, *place);
    } else {
      recent_.push_front(block);
    }
    place = recent_.begin();
    if (recent_.size() > most_) {
      place_[recent_.back()].reset();
      recent_.pop_back();
    }
    return is_held;
  }

  std::list<std::size_t> recent_;  // blocks, the one touched last first
  std::vector<std::optional<std::list<std::size_t>::iterator>> place_;
  std::size_t most_;
};

std::vector<Place> touched_by(const ProgramStep& step) {
  std::vector<Place> places = step.inputs;
  for (const auto& output : step.outputs) {
    if (output) places.push_back(*output);
  }
  places.insert(places.end(), step.updates.begin(), step.updates.end());
  places.push_back(step.workspace);
  return places;
}

Seconds run(const ProgramStep& step, const OpCost& cost, Cache& cache) {
  Bytes all, missed;
  for (const Place& place : touched_by(step)) {
    all += place.bytes;
    missed += cache.touch(place);
  }
  if (all == Bytes()) return *cost.cached;
  const double share = static_cast<double>(missed.count()) / static_cast<double>(all.count());
  return *cost.cached + Seconds(share * (cost.seconds - *cost.cached).count());
}

}  // namespace

std::optional<Seconds> cached_step(const TrainingModel& model, const Plan& plan,
                                   const CostModel& costs) {
  if (!costs.caches() || !plan.layout) return std::nullopt;
  std::vector<const OpCost*> of_op(model.graph.ops().size());
  for (std::size_t o = 0; o < of_op.size(); ++o) {
    const auto found = costs.measurements().find(signature(model, OpId(o)));
    if (found != costs.measurements().end() && found->second.cached) of_op[o] = &found->second;
  }
  const Program program = resolve(model, plan);
  const Bytes holds(
      static_cast<std::int64_t>(kShareThatCounts * static_cast<double>(costs.caches()->count())));
  Cache cache(program.bytes, holds);
  Seconds sum;
  for (const bool counts : {false, true}) {  // the first step fills the caches
    for (const ProgramStep& step : program.steps) {
      if (step.is_view) continue;
      const OpCost* const cost = of_op[step.op.index()];
      if (cost == nullptr) return std::nullopt;
      const Seconds taken = run(step, *cost, cache);
      if (counts) sum += taken;
    }
  }
  return sum;
}

}  // namespace rockmate
