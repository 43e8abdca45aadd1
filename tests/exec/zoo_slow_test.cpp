// Models that torch.onnx.export wrote, within 70 % of their memory: the bits of the plain
// iteration, and the bytes of the plan. scripts/same_bits.py does this to any model at any budget.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "rockmate/onnx.h"
#include "rockmate/plan.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

class Zoo : public ::testing::TestWithParam<const char*> {};

TEST_P(Zoo, TrainsTheSameWithinLessMemory) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED names no folder";
  const auto file = std::filesystem::path(shared) / "models" / (std::string(GetParam()) + ".onnx");
  const TrainingModel model = testing::trainable(import_onnx(file, {.batch = 1}));
  const auto found = plan(model.graph, Budget::share(0.7), {.work_limit = 500});
  ASSERT_TRUE(found) << found.error();
  EXPECT_GT(simulate(model.graph, found->schedule).value().recomputations, 0u);
  EXPECT_EQ(Executor(model, *found).step().measured, found->needed());

  constexpr std::size_t kSteps = 2;
  const auto plain =
      testing::train(model, testing::plain_plan(model), make_reference_engine(), kSteps);
  const auto planned = testing::train(model, *found, make_reference_engine(), kSteps);
  for (std::size_t step = 0; step < kSteps; ++step) {
    EXPECT_EQ(testing::difference(plain[step], planned[step]), "") << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Zoo,
                         ::testing::Values("squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5"));

}  // namespace
}  // namespace rockmate
