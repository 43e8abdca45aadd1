// Channels-last iterations compute what row-major ones do, and images change their format only
// where they enter and leave the part that convolutions make up.
#include <gtest/gtest.h>

#include <algorithm>

#include "rockmate/training_model.h"
#include "support/interpreter.h"
#include "support/models.h"
#include "support/schedules.h"
#include "support/small_models.h"

namespace rockmate {
namespace {

using testing::Array;
using testing::Interpreter;

TrainingModel model_of(const Graph& graph, bool channels_last) {
  TrainingOptions options;
  options.optimizer = OptimizerKind::kMomentum;
  options.channels_last = channels_last;
  return make_training_model(graph, options);
}

Schedule plain(const TrainingModel& model) {
  Schedule schedule;
  for (std::size_t o = 0; o < model.graph.ops().size(); ++o) {
    schedule.emplace_back(Compute{OpId(o)});
  }
  return schedule;
}

std::size_t count(const TrainingModel& model, OpKind kind) {
  return static_cast<std::size_t>(
      std::count_if(model.kernels.begin(), model.kernels.end(),
                    [&](const Kernel& kernel) { return kernel.kind == kind; }));
}

std::vector<double> data(const Interpreter& run, const TrainingModel& model,
                         const std::string& name) {
  return run[model.graph.find_value(name).value()].data;
}

void expect_same_numbers(const Graph& graph) {
  const TrainingModel rows = model_of(graph, false);
  const TrainingModel images = model_of(graph, true);
  Interpreter expected(rows), found(images);
  for (const Source& source : rows.sources) {
    const std::string& name = rows.graph[source.value].name;
    found.set(images.graph.find_value(name).value(), expected[source.value].data);
  }
  expected.run(plain(rows));
  found.run(plain(images));
  EXPECT_EQ(found.total_loss(), expected.total_loss());
  for (const Source& source : rows.sources) {
    const std::string& name = rows.graph[source.value].name;
    EXPECT_EQ(data(found, images, name), expected[source.value].data) << name;
  }
}

TEST(MemoryFormats, ChangeNoNumber) {
  for (const testing::NamedModel& each : testing::small_models()) {
    SCOPED_TRACE(each.name);
    expect_same_numbers(each.graph);
  }
}

// The image on its way in; the logits lie as one likes, behind the pool of all pixels.
TEST(MemoryFormats, ImagesOfAResNetAreTransposedOnce) {
  const Graph graph = testing::resnet(2, {.blocks = {1, 1}, .image = 32, .width = 8});
  const TrainingModel model = model_of(graph, true);
  EXPECT_EQ(count(model, OpKind::kTranspose), 1U);
  EXPECT_EQ(count(model, OpKind::kReinterpret), 1U);
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    const Kernel& kernel = model.kernels[OpId(o)];
    if (kernel.kind != OpKind::kConv && kernel.kind != OpKind::kBatchNormGradient) continue;
    EXPECT_EQ(model.types[kernel.inputs[0]].format, MemoryFormat::kChannelsLast);
    EXPECT_EQ(model.types[kernel.outputs[0]].format, MemoryFormat::kChannelsLast);
  }
}

// Groups of channels change places within the rows of pixels, forward and backward.
TEST(MemoryFormats, ChannelShufflesWorkOnRowsOfPixels) {
  const auto build = [] {
    GraphBuilder b("shuffle");
    TensorId x = b.conv(b.input("x", {2, 3, 5, 4}), 6, {3});
    x = b.reshape(b.transpose(b.reshape(x, {2, 2, 3, 3, 2}), {0, 2, 1, 3, 4}), {2, 6, 3, 2});
    x = b.conv(x, 4, {2});
    b.loss(b.reduce_mean(b.mul(x, x), {0, 1, 2, 3}));
    return std::move(b).build();
  };
  expect_same_numbers(build());
  const TrainingModel model = model_of(build(), true);
  EXPECT_EQ(count(model, OpKind::kTranspose), 4U)
      << "x, the gradient of the loss, and the shuffle in both directions";
  for (const Kernel& kernel : model.kernels) {
    if (kernel.kind != OpKind::kTranspose) continue;
    EXPECT_NE(kernel.attributes.integers("permutation").at(1), 3) << "back to rows of channels";
  }
}

// They take a channel of each piece in turn, and hand whole groups to a split; or they stay as they
// are where the pieces, or the parts, are others.
TEST(MemoryFormats, ShuffledConcatenationsAreNotTransposed) {
  const auto build = [](std::int64_t channels, std::int64_t first) {
    GraphBuilder b("shuffle");
    const TensorId x = b.input("x", {2, 3, 5, 4});
    TensorId y = b.concat({b.conv(x, channels, {3}), b.conv(x, 12 - channels, {3})}, 1);
    y = b.reshape(b.transpose(b.reshape(y, {2, 2, 6, 3, 2}), {0, 2, 1, 3, 4}), {2, 12, 3, 2});
    const auto parts = b.split(y, {first, 12 - first}, 1);
    y = b.add(b.conv(parts[0], 4, {2}), b.conv(parts[1], 4, {2}));
    b.loss(b.reduce_mean(b.mul(y, y), {0, 1, 2, 3}));
    return std::move(b).build();
  };
  const auto transpositions = [&](std::int64_t channels, std::int64_t first) {
    expect_same_numbers(build(channels, first));
    return count(model_of(build(channels, first), true), OpKind::kTranspose);
  };
  const std::size_t in_both_directions = transpositions(5, 4);
  EXPECT_EQ(transpositions(6, 4), in_both_directions - 1);
  EXPECT_EQ(transpositions(6, 5), in_both_directions - 1);
}

// What a model transposes to [N, H, W, C] lies so already.
TEST(MemoryFormats, TranspositionsToRowsOfPixelsAreViews) {
  GraphBuilder b("rows");
  const TensorId x = b.conv(b.input("x", {2, 3, 5, 4}), 6, {3});
  const TensorId y = b.layer_norm(b.transpose(x, {0, 2, 3, 1}));
  b.loss(b.reduce_mean(b.mul(y, y), {0, 1, 2, 3}));
  const Graph graph = std::move(b).build();
  expect_same_numbers(graph);
  EXPECT_EQ(count(model_of(graph, true), OpKind::kTranspose), 1U) << "x";
}

TEST(MemoryFormats, LeaveModelsWithoutConvolutionsAlone) {
  const Graph graph = testing::mlp(4, 8, 2);
  EXPECT_EQ(graph_to_json(model_of(graph, true).graph),
            graph_to_json(model_of(graph, false).graph));
}

TEST(MemoryFormats, LeaveWhatIsGivenAndGivenBackRowMajor) {
  GraphBuilder b("filter");
  const TensorId x = b.input("x", {2, 3, 6, 5});
  const TensorId offset = b.parameter("offset", {2, 3, 6, 5});
  const TensorId y = b.conv(b.add(b.conv(x, 3, {3}, {.padding = {1}}), offset), 4, {2});
  b.output(y);
  b.loss(b.reduce_mean(b.mul(y, y), {0, 1, 2, 3}));
  const Graph graph = std::move(b).build();
  const TrainingModel model = model_of(graph, true);
  for (const Source& source : model.sources) {
    EXPECT_EQ(model.types[source.value].format, MemoryFormat::kRowMajor);
  }
  ASSERT_EQ(model.outputs.size(), 1U);
  EXPECT_EQ(model.types[model.outputs[0]].format, MemoryFormat::kRowMajor);
  ASSERT_EQ(model.trained.size(), 5U);
  for (const TrainedParameter& each : model.trained) {
    EXPECT_EQ(model.types[each.gradient].format, MemoryFormat::kRowMajor);
  }
  EXPECT_GT(count(model, OpKind::kReinterpret), 2U);
}

}  // namespace
}  // namespace rockmate
