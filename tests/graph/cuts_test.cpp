#include "graph/cuts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "graph/chain.h"
#include "graph/repeats.h"
#include "rockmate/error.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

std::size_t largest_block(const Chain& chain) {
  std::size_t largest = 0;
  for (const Block& block : chain.blocks) largest = std::max(largest, block.forward.size());
  return largest;
}

// How often the most frequent class occurs.
std::size_t most_repeats(const Repeats& repeats) {
  std::size_t most = 0;
  for (std::size_t c = 0; c < repeats.classes(); ++c) {
    const auto count = std::count(repeats.class_of.begin(), repeats.class_of.end(), c);
    most = std::max(most, static_cast<std::size_t>(count));
  }
  return most;
}

// Layers of seven ops with a wide middle and a narrow end; with `riders`, values made at the start
// are read at the end.
TrainingGraph layers(int count, int riders = 0) {
  TrainingGraphBuilder b("layers");
  std::string last;
  OpSpec end{.name = "end", .seconds = Seconds(1), .outputs = {"end"}};
  OpSpec start{.name = "start", .seconds = Seconds(1)};
  for (int r = 0; r < riders; ++r) {
    const std::string rider = fmt::format("rider{}", r);
    b.value({.name = rider, .bytes = Bytes(5000)});
    start.outputs.push_back(rider);
    end.inputs.push_back(rider);
  }
  b.value({.name = "start", .bytes = Bytes(100)});
  start.outputs.push_back("start");
  last = "start";
  b.op(std::move(start));
  for (int k = 0; k < count; ++k) {
    for (int i = 0; i < 7; ++i) {
      const std::string name = fmt::format("{}.{}", k, i);
      b.value({.name = name, .bytes = Bytes(i == 6 ? 100 : 700)});
      b.op({.name = name, .seconds = Seconds(1 + i), .inputs = {last}, .outputs = {name}});
      last = name;
    }
  }
  b.value({.name = "end", .bytes = Bytes(1)});
  end.inputs.push_back(last);
  b.op(std::move(end));
  return std::move(b).build();
}

TEST(Cuts, AreRisingWithinTheForwardPartAndAsFewAsAskedFor) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph =
        testing::random_graph(seed, {.forward_ops = 1 + static_cast<int>(seed)});
    for (const std::size_t max_blocks : {std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
      const auto cuts = choose_cuts(graph, {.max_blocks = max_blocks, .max_block_ops = 9});
      EXPECT_LT(cuts.size(), max_blocks);
      const Chain chain = cut_chain(graph, cuts);  // checks the positions
      EXPECT_EQ(chain.blocks.size(), cuts.size() + 1);
      if (max_blocks == 1000) {
        EXPECT_LE(largest_block(chain), 9U);
      }
    }
  }
}

TEST(Cuts, MakeEqualBlocksOfTheLayersOfATransformer) {
  const TrainingGraph graph =
      read_graph(std::filesystem::path(ROCKMATE_SOURCE_DIR) / "graphs/transformer.json");
  const Chain chain = cut_chain(graph, choose_cuts(graph));
  const Repeats repeats = find_repeats(graph, chain);
  EXPECT_EQ(most_repeats(repeats), 6U);  // the first and the last layer are like the others
  EXPECT_LE(repeats.classes(), 3U);
  EXPECT_LE(largest_block(chain), 24U);
}

TEST(Cuts, MakeAChainOfSmallBlocksOfAUNet) {
  const TrainingGraph graph =
      read_graph(std::filesystem::path(ROCKMATE_SOURCE_DIR) / "graphs/unet.json");
  const Chain chain = cut_chain(graph, choose_cuts(graph));
  EXPECT_GE(chain.blocks.size(), 5U);
  EXPECT_LE(largest_block(chain), 10U);
}

TEST(Cuts, DoNotMoveForValuesThatRideAlong) {
  const std::vector<std::size_t> plain = choose_cuts(layers(9));
  EXPECT_GE(plain.size(), 4U);
  for (const std::size_t cut : plain) EXPECT_EQ(cut % 7, 1U);  // at the necks
  EXPECT_EQ(choose_cuts(layers(9, 1)), plain);
  EXPECT_EQ(choose_cuts(layers(9, 20)), plain);
}

// Each layer joins the features of all layers before it: they all ride to the end.
TEST(Cuts, MakeAChainOfSmallBlocksOfADenseNet) {
  constexpr int kLayers = 24;
  TrainingGraphBuilder b("dense");
  std::vector<std::string> features;
  for (int k = 0; k < kLayers; ++k) {
    const auto add = [&](const char* what, std::vector<std::string> inputs, int bytes) {
      const std::string name = fmt::format("{}{}", what, k);
      b.value({.name = name, .bytes = Bytes(bytes)});
      b.op({.name = name,
            .seconds = Seconds(bytes),
            .inputs = std::move(inputs),
            .outputs = {name}});
      return name;
    };
    const std::string joined = add("join", features, 32 * (k + 1));
    features.push_back(add("features", {add("narrow", {joined}, 128)}, 32));
  }
  const TrainingGraph graph = std::move(b).build();
  const auto cuts = choose_cuts(graph);
  EXPECT_GE(cuts.size(), 7U);
  EXPECT_LE(largest_block(cut_chain(graph, cuts)), 12U);
  for (const std::size_t cut : cuts) EXPECT_EQ(cut % 3, 0U);
}

TEST(Cuts, BoundTheBlocksOfALongGraph) {
  const TrainingGraph graph = layers(1400);
  const auto cuts = choose_cuts(graph, {.max_blocks = 300});
  EXPECT_LT(cuts.size(), 300U);
  EXPECT_GT(cuts.size(), 100U);
  const Repeats repeats = find_repeats(graph, cut_chain(graph, cuts));
  EXPECT_LT(repeats.classes(), 10U);
}

TEST(Cuts, RejectALimitOfZero) {
  const TrainingGraph graph = layers(1);
  EXPECT_THROW(choose_cuts(graph, {.max_blocks = 0}), InvalidInput);
  EXPECT_THROW(choose_cuts(graph, {.max_block_ops = 0}), InvalidInput);
  EXPECT_THROW(choose_cuts(graph, {.target_block_ops = 0}), InvalidInput);
}

TEST(Cuts, FindTheLayersOfATracedNetwork) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED names no folder with instances/";
  const std::filesystem::path graphs = std::filesystem::path(shared) / "instances/graphs";
  const auto repeats_of = [&](const char* file) {
    const TrainingGraph graph = read_graph(graphs / file);
    const Chain chain = cut_chain(graph, choose_cuts(graph));
    EXPECT_LE(largest_block(chain), 24U) << file;
    return most_repeats(find_repeats(graph, chain));
  };
  EXPECT_EQ(repeats_of("gpt2_8l.json"), 7U);  // one add of the first layer has another cost
  EXPECT_GE(repeats_of("mlp16.json"), 3U);
  for (const char* file : {"resnet18.json", "fcn8_vgg_train.json", "mobilenet_train.json"}) {
    repeats_of(file);
  }
}

}  // namespace
}  // namespace rockmate
