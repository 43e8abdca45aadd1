// The rig that engines are tested in notices a kernel that breaks the rules.

#include "support/kernel_rig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rockmate/graph_builder.h"
#include "support/interpreter_engine.h"

namespace rockmate {
namespace {

using testing::InterpreterEngineOptions;
using testing::KernelRig;
using testing::Mischief;
using testing::RunResult;

// y = relu(x), of 4 elements, with a mask.
TrainingModel relu_model() {
  GraphBuilder b("relu");
  const TensorId x = b.parameter("x", {4}, {Fill::Kind::kConstant, 2});
  b.loss(b.reduce_sum(b.relu(x)));
  return make_training_model(std::move(b).build());
}

RunResult run_with(const InterpreterEngineOptions& options, const testing::RunOptions& run = {}) {
  const TrainingModel model = relu_model();
  const auto engine = testing::make_interpreter_engine(options);
  return KernelRig(*engine, model, OpId(0), {testing::Bits(16, std::byte{0x40})}).run(run);
}

TEST(KernelRig, AcceptsWhatKeepsTheRules) {
  const RunResult result = run_with({});
  EXPECT_EQ(result.complaint, "");
  EXPECT_THAT(result.outputs.at(0), ::testing::Each(std::byte{0x40}));
  EXPECT_THAT(result.outputs.at(1), ::testing::ElementsAre(std::byte{0x0f}));
}

TEST(KernelRig, TellsOfWritesWithoutPermission) {
  const Mischief behind = [](const std::string&, const Invocation& call) {
    call.outputs[0].data[16] = std::byte{1};
  };
  EXPECT_EQ(run_with({.after = behind}).complaint, "writes outside its buffers");
  const Mischief input = [](const std::string&, const Invocation& call) {
    call.inputs[0].data[3] = std::byte{1};
  };
  EXPECT_EQ(run_with({.after = input}).complaint, "writes input 0");
  EXPECT_EQ(run_with({.after = input}, {.in_place = {0, testing::RunOptions::kNowhere}}).complaint,
            "");
}

}  // namespace
}  // namespace rockmate
