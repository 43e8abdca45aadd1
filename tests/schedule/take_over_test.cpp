// The in-place rule of schedule_from_runs: allowed wherever it is used, and never a larger peak.

#include <gtest/gtest.h>

#include "schedule/runs.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

TrainingGraph relu_after(Bytes x, Bytes y, bool read_later) {
  TrainingGraphBuilder b("relu");
  b.value({.name = "in", .bytes = 1_B, .kind = ValueKind::kInput});
  b.value({.name = "x", .bytes = x}).value({.name = "y", .bytes = y}).value({.name = "z"});
  b.op({.name = "make", .seconds = Seconds(1), .inputs = {"in"}, .outputs = {"x"}});
  b.op({.name = "relu",
        .seconds = Seconds(1),
        .inputs = {"x"},
        .outputs = {"y"},
        .in_place = {{"y", "x"}}});
  b.op({.name = "use",
        .seconds = Seconds(1),
        .inputs = read_later ? std::vector<std::string>{"x", "y"} : std::vector<std::string>{"y"},
        .outputs = {"z"}});
  return std::move(b).build();
}

Bytes peak_of(const TrainingGraph& graph, TakeOver take_over) {
  const auto trace = simulate(graph, schedule_from_runs(graph, program_order(graph), take_over));
  EXPECT_TRUE(trace) << trace.error();
  return trace ? trace->peak : Bytes();
}

TEST(TakeOver, SavesTheOutputsBytesWhereTheInputDies) {
  const TrainingGraph graph = relu_after(10_B, 10_B, false);
  EXPECT_EQ(peak_of(graph, TakeOver::kNever), 21_B);
  EXPECT_EQ(peak_of(graph, TakeOver::kWhereEqual), 11_B);
}

TEST(TakeOver, LeavesAnInputThatIsReadLater) {
  EXPECT_EQ(peak_of(relu_after(10_B, 10_B, true), TakeOver::kWhereEqual), 21_B);
}

TEST(TakeOver, LeavesAStorageThatWouldStayTooLarge) {
  EXPECT_EQ(peak_of(relu_after(10_B, 4_B, false), TakeOver::kWhereEqual), 15_B);
}

TEST(TakeOver, NeverRaisesThePeak) {
  int smaller = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const TrainingGraph graph =
        testing::random_graph(seed, {.forward_ops = 8, .statistics = seed % 2 == 0});
    const Bytes never = peak_of(graph, TakeOver::kNever);
    const Bytes equal = peak_of(graph, TakeOver::kWhereEqual);
    EXPECT_LE(equal, never) << "graph " << seed;
    smaller += equal < never;
  }
  EXPECT_GT(smaller, 0);
}

}  // namespace
}  // namespace rockmate
