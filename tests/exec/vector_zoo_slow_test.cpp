// Models that torch.onnx.export wrote, on the vector engine: the bits of the plain iteration and
// the bytes of the plan within less memory, and the losses of the reference engine. Images are
// small: every instruction is emulated.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "rockmate/onnx.h"
#include "rockmate/plan.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

struct ZooModel {
  const char* name;
  Shape sample;
};
void PrintTo(const ZooModel& model, std::ostream* out) { *out << model.name; }

class VectorZoo : public ::testing::TestWithParam<ZooModel> {};

float number(const testing::Bits& bits) {
  float value = 0;
  EXPECT_EQ(bits.size(), sizeof(value));
  std::memcpy(&value, bits.data(), sizeof(value));
  return value;
}

TEST_P(VectorZoo, TrainsTheSameWithinLessMemory) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED names no folder";
  const auto file =
      std::filesystem::path(shared) / "models" / (std::string(GetParam().name) + ".onnx");
  TrainingOptions options;
  options.workspace = engine_workspace("vector");
  const TrainingModel model = make_training_model(
      import_onnx(file, {.batch = 2, .sample_shape = GetParam().sample}), options);
  // The least of these that there is a plan for.
  std::optional<Plan> found;
  for (const char* share : {"60%", "80%", "90%"}) {
    auto result = plan(model.graph, Budget::parse(share), {.work_limit = 300});
    if (!result) continue;
    found = std::move(*result);
    break;
  }
  ASSERT_TRUE(found) << "no plan within 90 % of the memory";
  EXPECT_GT(simulate(model.graph, found->schedule).value().recomputations, 0u);
  const ExecutorOptions vector{.engine = "vector"};
  EXPECT_EQ(Executor(model, *found, vector).step().measured, found->needed());

  const Plan plain_plan = testing::plain_plan(model);
  const auto plain = testing::train(model, plain_plan, make_vector_engine(), 1);
  const auto planned = testing::train(model, *found, make_vector_engine(), 1);
  EXPECT_EQ(testing::difference(plain[0], planned[0]), "");
  const auto expected = testing::train(model, plain_plan, make_reference_engine(), 1);
  for (const auto& [name, bits] : expected[0].losses) {
    const float loss = number(bits);
    EXPECT_NEAR(number(plain[0].losses.at(name)), loss, 1e-3F * std::max(1.0F, std::abs(loss)));
  }
}

const Shape kSmall = {3, 64, 64};
INSTANTIATE_TEST_SUITE_P(
    Models, VectorZoo,
    ::testing::Values(ZooModel{"resnet18", kSmall}, ZooModel{"resnet50", kSmall},
                      ZooModel{"squeezenet1_1", kSmall}, ZooModel{"mnasnet0_5", kSmall},
                      ZooModel{"mobilenet_v2", kSmall}, ZooModel{"densenet121", kSmall},
                      ZooModel{"resnext50_32x4d", kSmall}, ZooModel{"unet", kSmall}),
    [](const auto& model) { return std::string(model.param.name); });

}  // namespace
}  // namespace rockmate
