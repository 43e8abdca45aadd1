// ONNX's node tests, run by the interpreter.

#include <gtest/gtest.h>

#include "support/interpreter.h"
#include "support/onnx_node_tests.h"

namespace rockmate {
namespace {

// Dropout masks are drawn from another generator, and batch norm always trains. The interpreter
// computes in doubles, whatever the type, does not guard softmax against overflow and counts
// ignored targets.
bool is_different_by_design(const std::string& name) {
  const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
  return has("dropout") || name == "test_batchnorm_example" || name == "test_batchnorm_epsilon" ||
         has("BFLOAT16") || has("large_number") || has("no_weight_ii");
}

TEST(OnnxConformance, NodesComputeWhatOnnxSays) {
  const auto run = [](const TrainingModel& model, const auto& data) {
    testing::Interpreter interpreter(model);
    for (const auto& [value, elements] : data) interpreter.set(value, elements);
    interpreter.run_losses();
    return interpreter[model.outputs.at(0)].data;
  };
  testing::expect_onnx_conformance(run, is_different_by_design);
}

}  // namespace
}  // namespace rockmate
