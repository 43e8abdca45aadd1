// The largest batch, against trying every batch in turn.

#include "rockmate/largest_batch.h"

#include <gtest/gtest.h>

#include <set>

#include "rockmate/error.h"
#include "rockmate/graph_builder.h"
#include "rockmate/training_model.h"

namespace rockmate {
namespace {

TrainingGraph mlp(std::int64_t batch) {
  GraphBuilder b("mlp");
  TensorId x = b.input("x", {batch, 32});
  for (int layer = 0; layer < 4; ++layer) x = b.gelu(b.linear(x, 32));
  b.loss(b.mse(x, b.input("target", {batch, 32})));
  return make_training_graph(std::move(b).build());
}

BatchOptions quick(std::optional<double> max_overhead = std::nullopt) {
  BatchOptions options;
  options.max_overhead = max_overhead;
  options.plan.work_limit = 3000;
  options.plan.threads = 1;
  return options;
}

bool is_good(const PlanResult& result, const BatchOptions& options) {
  return result && (!options.max_overhead || result->overhead <= *options.max_overhead);
}

TEST(LargestBatch, IsTheLastOneThatHasAPlan) {
  for (const std::optional<double> most : {std::optional<double>(), std::optional(0.02)}) {
    const BatchOptions options = quick(most);
    for (const Bytes budget : {*Budget::share(0.5).on(mlp(20)), *Budget::share(1).on(mlp(9))}) {
      std::int64_t last = 0;
      while (is_good(plan(mlp(last + 1), budget, options.plan), options)) ++last;
      const auto found = plan_largest_batch(mlp, budget, options);
      ASSERT_TRUE(found.has_value());
      EXPECT_EQ(found->batch, last);
      EXPECT_EQ(found->too_large, last + 1);
      EXPECT_LE(found->plan.needed(), budget);
      EXPECT_EQ(found->plan.needed(), plan(mlp(last), budget, options.plan)->needed());
    }
  }
}

TEST(LargestBatch, TriesFewBatches) {
  std::set<std::int64_t> tried;
  const auto counted = [&](std::int64_t batch) {
    tried.insert(batch);
    return mlp(batch);
  };
  const auto found = plan_largest_batch(counted, *Budget::share(1).on(mlp(1000)), quick());
  ASSERT_TRUE(found.has_value());
  EXPECT_GE(found->batch, 1000);
  EXPECT_LE(tried.size(), 20U);
}

TEST(LargestBatch, OneSampleThatDoesNotFitIsExplained) {
  const auto found = plan_largest_batch(mlp, Bytes(1), quick());
  ASSERT_FALSE(found.has_value());
  EXPECT_GT(found.error().no_plan.lower_bound, Bytes(1));
}

TEST(LargestBatch, OneSampleThatCostsTooMuchIsExplained) {
  const Bytes least = plan(mlp(1), Budget::minimum(), quick().plan)->needed();
  const auto found = plan_largest_batch(mlp, least, quick(0));
  ASSERT_FALSE(found.has_value());
  EXPECT_NE(found.error().no_plan.reason.find("% more time"), std::string::npos);
}

TEST(LargestBatch, StopsAtTheMostThatMayBeTried) {
  BatchOptions options = quick();
  options.most = 5;
  const auto found = plan_largest_batch(mlp, 1_GiB, options);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->batch, 5);
  EXPECT_FALSE(found->too_large.has_value());
  options.most = 0;
  EXPECT_THROW(static_cast<void>(plan_largest_batch(mlp, 1_GiB, options)), InvalidInput);
}

}  // namespace
}  // namespace rockmate
