// Kernels of the cpu engine that read a concatenation in pieces, against the interpreter: on any
// number of threads, in place, and with outputs left out.
#include <gtest/gtest.h>

#include "rockmate/graph_builder.h"
#include "support/kernel_check.h"
#include "support/small_models.h"

namespace rockmate {
namespace {

// Those that begin with a concatenation; returns how many there are.
int check_all(const TrainingModel& model) {
  return testing::check_kernels(
      model, [](const std::string& parts) { return parts.starts_with("concat "); }, 2e-5);
}

TrainingOptions options() {
  TrainingOptions made;
  made.fuse = made.channels_last = true;
  return made;
}

TEST(PiecedKernels, OfATrainingAreRight) {
  EXPECT_EQ(check_all(make_training_model(testing::dense_net({.blocks = {3, 2}}), options())), 16);
}

// Pieces as wide as vectors and not, more rows than a chunk, more channels than a block of sums;
// one piece has a gradient from elsewhere, too.
TEST(PiecedKernels, OfManyChannelsAndRowsAreRight) {
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

TEST(PiecedKernels, OfAForwardPassAreRight) {
  EXPECT_GT(check_all(make_inference_model(testing::dense_net({.blocks = {3, 2}}), options())), 6);
}

// Channels that pass a clip, several operands, and pieces of one channel.
TEST(PiecedKernels, OfOtherOpsAreRight) {
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
