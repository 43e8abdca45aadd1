// ONNX's node tests, run by the reference engine.

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
  testing::expect_onnx_conformance(run, is_different_by_design);
}

}  // namespace
}  // namespace rockmate
