// The bits of losses, gradients, statistics, parameters and optimizer states after every step are
// those of the plain iteration, whatever the plan recomputes, writes in place, or leaves out, and
// on any number of threads.
#include <gtest/gtest.h>

#include "rockmate/plan.h"
#include "support/random_plan.h"
#include "support/schedules.h"
#include "support/small_models.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using testing::difference;
using testing::StepRecord;

constexpr std::size_t kSteps = 3;

class SameBits : public ::testing::TestWithParam<std::size_t> {
 protected:
  void expect_same(const Plan& plan, int threads = 1) {
    const auto found = testing::train(model_, plan, make_reference_engine(threads), kSteps);
    for (std::size_t step = 0; step < kSteps; ++step) {
      EXPECT_EQ(difference(plain_[step], found[step]), "") << "step " << step;
    }
  }
  // Tight layouts take time to find; any will do.
  [[nodiscard]] std::optional<Plan> plan_within(const char* budget) const {
    const auto found = plan(model_.graph, Budget::parse(budget),
                            {.layout = false, .threads = 1, .work_limit = 300});
    if (!found) return std::nullopt;
    return testing::plan_of(model_.graph, found->schedule);
  }
  const testing::NamedModel named_ = testing::small_models()[GetParam()];
  const TrainingModel model_ = testing::trainable(named_.graph, OptimizerKind::kAdam);
  const std::vector<StepRecord> plain_ =
      testing::train(model_, testing::plain_plan(model_), make_reference_engine(1), kSteps);
};

TEST_P(SameBits, TheRecordTellsStepsApart) {
  EXPECT_FALSE(plain_[0].gradients.empty());
  EXPECT_NE(difference(plain_[0], plain_[1]), "");
  EXPECT_NE(plain_[0].losses, plain_[1].losses);
}

TEST_P(SameBits, AtEveryBudget) {
  for (const char* budget : {"100%", "70%", "50%", "30%", "min"}) {
    SCOPED_TRACE(budget);
    const auto found = plan_within(budget);
    if (found) expect_same(*found);
    EXPECT_TRUE(found || budget != std::string("min"));
  }
}

TEST_P(SameBits, OnTwoThreads) { expect_same(plan_within("min").value(), 2); }

TEST_P(SameBits, OnAnySchedule) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    SCOPED_TRACE(seed);
    const Schedule schedule = testing::recomputed_schedule(model_.graph, seed);
    expect_same(testing::plan_of(model_.graph, schedule));
    expect_same(testing::plan_of(model_.graph, testing::in_place_schedule(model_.graph, schedule)));
  }
}

// Outputs that are still resident when their op runs again, storages kept by views, late frees.
TEST_P(SameBits, OnWildSchedules) {
  std::mt19937_64 random(11);
  int judged = 0;
  for (int i = 0; i < 20; ++i) {
    const Schedule schedule = testing::random_schedule(model_.graph, random, 12);
    if (!simulate(model_.graph, schedule)) continue;
    SCOPED_TRACE(i);
    expect_same(testing::plan_of(model_.graph, schedule));
    if (++judged == 3) break;
  }
  EXPECT_GT(judged, 0);
}

INSTANTIATE_TEST_SUITE_P(Models, SameBits, ::testing::Range<std::size_t>(0, 6),
                         [](const auto& each) { return testing::small_models()[each.param].name; });

}  // namespace
}  // namespace rockmate
