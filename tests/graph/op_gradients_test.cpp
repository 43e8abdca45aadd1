// Every op of the table against finite differences, on the training graph itself: what is checked
// is the gradient of each op and autodiff's wiring around it.

#include <gtest/gtest.h>

#include <set>

#include "support/gradient_check.h"
#include "support/interpreter.h"
#include "support/op_examples.h"

namespace rockmate {
namespace {

using testing::Interpreter;
using testing::OpExample;

TrainingModel model_of(const OpExample& example) {
  return make_training_model(testing::example_model(example), {.optimizer = OptimizerKind::kNone});
}

class OpGradient : public ::testing::TestWithParam<OpExample> {};

TEST_P(OpGradient, EqualsFiniteDifferences) {
  const TrainingModel model = model_of(GetParam());
  const Schedule plain = plain_schedule(model.graph);
  const auto trace = simulate(model.graph, plain);
  ASSERT_TRUE(trace.has_value()) << trace.error();
  testing::expect_gradients(model, Interpreter(model), Interpreter(model));
}

INSTANTIATE_TEST_SUITE_P(Table, OpGradient, ::testing::ValuesIn(testing::op_examples()),
                         [](const auto& tested) {
                           return std::string(to_string(tested.param.kind)) + "_" +
                                  (tested.param.name.empty() ? "op" : tested.param.name);
                         });

// A new entry of the table without an example fails here.
TEST(OpTable, EachKindRunsInAnExample) {
  std::set<OpKind> kinds;
  std::set<OpKind> with_own_example;
  for (const OpExample& example : testing::op_examples()) {
    with_own_example.insert(example.kind);
    const TrainingModel model = model_of(example);
    bool has_own_kind = false;
    for (const Kernel& kernel : model.kernels) {
      kinds.insert(kernel.kind);
      has_own_kind = has_own_kind || kernel.kind == example.kind;
    }
    EXPECT_TRUE(has_own_kind) << to_string(example.kind) << " " << example.name;
  }
  for (std::size_t k = 0; k < kOpKinds; ++k) {
    const auto kind = static_cast<OpKind>(k);
    const bool is_optimizer = kind >= OpKind::kSgd;         // see optimizer_test
    const bool is_lowering = kind == OpKind::kReinterpret;  // see memory_formats_test
    EXPECT_TRUE(is_optimizer || is_lowering || kinds.contains(kind)) << to_string(kind);
    const bool is_layer = kind < OpKind::kFill && kind != OpKind::kRunningStatistics;
    EXPECT_TRUE(!is_layer || with_own_example.contains(kind)) << to_string(kind);
  }
}

}  // namespace
}  // namespace rockmate
