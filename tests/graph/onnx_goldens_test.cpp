// The derived iteration against PyTorch: losses, gradients, and what three steps leave behind, in
// the interpreter's double loops. The larger networks are left to engines.
#include <gtest/gtest.h>

#include "support/golden.h"
#include "support/interpreter.h"

namespace rockmate {
namespace {

using testing::Golden;

// The plain iteration with nothing forgotten, so that gradients can be looked at.
Schedule keep_everything(const TrainingGraph& graph) {
  Schedule schedule;
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    schedule.emplace_back(Compute{OpId(o), 0, {}, {}});
  }
  return schedule;
}

class Goldens : public ::testing::TestWithParam<std::string> {};

TEST_P(Goldens, TheInterpreterTrainsAsPyTorchDoes) {
  const double tolerance = 1e-9;
  const double of_statistics = 1e-6;  // an ONNX attribute is a float32: 1 - 0.9 is not 0.1
  const Golden golden(GetParam());
  const TrainingModel& model = golden.model();
  testing::Interpreter interpreter(model);
  for (const Source& source : model.sources) {
    if (!source.is_given) interpreter.set(source.value, golden.beginning(source));
  }
  for (std::size_t step = 0; step <= golden.steps(); ++step) {
    for (const Source& source : model.sources) {
      if (source.is_given) interpreter.set(source.value, golden.given(source, step));
    }
    if (step == golden.steps()) {
      for (const std::string section : {"parameters", "statistics"}) {
        const double allowed = section == "statistics" ? of_statistics : tolerance;
        for (const std::string& name : golden.names_of(section)) {
          const auto value = model.graph.find_value(name);
          ASSERT_TRUE(value.has_value()) << name;
          EXPECT_EQ(golden.difference(section, name, interpreter[*value].data, allowed), "");
        }
      }
    }
    interpreter.run(keep_everything(model.graph));
    const std::vector<double> losses = golden.losses(step);
    ASSERT_EQ(losses.size(), model.losses.size());
    for (std::size_t i = 0; i < losses.size(); ++i) {
      EXPECT_NEAR(interpreter[model.losses[i].value].data.front(), losses[i], tolerance);
    }
    if (step > 0) continue;
    ASSERT_EQ(golden.names_of("gradients").size(), model.trained.size());
    for (const TrainedParameter& trained : model.trained) {
      const std::string& name = model.graph[trained.parameter].name;
      EXPECT_EQ(golden.difference("gradients", name, interpreter[trained.gradient].data, tolerance),
                "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Goldens,
                         ::testing::Values("linreg", "perceptron", "vgg", "recognisable", "gpt2"),
                         [](const auto& network) { return network.param; });

}  // namespace
}  // namespace rockmate
