// ONNX's node tests, run by the reference engine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_machine.h"
#include "support/onnx_node_tests.h"

namespace rockmate {
namespace {

// Dropout masks are drawn from another generator, batch norm always trains, and 16-bit types are
// not computed.
bool is_different_by_design(const std::string& name) {
  const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
  return has("dropout") || name == "test_batchnorm_example" || name == "test_batchnorm_epsilon" ||
         has("FLOAT16") || has("float16");
}

TEST(OnnxEngine, NodesComputeWhatOnnxSays) {
  const auto engine = make_reference_engine(2);
  const auto run = [&](const TrainingModel& model, const auto& data) {
    testing::EngineMachine machine(model, *engine);
    for (const auto& [value, elements] : data) machine.set(value, elements);
    machine.run_losses();
    return machine[model.outputs.at(0)].data;
  };
  const auto report = testing::run_onnx_node_tests(run, is_different_by_design);
  if (report.right + report.not_imported == 0) {
    GTEST_SKIP() << "libonnx-testdata is not installed";
  }
  EXPECT_THAT(report.wrong, ::testing::IsEmpty());
  std::printf("%zu node tests are right, %zu are not imported\n", report.right,
              report.not_imported);
  EXPECT_GE(report.right, 500U);
}

}  // namespace
}  // namespace rockmate
