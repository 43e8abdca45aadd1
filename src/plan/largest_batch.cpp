// Bisection twice. The memory floor is cheap, and what lies above it needs no planner: so the
// first one finds the batches worth planning for. Figures are nearly affine in the batch, so it
// starts from a straight line through two of them.

#include "rockmate/largest_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "bounds/memory_floor.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

// The share of the time that is left for planning one batch.
constexpr double kShareOfTime = 0.25;

class BatchSearch {
 public:
  BatchSearch(const GraphOfBatch& graph_of, Bytes budget, const BatchOptions& options)
      : graph_of_(graph_of),
        budget_(budget),
        options_(options),
        started_(std::chrono::steady_clock::now()) {}

  Expected<LargestBatch, NoBatch> run() {
    if (std::optional<NoBatch> none = try_first()) return Unexpected{*std::move(none)};
    std::int64_t low = 1;
    std::int64_t high = smallest_below_floor();
    bool is_proven = high <= options_.most;
    while (high - low > 1 && !options_.plan.stop.stop_requested()) {
      const std::int64_t middle = low + (high - low) / 2;
      if (fits(middle)) {
        low = middle;
      } else {
        high = middle;
        is_proven = false;
      }
    }
    if (high <= options_.most) {
      best_->too_large = high;
      best_->too_large_is_proven = is_proven;
    }
    return *std::move(best_);
  }

 private:
  std::optional<NoBatch> try_first() {
    TrainingGraph graph = graph_of_(1);
    PlanResult found = plan_for(1, graph);
    if (!found) return NoBatch{std::move(graph), found.error()};
    floor_of_one_ = memory_floor(graph).bytes;
    if (!is_cheap(*found)) return NoBatch{std::move(graph), too_slow(*found)};
    best_ = LargestBatch{1, std::move(graph), std::move(found).value(), std::nullopt, false};
    return std::nullopt;
  }

  bool fits(std::int64_t batch) {
    TrainingGraph graph = graph_of_(batch);
    PlanResult found = plan_for(batch, graph);
    if (!found || !is_cheap(*found)) return false;
    best_ = LargestBatch{batch, std::move(graph), std::move(found).value(), std::nullopt, false};
    return true;
  }

  [[nodiscard]] bool is_cheap(const Plan& plan) const {
    return !options_.max_overhead || plan.overhead <= *options_.max_overhead;
  }

  [[nodiscard]] NoPlan too_slow(const Plan& plan) const {
    NoPlan no_plan;
    no_plan.budget = budget_;
    no_plan.reason = fmt::format(
        "one sample fits, but the best plan found costs {:.2f} % more time", 100 * plan.overhead);
    no_plan.smallest_feasible = plan.needed();
    no_plan.lower_bound = floor_of_one_;
    return no_plan;
  }

  [[nodiscard]] PlanResult plan_for(std::int64_t batch, const TrainingGraph& graph) const {
    PlanOptions options = options_.plan;
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started_;
    if (options.time_limit) {
      const double left = std::max(0.0, options.time_limit->count() - spent.count());
      options.time_limit = Seconds(kShareOfTime * left);
    }
    if (options.progress) {
      options.progress = [this, batch, spent](Progress progress) {
        progress.stage = fmt::format("batch {}: {}", batch, progress.stage);
        progress.elapsed += Seconds(spent.count());
        options_.plan.progress(progress);
      };
    }
    return plan(graph, budget_, options);
  }

  [[nodiscard]] bool is_above_floor(std::int64_t batch) const {
    return memory_floor(graph_of_(batch)).bytes <= budget_;
  }

  // The smallest batch found below its floor, or one beyond the limit. Gallops from the guess, then
  // bisects.
  [[nodiscard]] std::int64_t smallest_below_floor() const {
    std::int64_t low = 1;
    std::int64_t high = options_.most + 1;
    std::int64_t guess = guess_from_line();
    std::int64_t step = 1;
    while (high - low > 1 && !options_.plan.stop.stop_requested()) {
      const std::int64_t batch = std::clamp(guess, low + 1, high - 1);
      (is_above_floor(batch) ? low : high) = batch;
      if (high > options_.most) {
        guess = low + step;
      } else {
        guess = low == 1 ? high - step : low + (high - low) / 2;
      }
      step *= 2;
    }
    return high;
  }

  [[nodiscard]] std::int64_t guess_from_line() const {
    const Bytes slope = memory_floor(graph_of_(2)).bytes - floor_of_one_;
    if (slope <= Bytes()) return 2;
    return 1 + (budget_ - floor_of_one_).count() / slope.count();
  }

  const GraphOfBatch& graph_of_;
  Bytes budget_;
  const BatchOptions& options_;
  std::chrono::steady_clock::time_point started_;
  Bytes floor_of_one_;
  std::optional<LargestBatch> best_;
};

}  // namespace

Expected<LargestBatch, NoBatch> plan_largest_batch(const GraphOfBatch& graph_of, Bytes budget,
                                                   const BatchOptions& options) {
  if (options.most < 1) {
    throw InvalidInput(
        fmt::format("the largest batch to try is {}, expected 1 or more", options.most));
  }
  return BatchSearch(graph_of, budget, options).run();
}

}  // namespace rockmate
