// Training on the reference engine against PyTorch: losses, gradients, and what three steps leave
// behind.
#include <gtest/gtest.h>

#include "support/engine_machine.h"
#include "support/golden_check.h"

namespace rockmate {
namespace {

using testing::EngineMachine;
using testing::Golden;

class EngineGoldens : public ::testing::TestWithParam<std::string> {
 protected:
  static void expect_training(bool fuse);
};

void EngineGoldens::expect_training(bool fuse) {
  const Golden golden(GetParam(), fuse);
  const auto engine = make_reference_engine(2);
  // The momenta and slopes of some are no float32 numbers, as ONNX's attributes are.
  const bool is_rounded = GetParam() == "mnasnet" || GetParam().starts_with("mobilenet");
  testing::expect_trains_as_pytorch_does(golden, golden.model(),
                                         EngineMachine(golden.model(), *engine),
                                         is_rounded ? 2e-7 : 1e-9, is_rounded ? 2e-4 : 1e-6);
}

TEST_P(EngineGoldens, TrainsAsPyTorchDoes) { expect_training(false); }
TEST_P(EngineGoldens, TrainsAsPyTorchDoesWithFusedOps) { expect_training(true); }

// All but GoogLeNet, whose epsilon is no float32 number either: each of its steps multiplies a
// difference by a thousand.
std::vector<std::string> networks() {
  std::vector<std::string> names = Golden::names();
  std::erase(names, "googlenet");
  return names;
}

INSTANTIATE_TEST_SUITE_P(Networks, EngineGoldens, ::testing::ValuesIn(networks()),
                         [](const auto& network) { return network.param; });

}  // namespace
}  // namespace rockmate
