#include "graph/chain.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "support/random_graph.h"

namespace rockmate {
namespace {

std::vector<std::size_t> random_cuts(std::size_t size, std::mt19937_64& random) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < size; ++i) {
    if (random() % 3 == 0) cuts.push_back(i);
  }
  return cuts;
}

// The order that the picture in chain.h promises.
std::vector<OpId> unrolled(const Chain& chain) {
  std::vector<OpId> ops;
  const auto append = [&](const std::vector<OpId>& part) {
    ops.insert(ops.end(), part.begin(), part.end());
  };
  for (const Block& block : chain.blocks) append(block.forward);
  for (auto it = chain.blocks.rbegin(); it != chain.blocks.rend(); ++it) append(it->backward);
  append(chain.tail);
  return ops;
}

TEST(Chain, IsProgramOrderAndReadsNothingOfABlockAfterItsBackwardPart) {
  std::mt19937_64 random(1);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, {.forward_ops = 10});
    const Chain chain = cut_chain(graph, random_cuts(forward_part(graph).size(), random));
    const std::vector<OpId> ops = unrolled(chain);
    ASSERT_EQ(ops.size(), graph.ops().size());
    for (std::size_t o = 0; o < ops.size(); ++o) ASSERT_EQ(ops[o], OpId(o)) << "seed " << seed;

    std::set<OpId> gone;  // the forward ops of blocks whose backward part is over
    const auto check = [&](const std::vector<OpId>& part) {
      for (const OpId op : part) {
        for (const ValueId v : graph[op].needs) {
          if (graph[v].is_result || !graph[v].producer) continue;
          ASSERT_FALSE(gone.contains(*graph[v].producer)) << "seed " << seed << '\n' << graph;
        }
      }
    };
    for (auto it = chain.blocks.rbegin(); it != chain.blocks.rend(); ++it) {
      check(it->backward);
      gone.insert(it->forward.begin(), it->forward.end());
    }
    check(chain.tail);
  }
}

TEST(Chain, LetsAnUpdateStayWithTheOpThatMadeItsGradient) {
  TrainingGraphBuilder b("two layers");
  for (const char* name : {"w0", "w1"}) {
    b.value({.name = name, .bytes = Bytes(1), .kind = ValueKind::kParameter});
  }
  for (const char* name : {"y0", "y1", "d0", "d1", "dw0", "dw1"})
    b.value({.name = name, .bytes = Bytes(1)});
  b.op({.name = "f0", .seconds = Seconds(1), .inputs = {"w0"}, .outputs = {"y0"}});
  b.op({.name = "f1", .seconds = Seconds(1), .inputs = {"w1", "y0"}, .outputs = {"y1"}});
  const auto backward = [&](OpSpec op) {
    op.phase = Phase::kBackward;
    op.seconds = Seconds(1);
    b.op(std::move(op));
  };
  backward({.name = "loss", .inputs = {"y1"}, .outputs = {"d1"}});
  backward({.name = "b1", .inputs = {"d1", "y1"}, .outputs = {"d0", "dw1"}});
  b.op({.name = "u1",
        .phase = Phase::kUpdate,
        .seconds = Seconds(1),
        .inputs = {"dw1", "w1"},
        .updates = {"w1"}});
  backward({.name = "b0", .inputs = {"d0", "y0"}, .outputs = {"dw0"}});
  b.op({.name = "u0",
        .phase = Phase::kUpdate,
        .seconds = Seconds(1),
        .inputs = {"dw0", "w0"},
        .updates = {"w0"}});
  const TrainingGraph graph = std::move(b).build();
  const Chain chain = finest_chain(graph);
  ASSERT_EQ(chain.blocks.size(), 2U);
  EXPECT_EQ(chain.blocks[1].backward, (std::vector<OpId>{OpId(2), OpId(3), OpId(4)}));
  EXPECT_EQ(chain.blocks[0].backward, (std::vector<OpId>{OpId(5), OpId(6)}));
  EXPECT_TRUE(chain.tail.empty());
}

TEST(Chain, OfAGraphWithoutForwardOpsIsATail) {
  TrainingGraphBuilder b("loss only");
  b.value({.name = "l", .bytes = Bytes(4)});
  b.op({.name = "loss", .phase = Phase::kLoss, .seconds = Seconds(1), .outputs = {"l"}});
  const Chain chain = finest_chain(std::move(b).build());
  EXPECT_TRUE(chain.blocks.empty());
  EXPECT_EQ(chain.tail.size(), 1U);
}

}  // namespace
}  // namespace rockmate
