// The derived iteration against PyTorch: losses, gradients, and what three steps leave behind, in
// the interpreter's double loops. The larger networks are left to engines.
#include <gtest/gtest.h>

#include "support/golden_check.h"
#include "support/interpreter.h"

namespace rockmate {
namespace {

using testing::Golden;

class Goldens : public ::testing::TestWithParam<std::string> {};

TEST_P(Goldens, TheInterpreterTrainsAsPyTorchDoes) {
  const Golden golden(GetParam());
  testing::expect_trains_as_pytorch_does(golden, golden.model(),
                                         testing::Interpreter(golden.model()), 1e-9, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Networks, Goldens,
                         ::testing::Values("linreg", "perceptron", "vgg", "recognisable", "gpt2"),
                         [](const auto& network) { return network.param; });

}  // namespace
}  // namespace rockmate
