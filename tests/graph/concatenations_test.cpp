// When the readers of a concatenation read its pieces, and what that saves.
#include "graph/fusion/concatenations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "rockmate/executor.h"
#include "rockmate/graph_builder.h"
#include "rockmate/schedule.h"
#include "support/fused_examples.h"
#include "support/interpreter_engine.h"
#include "support/small_models.h"
#include "support/source_bits.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::StartsWith;

TrainingModel trained(const Graph& graph, bool fuse, bool channels_last = true) {
  TrainingOptions options;
  options.fuse = fuse;
  options.channels_last = channels_last;
  options.workspace = engine_workspace("cpu", 2);
  return make_training_model(graph, options);
}

std::vector<std::string> groups(const TrainingModel& model) {
  std::vector<std::string> list;
  for (const Kernel& kernel : model.kernels) list.push_back(testing::parts_of(kernel));
  return list;
}

// Those that are stored: of images.
std::ptrdiff_t concatenated_images(const TrainingModel& model) {
  return std::ranges::count_if(model.kernels, [&](const Kernel& kernel) {
    return kernel.kind == OpKind::kConcat && model.types[kernel.outputs[0]].shape.size() == 4;
  });
}

std::ptrdiff_t count(const TrainingModel& model, OpKind kind) {
  return std::ranges::count(model.kernels, kind, &Kernel::kind);
}

Bytes plain_peak(const TrainingModel& model) {
  return simulate(model.graph, plain_schedule(model.graph))->peak;
}

TEST(Concatenations, OfADenseNetAreNotStored) {
  const Graph graph = testing::dense_net({.blocks = {4, 3}});
  const TrainingModel single = trained(graph, false);
  const TrainingModel fused = trained(graph, true);
  EXPECT_GT(concatenated_images(single), 8);
  EXPECT_EQ(concatenated_images(fused), 0);
  EXPECT_THAT(groups(fused), Contains("concat batch_norm_apply relu"));
  EXPECT_THAT(groups(fused),
              Contains("concat batch_norm_apply relu_gradient batch_norm_gradient slice slice"));
  EXPECT_LT(plain_peak(fused), plain_peak(single));
}

// Bytes of what a dense block keeps are linear in its layers, not quadratic.
TEST(Concatenations, KeepEachPieceOnce) {
  const auto saved = [](int layers, bool fuse) {
    const TrainingModel model = trained(testing::dense_net({.blocks = {layers}}), fuse);
    Bytes bytes;
    std::set<ValueId> seen;
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      if (model.graph[OpId(o)].phase != Phase::kBackward) continue;
      const Kernel& kernel = model.kernels[OpId(o)];
      if (kernel.kind != OpKind::kFused) continue;
      const auto& parts = kernel.attributes.parts().parts;
      const bool is_norm = std::ranges::any_of(
          parts, [](const auto& part) { return part.kind == OpKind::kBatchNormGradient; });
      if (!is_norm) continue;
      for (const ValueId v : kernel.inputs) {
        const bool is_forward =
            model.types[v].shape.size() == 4 && model.graph[v].kind == ValueKind::kActivation;
        if (is_forward && seen.insert(v).second) bytes += model.types[v].bytes();
      }
    }
    return static_cast<double>(bytes.count());
  };
  // From 4 layers to 8, to 12: as much again for as many layers more.
  const double first = saved(8, true) - saved(4, true);
  EXPECT_NEAR((saved(12, true) - saved(8, true)) / first, 1, 0.01);
}

TEST(Concatenations, HaveTheStatisticsOfTheirPieces) {
  const TrainingModel fused = trained(testing::dense_net({.blocks = {4}}), true);
  // Five pieces, four hidden images, and the piece that stands twice.
  EXPECT_EQ(count(fused, OpKind::kBatchNormStatistics), 5 + 4 + 1);
}

void expect_same_gradients(const Graph& graph, std::unique_ptr<Engine> (*engine)()) {
  const auto run = [&](bool fuse) {
    const TrainingModel model = trained(graph, fuse);
    return testing::train(model, testing::plain_plan(model), engine(), 1);
  };
  const auto single = run(false).front();
  const auto fused = run(true).front();
  EXPECT_EQ(single.gradients.size(), fused.gradients.size());
  for (const auto& [name, expected] : single.gradients) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(fused.gradients.contains(name));
    const TensorType numbers{DType::kFloat32, {static_cast<std::int64_t>(expected.size() / 4)}};
    testing::expect_near(fused.gradients.at(name), expected, numbers, 0, 1e-4);
  }
}

TEST(Concatenations, GiveTheSameGradients) {
  expect_same_gradients(testing::dense_net({.blocks = {2, 1}}),
                        [] { return testing::make_interpreter_engine(); });
}

