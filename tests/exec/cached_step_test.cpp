// What caches keep from op to op, held against a cache that is a plain list of blocks.
#include "exec/cached_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "exec/cache_bench.h"
#include "exec/program.h"
#include "rockmate/executor.h"
#include "rockmate/plan.h"
#include "support/models.h"

namespace rockmate {
namespace {

class CachedStep : public ::testing::Test {
 protected:
  CachedStep() : model_(make_training_model(testing::mlp(64, 256, 3), options())) {}
  static TrainingOptions options() {
    TrainingOptions options;
    options.workspace = engine_workspace("reference", 1);
    return options;
  }
  // Every op takes its default seconds, and a share of them in the caches.
  [[nodiscard]] CostModel costs(Bytes caches, double share) const {
    CostModel costs = CostModel::measured();
    costs.set_caches(caches);
    for (std::size_t o = 0; o < model_.kernels.size(); ++o) {
      const Seconds seconds = model_.graph[OpId(o)].seconds();
      OpCost cost{seconds};
      cost.cached = Seconds(share * seconds.count());
      costs.set(signature(model_, OpId(o)), cost);
    }
    return costs;
  }
  [[nodiscard]] Plan plan_within(Budget budget) const {
    return plan(model_.graph, budget, {.work_limit = 200}).value();
  }

  TrainingModel model_;
};

// The same by a list that is searched from its start, and every byte's block anew.
double naive_step(const TrainingModel& model, const Plan& plan, std::size_t blocks, double share) {
  constexpr std::int64_t kBlock = 65536;
  std::vector<std::int64_t> held;  // the one touched last at the end
  double sum = 0;
  for (int step = 0; step < 2; ++step) {
    sum = 0;
    for (const ProgramStep& run : resolve(model, plan).steps) {
      if (run.is_view) continue;
      double all = 0, missed = 0;
      const auto touch = [&](const Place& place) {
        for (std::int64_t b = place.offset.count(); b < (place.offset + place.bytes).count(); ++b) {
          const std::int64_t block = b / kBlock;
          const bool is_first = b == place.offset.count() || b % kBlock == 0;
          if (is_first) {
            const auto found = std::ranges::find(held, block);
            const auto end = std::min((block + 1) * kBlock, (place.offset + place.bytes).count());
            if (found == held.end()) missed += static_cast<double>(end - b);
            if (found != held.end()) held.erase(found);
            held.push_back(block);
            if (held.size() > blocks) held.erase(held.begin());
          }
          all += 1;
        }
      };
      for (const Place& place : run.inputs) touch(place);
      for (const auto& output : run.outputs) {
        if (output) touch(*output);
      }
      for (const Place& place : run.updates) touch(place);
      touch(run.workspace);
      const double seconds = model.graph[run.op].seconds().count();
      sum += seconds * (share + (1 - share) * (all == 0 ? 0 : missed / all));
    }
  }
  return sum;
}

TEST_F(CachedStep, AgreesWithAListOfBlocks) {
  constexpr double kShare = 0.5;
  for (const Budget budget : {Budget::share(1), Budget::minimum()}) {
    const Plan plan = plan_within(budget);
    for (const std::size_t blocks : {1, 2, 3, 5, 8}) {
      const Bytes caches(static_cast<std::int64_t>(2 * blocks * 65536));  // half of them counts
      const auto found = cached_step(model_, plan, costs(caches, kShare));
      ASSERT_TRUE(found);
      const double expected = naive_step(model_, plan, blocks, kShare);
      EXPECT_NEAR(found->count(), expected, 1e-9 * expected) << blocks;
    }
  }
}

TEST_F(CachedStep, LiesBetweenAllAndNothingInTheCaches) {
  const Plan plan = plan_within(Budget::minimum());
  EXPECT_NEAR(cached_step(model_, plan, costs(1_GiB, 0.25))->count(), plan.seconds.count() / 4,
              1e-9 * plan.seconds.count())
      << "everything is there in the second step";
  EXPECT_LT(*cached_step(model_, plan, costs(64_KiB, 0.25)), plan.seconds);
  EXPECT_NEAR(cached_step(model_, plan, costs(64_KiB, 1))->count(), plan.seconds.count(),
              1e-9 * plan.seconds.count());
}

TEST_F(CachedStep, NeedsBothMeasurementsOfEveryOp) {
  const Plan plan = plan_within(Budget::share(1));
  EXPECT_FALSE(cached_step(model_, plan, CostModel::analytic("cpu")));
  CostModel one_lacks = costs(1_MiB, 0.5);
  one_lacks.set(signature(model_, OpId(0)), {Seconds(1)});
  EXPECT_FALSE(cached_step(model_, plan, one_lacks));
}

TEST(CacheBench, StaysWithinItsLimits) {
  for (const Bytes most : {1_MiB, 8_MiB, 40_MiB}) {
    const Bytes found = measure_caches(1, most);
    EXPECT_GE(found, 8_MiB);
    EXPECT_LE(found, std::max(most, 8_MiB));
  }
}

}  // namespace
}  // namespace rockmate
