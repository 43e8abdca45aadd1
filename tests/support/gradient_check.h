// Gradients against finite differences, on whatever runs a training model in double precision.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "rockmate/schedule.h"
#include "support/interpreter.h"

namespace rockmate::testing {

/// (loss(w + h) - loss(w - h)) / 2h for one element of a parameter.
template <class Machine>
double finite_difference(Machine& machine, ValueId parameter, std::size_t element) {
  constexpr double kStep = 1e-5;
  const std::vector<double> original = machine[parameter].data;
  double difference = 0;
  for (const double sign : {1.0, -1.0}) {
    std::vector<double> moved = original;
    moved[element] += sign * kStep;
    machine.set(parameter, moved);
    machine.run_losses();
    difference += sign * machine.total_loss();
  }
  machine.set(parameter, original);
  return difference / (2 * kStep);
}

/// Expects that the iteration, which `backward` runs, makes the gradients of the losses, which
/// `forward` runs. Both are fresh machines.
template <class Machine>
void expect_gradients(const TrainingModel& model, Machine backward, Machine forward) {
  backward.run(plain_schedule(model.graph));
  ASSERT_FALSE(model.trained.empty());
  for (const TrainedParameter& trained : model.trained) {
    const Array gradient = backward[trained.gradient];
    ASSERT_EQ(gradient.shape, model.types[trained.parameter].shape);
    double largest = 0;
    for (std::size_t e = 0; e < gradient.data.size(); ++e) {
      const double expected = finite_difference(forward, trained.parameter, e);
      EXPECT_NEAR(gradient.data[e], expected, 1e-6 * (1 + std::abs(expected)))
          << model.graph[trained.parameter].name << "[" << e << "]";
      largest = std::max(largest, std::abs(expected));
    }
    EXPECT_GT(largest, 1e-3) << "the example does not depend on "
                             << model.graph[trained.parameter].name;
  }
}

}  // namespace rockmate::testing
