// Three steps of training against what PyTorch computed, on whatever runs a training model.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "rockmate/schedule.h"
#include "support/golden.h"

namespace rockmate::testing {

/// The plain iteration with nothing forgotten, so that gradients can be looked at.
inline Schedule keep_everything(const TrainingGraph& graph) {
  Schedule schedule;
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    schedule.emplace_back(Compute{OpId(o), 0, {}, {}});
  }
  return schedule;
}

/// Expects the losses and gradients of PyTorch, and what it leaves behind, within a tolerance that
/// is relative to norms; that of running statistics is another because an ONNX attribute is a
/// float32: 1 - 0.9 is not 0.1. `model` is the golden's, in the machine's types.
template <class Machine>
void expect_trains_as_pytorch_does(const Golden& golden, const TrainingModel& model,
                                   Machine machine, double tolerance, double of_statistics) {
  for (const Source& source : model.sources) {
    if (!source.is_given) machine.set(source.value, golden.beginning(source));
  }
  for (std::size_t step = 0; step <= golden.steps(); ++step) {
    for (const Source& source : model.sources) {
      if (source.is_given) machine.set(source.value, golden.given(source, step));
    }
    if (step == golden.steps()) {
      for (const std::string section : {"parameters", "statistics"}) {
        const double allowed = section == "statistics" ? of_statistics : tolerance;
        for (const std::string& name : golden.names_of(section)) {
          const auto value = model.graph.find_value(name);
          ASSERT_TRUE(value.has_value()) << name;
          EXPECT_EQ(golden.difference(section, name, machine[*value].data, allowed), "");
        }
      }
    }
    machine.run(keep_everything(model.graph));
    const std::vector<double> losses = golden.losses(step);
    ASSERT_EQ(losses.size(), model.losses.size());
    for (std::size_t i = 0; i < losses.size(); ++i) {
      EXPECT_NEAR(machine[model.losses[i].value].data.front(), losses[i],
                  tolerance * (1 + losses[i]));
    }
    if (step > 0) continue;
    ASSERT_EQ(golden.names_of("gradients").size(), model.trained.size());
    for (const TrainedParameter& trained : model.trained) {
      const std::string& name = model.graph[trained.parameter].name;
      EXPECT_EQ(golden.difference("gradients", name, machine[trained.gradient].data, tolerance),
                "");
    }
  }
}

}  // namespace rockmate::testing