using Body = std::function<TensorId(GraphBuilder&, TensorId x, TensorId y)>;

std::vector<std::string> groups_of(const Body& body, bool channels_last = true,
                                   std::int64_t side = 8) {
  GraphBuilder b("net");
  const TensorId image = b.input("x", {2, 4, side, side});
  const TensorId x = b.conv(image, 6, {3}, {.padding = {1}});
  const TensorId y = b.conv(image, 5, {3}, {.padding = {1}});
  const TensorId z = b.conv(body(b, x, y), 3, {1});
  b.loss(b.reduce_mean(b.mul(z, z)));
  return groups(trained(std::move(b).build(), true, channels_last));
}

TensorId normed(GraphBuilder& b, TensorId x, TensorId y) {
  return b.relu(b.batch_norm(b.concat({x, y}, 1)));
}

TEST(Concatenations, AreReadInPiecesByPointwiseOps) {
  EXPECT_THAT(groups_of(normed), Contains(StartsWith("concat batch_norm_apply relu")));
  EXPECT_THAT(groups_of(normed, false), Not(Contains(StartsWith("concat batch_norm_apply"))));
}

constexpr std::int64_t kLargeSide = 128;  // of images that no cache holds for nothing

TensorId joined(GraphBuilder& b, TensorId x, TensorId y) { return b.concat({x, y}, 1); }

TEST(Concatenations, AreReadInPiecesByConvolutions) {
  const auto found = groups_of(joined, true, kLargeSide);
  EXPECT_THAT(found, Not(Contains("concat")));
  EXPECT_THAT(found, Contains(StartsWith("concat conv")));
  EXPECT_THAT(found, Contains("concat conv_weight_gradient"));
  EXPECT_THAT(found, Contains("conv_transpose slice slice"));
  EXPECT_THAT(groups_of(joined, false, kLargeSide), Contains("concat"));
}

TEST(Concatenations, AreReadInPiecesByPoolings) {
  const Body pooled = [](GraphBuilder& b, TensorId x, TensorId y) {
    const TensorId all = joined(b, x, y);
    return b.add(b.max_pool(all, {2}), b.average_pool(all, {2}));
  };
  const auto found = groups_of(pooled, true, kLargeSide);
  EXPECT_THAT(found, Not(Contains("concat")));
  EXPECT_THAT(found, Contains("concat max_pool"));
  EXPECT_THAT(found, Contains("concat average_pool"));
}

TEST(Concatenations, AreStoredIfOneReaderNeedsThemWhole) {
  const Body also_padded = [](GraphBuilder& b, TensorId x, TensorId y) {
    const TensorId all = joined(b, x, y);
    return b.add(b.conv(all, 11, {3}, {.padding = {1}}), b.softmax(all, 1));
  };
  const auto found = groups_of(also_padded, true, kLargeSide);
  EXPECT_THAT(found, Contains("concat"));
  EXPECT_THAT(found, Not(Contains(StartsWith("concat conv"))));
}

// Convolved and pooled: gradients come from two sides.
TEST(Concatenations, GiveConvolutionsTheSameGradients) {
  GraphBuilder b("net");
  const TensorId image = b.input("x", {1, 2, 66, 66});
  const TensorId wide = b.conv(image, 37, {1});
  const TensorId all = b.concat({b.conv(image, 24, {1}), wide}, 1);
  const TensorId once = b.max_pool(b.relu(b.conv(all, 3, {1})), {2});
  const TensorId again = b.concat({once, b.conv(b.max_pool(all, {2}), 2, {1})}, 1);
  b.loss(b.reduce_mean(b.mul(again, again)));
  const Graph graph = std::move(b).build();
  EXPECT_THAT(groups(trained(graph, true)), Contains(StartsWith("concat conv")));
  expect_same_gradients(graph, [] { return make_cpu_engine(2); });
}

TEST(Concatenations, AreStoredForOtherReaders) {
  EXPECT_THAT(groups_of(joined), Contains("concat"));  // a cache holds it
  const Body also_pooled = [](GraphBuilder& b, TensorId x, TensorId y) {
    const TensorId all = b.concat({x, y}, 1);
    return b.add(b.relu(b.batch_norm(all)), b.max_pool(all, {1}));
  };
  EXPECT_THAT(groups_of(also_pooled), Contains("concat"));
  const Body of_rows = [](GraphBuilder& b, TensorId x, TensorId) {
    return b.relu(b.batch_norm(b.concat({x, x}, 2)));
  };
  EXPECT_THAT(groups_of(of_rows), Contains("concat"));
}

}  // namespace
}  // namespace rockmate
