// When convolutions become one op that goes through the image in bands of rows.
#include "graph/fusion/banded_convolutions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "rockmate/graph_builder.h"
#include "rockmate/training_model.h"
#include "support/fused_examples.h"

namespace rockmate {
namespace {

using ::testing::Contains;
using ::testing::Not;

constexpr char kBlock[] = "conv relu conv relu conv";

TensorId pointwise(GraphBuilder& b, TensorId x, std::int64_t channels) {
  return b.conv(x, channels, {1});
}
TensorId depthwise(GraphBuilder& b, TensorId x) {
  ConvOptions options{.padding = {1}};
  options.groups = b.shape(x)[1];
  return b.conv(x, options.groups, {3}, options);
}

using Block = std::function<TensorId(GraphBuilder& b, TensorId x)>;

Graph network(const Block& block, std::int64_t side = 16) {
  GraphBuilder b("net");
  const TensorId x = b.max_pool(b.input("x", {2, 8, 2 * side, 2 * side}), {2});
  b.output(b.max_pool(block(b, x), {2}));
  return std::move(b).build();
}

TrainingModel used(const Graph& graph, bool fuse, bool channels_last = true) {
  TrainingOptions options;
  options.fuse = fuse;
  options.channels_last = channels_last;
  return make_inference_model(graph, options);
}

std::vector<std::string> groups(const TrainingModel& model) {
  std::vector<std::string> list;
  for (const Kernel& kernel : model.kernels) list.push_back(testing::parts_of(kernel));
  return list;
}

TensorId whole_block(GraphBuilder& b, TensorId x) {
  const TensorId wide = b.relu(depthwise(b, b.relu(pointwise(b, x, 48))));
  return pointwise(b, wide, 8);
}

TEST(BandedConvolutions, AreOneOpWithoutTheImagesBetween) {
  const Graph graph = network(whole_block);
  EXPECT_THAT(groups(used(graph, true)), Contains(kBlock));
  const Bytes wide(2LL * 48 * 16 * 16 * 4);
  const auto largest = [](const TrainingModel& model) {
    Bytes most;
    for (const Value& value : model.graph.values()) {
      if (!value.is_source) most = std::max(most, value.bytes);
    }
    return most;
  };
  EXPECT_EQ(largest(used(graph, false)), wide);
  EXPECT_LT(largest(used(graph, true)), wide);
}

TEST(BandedConvolutions, MayLackOneOfTheOuterOnes) {
  EXPECT_THAT(groups(used(network([](GraphBuilder& b, TensorId x) {
                            return pointwise(b, depthwise(b, x), 8);
                          }),
                          true)),
              Contains("conv conv"));
  EXPECT_THAT(groups(used(network([](GraphBuilder& b, TensorId x) {
                            return b.relu(depthwise(b, b.relu(pointwise(b, x, 48))));
                          }),
                          true)),
              Contains("conv relu conv relu"));
}

TEST(BandedConvolutions, StayApartWhereTheWideImageIsReadAgain) {
  const auto squeezed = [](GraphBuilder& b, TensorId x) {
    const TensorId wide = b.relu(depthwise(b, b.relu(pointwise(b, x, 48))));
    return pointwise(b, b.mul(wide, b.global_average_pool(wide)), 8);
  };
  EXPECT_THAT(groups(used(network(squeezed), true)), Not(Contains(kBlock)));
}

TEST(BandedConvolutions, StayApartWhereTheyAreOthers) {
  const auto is_apart = [](const Block& block) {
    EXPECT_THAT(groups(used(network(block), true)), Not(Contains(kBlock)));
  };
  is_apart([](GraphBuilder& b, TensorId x) {  // no depthwise one
    return pointwise(b, b.relu(b.conv(b.relu(pointwise(b, x, 48)), 48, {3}, {.padding = {1}})), 8);
  });
  is_apart([](GraphBuilder& b, TensorId x) {  // no 1x1 one before it
    return pointwise(b, b.relu(depthwise(b, b.relu(b.conv(x, 48, {3}, {.padding = {1}})))), 8);
  });
  is_apart([](GraphBuilder& b, TensorId x) {  // strides at the end
    const TensorId wide = b.relu(depthwise(b, b.relu(pointwise(b, x, 48))));
    return b.conv(wide, 8, {1}, {.stride = {2}});
  });
}

TEST(BandedConvolutions, MayBeginWithFewChannels) {
  const auto stem = [](GraphBuilder& b, TensorId x) {
    const TensorId wide = b.relu(b.conv(x, 48, {1, 3}, {.padding = {0, 1}}));
    return pointwise(b, b.relu(depthwise(b, wide)), 8);
  };
  EXPECT_THAT(groups(used(network(stem), true)), Contains(kBlock));
}

TEST(BandedConvolutions, MayBeAConvolutionOfFewChannelsBeforeAPooling) {
  const auto pooled = [](std::int64_t channels) {
    return groups(used(network([=](GraphBuilder& b, TensorId x) {
                         const TensorId few = pointwise(b, x, channels);
                         const TensorId wide = b.relu(b.conv(few, 48, {3}, {.padding = {1}}));
                         return b.max_pool(wide, {3}, {.stride = {2}, .padding = {1}});
                       }),
                       true));
  };
  EXPECT_THAT(pooled(3), Contains("conv relu max_pool"));
  EXPECT_THAT(pooled(16), Not(Contains("conv relu max_pool")));
}

// Whether the image is brought into channels last.
bool transposes(const std::function<void(GraphBuilder& b, TensorId x)>& body) {
  GraphBuilder b("net");
  body(b, b.input("x", {2, 3, 32, 32}));
  const std::vector<std::string> list = groups(used(std::move(b).build(), true));
  EXPECT_THAT(list, Contains("conv relu max_pool"));
  return std::ranges::find(list, "transpose") != list.end();
}

TEST(BandedConvolutions, ReadPlanesAsTheyAreGiven) {
  const auto stem = [](GraphBuilder& b, TensorId x) {
    const TensorId y = b.max_pool(b.relu(b.conv(x, 24, {3}, {.padding = {1}})), {2});
    b.output(b.global_average_pool(b.conv(y, 24, {3})));
  };
  EXPECT_FALSE(transposes(stem));
  EXPECT_TRUE(transposes([&](GraphBuilder& b, TensorId x) {
    stem(b, x);
    b.output(b.global_average_pool(b.conv(x, 8, {5})));
  }));
}

// Their weights take more bytes than the images between them.
TEST(BandedConvolutions, StayApartOnSmallImages) {
  EXPECT_THAT(groups(used(network(whole_block, 2), true)), Not(Contains(kBlock)));
}

TEST(BandedConvolutions, WantChannelsLast) {
  EXPECT_THAT(groups(used(network(whole_block), true, false)), Not(Contains(kBlock)));
}

TEST(BandedConvolutions, AreNoneWhereTheNetworkIsTrained) {
  GraphBuilder b("net");
  const TensorId y = whole_block(b, b.max_pool(b.input("x", {2, 8, 32, 32}), {2}));
  b.loss(b.reduce_mean(b.mul(y, y), {}, false));
  TrainingOptions options;
  options.fuse = options.channels_last = true;
  EXPECT_THAT(groups(make_training_model(std::move(b).build(), options)), Not(Contains(kBlock)));
}

}  // namespace
}  // namespace rockmate
