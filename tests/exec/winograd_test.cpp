// Convolutions by Winograd's algorithm against the reference engine's, in all three directions, and
// the same bits on any number of threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "rockmate/graph_builder.h"
#include "support/interpreter_engine.h"
#include "support/kernel_rig.h"
#include "support/source_bits.h"

namespace rockmate {
namespace {

using testing::Bits;
using testing::KernelRig;

// Pixels that fill tiles of 4 x 4 and pixels that do not; channels that fill vectors or do not.
Graph filter() {
  GraphBuilder b("filter");
  const ConvOptions same = {.padding = {1}};
  TensorId x = b.parameter("x", {2, 32, 41, 43}, {Fill::Kind::kUniform, 2});
  x = b.conv(b.conv(x, 40, {3}, same), 33, {3}, {.padding = {0}, .bias = false});
  b.loss(b.reduce_mean(b.mul(x, x), {0, 1, 2, 3}));
  return std::move(b).build();
}

TrainingModel model_of(bool winograd) {
  TrainingOptions options;
  options.optimizer = OptimizerKind::kNone;
  options.winograd = winograd;
  return make_training_model(filter(), options);
}

TEST(Winograd, IsRightInAllDirectionsOnAnyThreads) {
  const TrainingModel model = model_of(true);
  const TrainingModel direct = model_of(false);
  const auto reference = make_reference_engine(2);
  const auto cpu = make_cpu_engine(2);
  std::map<ValueId, Bits> values = testing::source_bits(model);
  int used = 0;
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    const Kernel& kernel = model.kernels[OpId(o)];
    std::vector<Bits> inputs;
    for (const ValueId v : kernel.inputs) inputs.push_back(values.at(v));
    const auto expected = KernelRig(*reference, model, OpId(o), inputs).run();
    for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
      values[kernel.outputs[i]] = expected.outputs[i];
    }
    if (!kernel.attributes.flag("winograd")) continue;
    SCOPED_TRACE(signature(model, OpId(o)));
    const auto found = KernelRig(*cpu, model, OpId(o), inputs).run();
    EXPECT_EQ(found.complaint, "");
    testing::expect_near(found.outputs[0], expected.outputs[0], model.types[kernel.outputs[0]], 0);
    for (const int threads : {1, 3}) {
      const auto engine = make_cpu_engine(threads);
      EXPECT_EQ(KernelRig(*engine, model, OpId(o), inputs).run().outputs, found.outputs);
    }
    const auto workspace = [&](const TrainingModel& of) {
      return cpu->workspace(kernel_spec(of, OpId(o)));
    };
    used += workspace(model) != workspace(direct) ? 1 : 0;
  }
  if (used == 0) GTEST_SKIP() << "no such primitives on this machine";
  EXPECT_EQ(used, 6) << "two convolutions, their gradients by image and by weight";
}

TEST(Winograd, IsAllowedWhereItFits) {
  GraphBuilder b("kinds");
  const TensorId x = b.input("x", {1, 4, 9, 9});
  const TensorId fit = b.conv(x, 4, {3}, {.padding = {1}});
  const TensorId strided = b.conv(fit, 4, {3}, {.stride = {2}, .padding = {1}});
  const TensorId grouped = b.conv(strided, 4, {3}, {.padding = {1}, .groups = 2});
  const TensorId small = b.conv(grouped, 4, {1});
  b.loss(b.reduce_mean(small, {0, 1, 2, 3}));
  TrainingOptions options;
  options.winograd = true;
  const TrainingModel model = make_training_model(std::move(b).build(), options);
  const auto allowed =
      std::count_if(model.kernels.begin(), model.kernels.end(),
                    [](const Kernel& kernel) { return kernel.attributes.flag("winograd"); });
  EXPECT_EQ(allowed, 2) << "the first one and the gradient of its weight";
}

}  // namespace
}  // namespace rockmate
