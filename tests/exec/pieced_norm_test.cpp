// Kernels of the cpu engine that read a concatenation in pieces, against the interpreter: on any
// number of threads, in place, and with outputs left out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "graph/op_table.h"
#include "rockmate/graph_builder.h"
#include "support/fused_examples.h"
#include "support/interpreter_engine.h"
#include "support/kernel_rig.h"
#include "support/small_models.h"
#include "support/source_bits.h"

namespace rockmate {
namespace {

using testing::Bits;
using testing::KernelRig;

class PiecedKernels : public ::testing::Test {
 protected:
  void check(const TrainingModel& model, OpId op, const std::vector<Bits>& inputs,
             const std::vector<Bits>& expected) {
    KernelRig rig(*cpu_, model, op, inputs);
    const auto found = rig.run();
    EXPECT_EQ(found.complaint, "");
    const Kernel& kernel = model.kernels[op];
    for (std::size_t o = 0; o < expected.size(); ++o) {
      testing::expect_near(found.outputs[o], expected[o], model.types[kernel.outputs[o]], 0, 2e-5);
    }
    for (const int threads : {1, 3}) {
      const auto engine = make_cpu_engine(threads);
      EXPECT_EQ(KernelRig(*engine, model, op, inputs).run().outputs, found.outputs) << threads;
    }
    for (const auto& choice : testing::in_place_choices(model, op)) {
      const auto again = rig.run({.in_place = choice});
      EXPECT_EQ(again.complaint, "");
      EXPECT_EQ(again.outputs, found.outputs) << "in place";
    }
  }

  // Those that begin with a concatenation; returns how many there are.
  int check_all(const TrainingModel& model) {
    std::map<ValueId, Bits> values = testing::source_bits(model);
    int seen = 0;
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      const Kernel& kernel = model.kernels[OpId(o)];
      SCOPED_TRACE(signature(model, OpId(o)));
      std::vector<Bits> inputs;
      for (const ValueId v : kernel.inputs) inputs.push_back(values.at(v));
      const auto expected = KernelRig(*oracle_, model, OpId(o), inputs).run();
      for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
        values[kernel.outputs[i]] = expected.outputs[i];
      }
      for (std::size_t i = 0; i < kernel.inputs.size(); ++i) {
        values[kernel.inputs[i]] = expected.inputs[i];  // some are updated
      }
      if (kernel.kind != OpKind::kFused || !testing::parts_of(kernel).starts_with("concat ")) {
        continue;
      }
      check(model, OpId(o), inputs, expected.outputs);
      ++seen;
      if (HasFailure()) return seen;
    }
    return seen;
  }

  std::unique_ptr<Engine> cpu_ = make_cpu_engine(2);
  std::unique_ptr<Engine> oracle_ = testing::make_interpreter_engine();
};

TrainingOptions options() {
  TrainingOptions made;
  made.fuse = made.channels_last = true;
  return made;
}

TEST_F(PiecedKernels, OfATrainingAreRight) {
  EXPECT_EQ(check_all(make_training_model(testing::dense_net({.blocks = {3, 2}}), options())), 16);
}

// Pieces as wide as vectors and not, more rows than a chunk, more channels than a block of sums;
// one piece has a gradient from elsewhere, too.
TEST_F(PiecedKernels, OfManyChannelsAndRowsAreRight) {
  GraphBuilder b("wide");
  std::vector<TensorId> pieces;
  const TensorId x = b.input("x", {2, 1, 13, 11});
  for (const std::int64_t channels : {64, 3, 190, 37}) pieces.push_back(b.conv(x, channels, {1}));
  const TensorId pool = b.max_pool(b.relu(b.batch_norm(b.concat(pieces, 1))), {3});
  const TensorId other = b.max_pool(b.relu(b.batch_norm(b.concat({pieces[1], pieces[3]}, 1))), {3});
  b.loss(b.reduce_mean(b.mul(pool, pool)));
  b.loss(b.reduce_mean(b.mul(other, other)));
  EXPECT_EQ(check_all(make_training_model(std::move(b).build(), options())), 4);
}

TEST_F(PiecedKernels, OfAForwardPassAreRight) {
  EXPECT_GT(check_all(make_inference_model(testing::dense_net({.blocks = {3, 2}}), options())), 6);
}

// Channels that pass a clip, several operands, and pieces of one channel.
TEST_F(PiecedKernels, OfOtherOpsAreRight) {
  GraphBuilder b("others");
  const auto image = [&](const char* name, std::int64_t channels) {
    return b.parameter(name, {2, channels, 9, 7}, {Fill::Kind::kUniform, 2});
  };
  const TensorId x = image("x", 1);
  const TensorId y = image("y", 19);
  const TensorId z = image("z", 21);
  const TensorId all = b.concat({b.conv(x, 1, {1}), b.conv(y, 19, {1}), b.conv(x, 1, {1})}, 1);
  b.output(b.max_pool(b.hard_swish(b.add(b.mul(all, z), z)), {3}));
  const TensorId normed =
      b.clip(b.batch_norm(b.concat({b.conv(z, 33, {1}), b.conv(x, 1, {1})}, 1)), -0.5, 0.75);
  b.loss(b.reduce_mean(b.mul(normed, normed)));
  EXPECT_GE(check_all(make_training_model(std::move(b).build(), options())), 2);
}

}  // namespace
}  // namespace rockmate
