#include "bounds/memory_floor.h"

#include <gtest/gtest.h>

#include "support/exhaustive.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

TEST(Exhaustive, ItsSchedulesReplayToItsFigures) {
  int points = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, {.forward_ops = 2});
    const auto front = testing::exhaustive_front(graph, 20'000);
    if (!front) continue;
    ASSERT_FALSE(front->empty()) << "seed " << seed;
    const testing::ParetoPoint* last = nullptr;
    for (const testing::ParetoPoint& point : *front) {
      const auto trace = simulate(graph, point.schedule);
      ASSERT_TRUE(trace.has_value()) << "seed " << seed << ": " << trace.error();
      EXPECT_EQ(trace->peak, point.peak) << "seed " << seed;
      EXPECT_DOUBLE_EQ(trace->seconds.count(), point.seconds.count()) << "seed " << seed;
      if (last != nullptr) {
        EXPECT_LT(last->peak, point.peak);
        EXPECT_GT(last->seconds, point.seconds);
      }
      last = &point;
      ++points;
    }
    const auto plain = simulate(graph, plain_schedule(graph));
    ASSERT_TRUE(plain.has_value());
    EXPECT_LE(front->front().peak, plain->peak) << "seed " << seed;
    EXPECT_LE(front->back().seconds, plain->seconds) << "seed " << seed;
  }
  EXPECT_GT(points, 40);
}

TEST(MemoryFloor, NeverExceedsTheLeastPeak) {
  int judged = 0;
  int tight = 0;
  for (std::uint64_t seed = 0; seed < 70; ++seed) {
    const int ops = 2 + static_cast<int>(seed % 2);
    const TrainingGraph graph = testing::random_graph(seed, {.forward_ops = ops});
    const auto front = testing::exhaustive_front(graph, 8'000);
    if (!front) continue;
    const MemoryFloor floor = memory_floor(graph);
    EXPECT_LE(floor.bytes, front->front().peak) << "seed " << seed << '\n' << graph;
    ++judged;
    if (floor.bytes == front->front().peak) ++tight;
  }
  EXPECT_GT(judged, 30);
  EXPECT_GT(tight, judged / 2);
}

TEST(MemoryFloor, NamesTheOpAndItsValuesByFallingSize) {
  TrainingGraphBuilder b("chain");
  b.value({.name = "x", .bytes = Bytes(5), .kind = ValueKind::kInput});
  b.value({.name = "a", .bytes = Bytes(10)}).value({.name = "b", .bytes = Bytes(30)});
  b.value({.name = "c", .bytes = Bytes(1)});
  b.op({.name = "f", .seconds = Seconds(1), .inputs = {"x"}, .outputs = {"a"}});
  b.op({.name = "g",
        .seconds = Seconds(1),
        .workspace = Bytes(7),
        .inputs = {"a"},
        .outputs = {"b"},
        .implementations = {{"lean", Seconds(2), Bytes(2), ""}}});
  b.op({.name = "h", .seconds = Seconds(1), .inputs = {"b"}, .outputs = {"c"}});
  const TrainingGraph graph = std::move(b).build();
  const MemoryFloor floor = memory_floor(graph);
  EXPECT_EQ(floor.bytes, Bytes(5 + 10 + 30 + 2));
  EXPECT_EQ(floor.op, graph.find_op("g"));
  EXPECT_EQ(floor.values, (std::vector<ValueId>{*graph.find_value("b"), *graph.find_value("a")}));
}

TEST(MemoryFloor, CountsASumThatHasBegunAndOfTwoOutputsInOneInputTheSmaller) {
  TrainingGraphBuilder b("sums");
  b.value({.name = "s", .bytes = Bytes(100)}).value({.name = "a", .bytes = Bytes(10)});
  b.value({.name = "y", .bytes = Bytes(10)}).value({.name = "z", .bytes = Bytes(4)});
  b.op({.name = "begin", .seconds = Seconds(1), .outputs = {"a"}, .accumulates = {"s"}});
  b.op({.name = "middle",
        .seconds = Seconds(1),
        .inputs = {"a"},
        .outputs = {"z", "y"},
        .in_place = {{"z", "a"}, {"y", "a"}}});
  b.op({.name = "end", .seconds = Seconds(1), .inputs = {"z", "y"}, .accumulates = {"s"}});
  const MemoryFloor floor = memory_floor(std::move(b).build());
  EXPECT_EQ(floor.bytes, Bytes(100 + 10 + 4));
}

TEST(MemoryFloor, OfAGraphWithoutOpsIsItsStaticBytes) {
  TrainingGraphBuilder b("empty");
  b.value({.name = "x", .bytes = Bytes(5), .kind = ValueKind::kInput});
  const MemoryFloor floor = memory_floor(std::move(b).build());
  EXPECT_EQ(floor.bytes, Bytes(5));
  EXPECT_FALSE(floor.op.has_value());
}

}  // namespace
}  // namespace rockmate
