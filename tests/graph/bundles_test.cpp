#include "graph/bundles.h"

#include <gtest/gtest.h>

#include <set>

#include "graph/chain.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

// The definition, read off the chain that is cut at this one boundary.
std::set<ValueId> naive_bundle(const TrainingGraph& graph, std::size_t boundary) {
  const Chain chain = cut_chain(graph, {boundary});
  std::set<OpId> at_or_after(chain.blocks[1].forward.begin(), chain.blocks[1].forward.end());
  at_or_after.insert(chain.blocks[1].backward.begin(), chain.blocks[1].backward.end());
  std::set<ValueId> bundle;
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    const Value& owner = graph[value.storage];
    if (owner.is_source) continue;
    const OpId made = owner.producer ? *owner.producer : owner.contributors.front();
    if (made.index() >= boundary) continue;
    const bool once = !value.producer || !graph[*value.producer].recomputable;
    bool held = once && value.is_result;
    for (const OpId reader : value.readers) {
      held = held || at_or_after.contains(reader) || (once && reader.index() >= boundary);
    }
    for (const OpId adder : value.contributors) held = held || adder.index() >= boundary;
    if (held) bundle.insert(value.storage);
  }
  return bundle;
}

TEST(Bundles, AreWhatTheDefinitionSays) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, {.forward_ops = 9});
    const Bundles bundles(graph);
    for (std::size_t i = 1; i < bundles.forward_size(); ++i) {
      const std::vector<ValueId> members = bundles.members(i);
      const std::set<ValueId> found(members.begin(), members.end());
      EXPECT_EQ(found, naive_bundle(graph, i)) << "seed " << seed << ", boundary " << i;
      Bytes bytes;
      for (const ValueId v : members) bytes += graph[v].bytes;
      EXPECT_EQ(bundles.bytes(i), bytes);
      EXPECT_EQ(bundles.count(i), members.size());
    }
  }
}

TEST(Bundles, HoldASkipConnectionAtEveryBoundaryThatItCrosses) {
  TrainingGraphBuilder b("skip");
  for (const char* name : {"a", "b", "c", "d"}) b.value({.name = name, .bytes = Bytes(4)});
  const auto op = [&](const char* name, std::vector<std::string> inputs, const char* output) {
    b.op({.name = name, .seconds = Seconds(1), .inputs = std::move(inputs), .outputs = {output}});
  };
  op("f0", {}, "a");
  op("f1", {"a"}, "b");
  op("f2", {"b"}, "c");
  op("f3", {"a", "c"}, "d");
  const Bundles bundles(std::move(b).build());
  EXPECT_EQ(bundles.members(1), (std::vector<ValueId>{ValueId(0)}));
  EXPECT_EQ(bundles.members(2), (std::vector<ValueId>{ValueId(0), ValueId(1)}));
  EXPECT_EQ(bundles.members(3), (std::vector<ValueId>{ValueId(0), ValueId(2)}));
  EXPECT_EQ(bundles.bytes(2), Bytes(8));
}

TEST(Bundles, DoNotHoldWhatOnlyTheBackwardOpsOfEarlierBlocksRead) {
  TrainingGraphBuilder b("saved");
  for (const char* name : {"a", "mask", "b", "db", "da"})
    b.value({.name = name, .bytes = Bytes(1)});
  b.op({.name = "f0", .seconds = Seconds(1), .outputs = {"a", "mask"}});
  b.op({.name = "f1", .seconds = Seconds(1), .inputs = {"a"}, .outputs = {"b"}});
  const auto backward = [&](const char* name, std::vector<std::string> inputs, const char* output) {
    b.op({.name = name,
          .phase = Phase::kBackward,
          .seconds = Seconds(1),
          .inputs = std::move(inputs),
          .outputs = {output}});
  };
  backward("b1", {"b"}, "db");
  backward("b0", {"db", "mask"}, "da");
  const Bundles bundles(std::move(b).build());
  EXPECT_EQ(bundles.members(1), (std::vector<ValueId>{ValueId(0)}));
}

}  // namespace
}  // namespace rockmate
