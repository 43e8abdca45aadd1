// ONNX's own node tests (Debian: libonnx-testdata), for whatever runs a training model. A test is
// imported twice: with its whole numbers as initializers, as exported models have them, and with
// all inputs but the first. What is imported must compute what ONNX says.
#pragma once

#ifdef ROCKMATE_WITH_ONNX

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rockmate/training_model.h"

namespace rockmate::testing {

/// Runs the forward pass of a model with the given values of its sources; returns its first output.
using RunModel = std::function<std::vector<double>(
    const TrainingModel& model, const std::map<ValueId, std::vector<double>>& data)>;

struct NodeTestReport {
  std::size_t right = 0;
  std::size_t not_imported = 0;
  std::vector<std::string> wrong;
};

/// Runs all node tests but those that `is_skipped` names; none where the package is missing.
[[nodiscard]] NodeTestReport run_onnx_node_tests(
    const RunModel& run, const std::function<bool(const std::string&)>& is_skipped);

/// Expects that none of them is wrong and that most are imported; skips the test where the package
/// is missing.
void expect_onnx_conformance(const RunModel& run,
                             const std::function<bool(const std::string&)>& is_skipped);

}  // namespace rockmate::testing

#endif
