// Every op of the table against finite differences, run by the reference engine in float64.

#include <gtest/gtest.h>

#include "support/engine_machine.h"
#include "support/gradient_check.h"
#include "support/op_examples.h"

namespace rockmate {
namespace {

using testing::EngineMachine;
using testing::OpExample;

class EngineGradient : public ::testing::TestWithParam<OpExample> {};

TEST_P(EngineGradient, EqualsFiniteDifferences) {
  const TrainingModel model = testing::in_float64(
      make_training_model(testing::example_model(GetParam()), {.optimizer = OptimizerKind::kNone}));
  const auto engine = make_reference_engine(2);
  testing::expect_gradients(model, EngineMachine(model, *engine), EngineMachine(model, *engine));
}

INSTANTIATE_TEST_SUITE_P(Table, EngineGradient, ::testing::ValuesIn(testing::op_examples()),
                         [](const auto& tested) {
                           return std::string(to_string(tested.param.kind)) + "_" +
                                  (tested.param.name.empty() ? "op" : tested.param.name);
                         });

}  // namespace
}  // namespace rockmate
