#include "graph/dot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/random_graph.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TrainingGraph odd_names() {
  TrainingGraphBuilder b("a \"graph\"");
  b.value({.name = "y\\1\"", .bytes = Bytes(2048)})
      .value({.name = "v", .bytes = {}, .alias_of = "y\\1\""});
  b.value({.name = "g", .bytes = Bytes(8)});
  b.op({.name = "f\n\"0\"", .seconds = Seconds(1), .outputs = {"y\\1\""}});
  b.op({.name = "view", .seconds = Seconds(0), .inputs = {"y\\1\""}, .outputs = {"v"}});
  b.op({.name = "loss",
        .phase = Phase::kLoss,
        .seconds = Seconds(1),
        .inputs = {"v"},
        .outputs = {"g"}});
  return std::move(b).build();
}

TEST(Dot, EscapesNamesAndLabelsEdgesWithBytes) {
  const std::string dot = graph_dot(odd_names());
  EXPECT_THAT(dot, HasSubstr(R"(digraph "a \"graph\"")"));
  EXPECT_THAT(dot, HasSubstr(R"(op0 [label="f\n\"0\"\n)"));
  EXPECT_THAT(dot, HasSubstr(R"(op0 -> op1 [label="y\\1\"\n)" + to_string(Bytes(2048)) + "\"];"));
  EXPECT_THAT(
      dot, HasSubstr(R"(op1 -> op2 [label="v\n)" + to_string(Bytes(2048)) + "\", style=dashed];"));
  EXPECT_THAT(dot, HasSubstr("fillcolor=gold"));
  EXPECT_THAT(dot, Not(HasSubstr("cluster")));
}

TEST(Dot, DrawsBlocksAsClusters) {
  const TrainingGraph graph = odd_names();
  const std::string dot = graph_dot(graph, cut_chain(graph, {1}));
  EXPECT_THAT(dot, HasSubstr("subgraph cluster_forward_0"));
  EXPECT_THAT(dot, HasSubstr("subgraph cluster_forward_1"));
  EXPECT_THAT(dot, HasSubstr("subgraph cluster_backward_1"));
  EXPECT_THAT(dot, Not(HasSubstr("cluster_backward_0")));
}

TEST(Dot, NamesEveryOpOnceAndBalancesItsQuotes) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, {.forward_ops = 40});
    for (const std::string& dot : {graph_dot(graph), graph_dot(graph, finest_chain(graph))}) {
      std::size_t nodes = 0;
      for (std::size_t at = dot.find("fillcolor"); at != std::string::npos;
           at = dot.find("fillcolor", at + 1)) {
        ++nodes;
      }
      EXPECT_EQ(nodes, graph.ops().size());
      EXPECT_EQ(std::count(dot.begin(), dot.end(), '"') % 2, 0);
      EXPECT_EQ(std::count(dot.begin(), dot.end(), '{'), std::count(dot.begin(), dot.end(), '}'));
    }
  }
}

}  // namespace
}  // namespace rockmate
