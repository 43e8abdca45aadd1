// A network whose plain iteration needs more than a card of 48 GB has: there is a plan for the
// card, with addresses that keep within it, judged by the rules of plans alone. It is not run here:
// it would touch all of that memory. (What is run within less memory than the plain iteration
// needs: vector_zoo_slow_test, and small cards in train_verb_test.)
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "rockmate/executor.h"
#include "rockmate/onnx.h"
#include "rockmate/plan.h"
#include "rockmate/vector_engine.h"

namespace rockmate {
namespace {

TEST(VectorCards, HaveRoomForWhatIsPlannedForThem) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED names no folder";
  TrainingOptions options;
  aim_at_engine(options, "vector:ve20b", 1);
  options.costs = CostModel::analytic("ve20b");
  const TrainingModel model = make_training_model(
      import_onnx(std::filesystem::path(shared) / "models/resnet50.onnx", {.batch = 768}), options);
  const Bytes card = vector_device("ve20b").memory;
  const auto plain = plan(model.graph, Budget::share(1), {.planner = Planner::kPlain});
  ASSERT_TRUE(plain);
  EXPECT_GT(plain->needed(), card);
  const auto found = plan(model.graph, card, {.work_limit = 300});
  ASSERT_TRUE(found);
  EXPECT_LE(found->needed(), card);
  ASSERT_TRUE(found->layout);
  const auto trace = simulate(model.graph, found->schedule);
  ASSERT_TRUE(trace);
  EXPECT_FALSE(check_layout(model.graph, *trace, *found->layout));
}

}  // namespace
}  // namespace rockmate
