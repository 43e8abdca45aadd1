// A 1x1 convolution, a clamp and the mean over all pixels as one op: when the pass makes it, that
// no engine computes anything else by it, and that the vector engine launches one kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "rockmate/executor.h"
#include "rockmate/graph_builder.h"
#include "rockmate/vector_engine.h"
#include "support/fused_examples.h"
#include "support/training_run.h"

#ifdef ROCKMATE_WITH_ONNX
#include <cstdlib>
#include <filesystem>

#include "rockmate/onnx.h"
#endif

namespace rockmate {
namespace {

using ::testing::Contains;

constexpr int kPixels = 13;  // on each side

// What stands between an image and what a network makes of its last features.
using Head = std::function<TensorId(GraphBuilder& b, TensorId image)>;

Graph network(const Head& head) {
  GraphBuilder b("net");
  const TensorId features =
      b.relu(b.conv(b.input("x", {2, 3, kPixels, kPixels}), 9, {3}, {.padding = {1}}));
  b.output(b.softmax(b.flatten(head(b, features)), -1));
  return std::move(b).build();
}

TensorId relu_head(GraphBuilder& b, TensorId x) {
  return b.global_average_pool(b.relu(b.conv(x, 21, {1})));
}
TensorId clip_head(GraphBuilder& b, TensorId x) {
  return b.average_pool(b.clip(b.conv(x, 21, {1}, {.bias = false}), -0.1, 0.25), {kPixels});
}

TrainingModel used(const Graph& graph, bool fuse, const std::string& engine) {
  TrainingOptions options;
  aim_at_engine(options, engine);
  options.fuse = fuse;
  return make_inference_model(graph, options);
}

std::vector<std::string> groups(const TrainingModel& model) {
  std::vector<std::string> list;
  for (const Kernel& kernel : model.kernels) list.push_back(testing::parts_of(kernel));
  return list;
}
std::vector<std::string> groups(const Head& head) {
  return groups(used(network(head), true, "reference"));
}

TEST(PooledConvolution, IsOneOpWhereTheNetworkIsUsed) {
  EXPECT_THAT(groups(relu_head), Contains("conv relu reduce_mean"));
  EXPECT_THAT(groups(clip_head), Contains("conv clip average_pool"));
}

TEST(PooledConvolution, NeedsAClampAndAllPixelsAndAPointwiseConvolution) {
  const auto is_apart = [](const Head& head) {
    EXPECT_THAT(groups(head), Contains(::testing::AnyOf("average_pool", "reduce_mean")));
  };
  is_apart([](GraphBuilder& b, TensorId x) {  // another window
    return b.global_average_pool(b.relu(b.conv(x, 21, {3}, {.padding = {1}})));
  });
  is_apart([](GraphBuilder& b, TensorId x) {  // as many pixels, but not the same ones
    return b.global_average_pool(b.relu(b.conv(x, 21, {1}, {.stride = {2}, .padding = {6}})));
  });
  is_apart([](GraphBuilder& b, TensorId x) {  // channels of groups
    return b.global_average_pool(b.relu(b.conv(x, 9, {1}, {.groups = 3})));
  });
  is_apart([](GraphBuilder& b, TensorId x) {  // some of the pixels
    return b.average_pool(b.relu(b.conv(x, 21, {1})), {5}, {.stride = {4}});
  });
  is_apart([](GraphBuilder& b, TensorId x) {  // no clamp
    return b.global_average_pool(b.silu(b.conv(x, 21, {1})));
  });
}

TEST(PooledConvolution, LeavesApartWhatIsReadTwice) {
  const auto squeeze = [](GraphBuilder& b, TensorId x) {
    const TensorId y = b.relu(b.conv(x, 21, {1}));
    return b.max_pool(b.mul(y, b.global_average_pool(y)), {kPixels});
  };
  EXPECT_THAT(groups(squeeze), Contains("reduce_mean"));
}

// ReLU's gradient needs what passed it.
TEST(PooledConvolution, IsNoneWhereTheNetworkIsTrained) {
  for (const Head& head : {Head(relu_head), Head(clip_head)}) {
    GraphBuilder b("net");
    const TensorId x = b.relu(b.conv(b.input("x", {2, 3, kPixels, kPixels}), 9, {3}));
    b.loss(b.reduce_mean(head(b, b.conv(x, 9, {3}, {.padding = {2}})), {}, false));
    TrainingOptions options;
    options.fuse = true;
    for (const std::string& group : groups(make_training_model(std::move(b).build(), options))) {
      EXPECT_FALSE(group.starts_with("conv") && group.ends_with("reduce_mean")) << group;
      EXPECT_FALSE(group.starts_with("conv") && group.ends_with("average_pool")) << group;
    }
  }
}

std::vector<float> output_of(const Graph& graph, bool fuse, const std::string& engine) {
  const TrainingModel model = used(graph, fuse, engine);
  Executor executor(model, testing::plain_plan(model), {.engine = engine, .seed = 5});
  static_cast<void>(executor.step());
  const auto bytes = executor.bytes(model.graph[model.outputs.front()].name);
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

TEST(PooledConvolution, GivesWhatItsPartsGiveOnEachEngine) {
  for (const Head& head : {Head(relu_head), Head(clip_head)}) {
    const Graph graph = network(head);
    const std::vector<float> expected = output_of(graph, false, "reference");
    EXPECT_EQ(output_of(graph, true, "reference"), expected);
    ASSERT_EQ(expected.size(), 2u * 21u);
    for (const char* engine : {"cpu", "vector"}) {
      const std::vector<float> found = output_of(graph, true, engine);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t e = 0; e < found.size(); ++e) {
        EXPECT_NEAR(found[e], expected[e], 1e-6) << engine;
      }
    }
  }
}

void expect_one_launch(const TrainingModel& model, const std::string& parts) {
  int found = 0;
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    if (testing::parts_of(model.kernels[OpId(o)]) != parts) continue;
    const KernelSpec spec = kernel_spec(model, OpId(o));
    const auto launches = model_launches(spec, vector_device("ve20b"));
    ASSERT_EQ(launches.size(), 1u);
    EXPECT_EQ(launches[0].kernel, "ve_conv_pool");
    EXPECT_EQ(model.graph[OpId(o)].workspace(), Bytes()) << "the image is never stored";
    ++found;
  }
  EXPECT_EQ(found, 1) << parts;
}

TEST(PooledConvolution, IsOneLaunchOnACard) {
  expect_one_launch(used(network(relu_head), true, "vector"), "conv relu reduce_mean");
  expect_one_launch(used(network(clip_head), true, "vector"), "conv clip average_pool");
}

#ifdef ROCKMATE_WITH_ONNX
TEST(PooledConvolution, EndsSqueezeNet) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED names no folder";
  const auto file = std::filesystem::path(shared) / "models" / "squeezenet1_1.onnx";
  const OnnxOptions import{.batch = 1, .loss = OnnxLoss::kNone, .weights = false};
  expect_one_launch(used(import_onnx(file, import), true, "vector"), "conv relu reduce_mean");
}
#endif

}  // namespace
}  // namespace rockmate
