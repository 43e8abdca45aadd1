// One test per rule of the memory model (docs/formats.md), each on a graph of a few ops.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "schedule/runs.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// x and w are sources (4 + 8 bytes); r may write y over h; v is a view of y; b1 and b2 add into s.
TrainingGraphBuilder builder() {
  TrainingGraphBuilder b("g");
  b.value({.name = "x", .bytes = Bytes(4), .kind = ValueKind::kInput});
  b.value({.name = "w", .bytes = Bytes(8), .kind = ValueKind::kParameter});
  b.value({.name = "h", .bytes = Bytes(16)}).value({.name = "m", .bytes = Bytes(1)});
  b.value({.name = "y", .bytes = Bytes(10)}).value({.name = "v", .alias_of = "y"});
  b.value({.name = "d", .bytes = Bytes(6)}).value({.name = "s", .bytes = Bytes(8)});
  b.op({.name = "f",
        .seconds = Seconds(2),
        .workspace = Bytes(3),
        .inputs = {"x", "w"},
        .outputs = {"h"},
        .implementations = {{"fast", Seconds(1), Bytes(50), ""}}});
  b.op({.name = "r",
        .seconds = Seconds(1),
        .inputs = {"h"},
        .outputs = {"y", "m"},
        .optional = {"m"},
        .in_place = {{"y", "h"}}});
  b.op({.name = "view", .seconds = Seconds(0), .inputs = {"y"}, .outputs = {"v"}});
  b.op({.name = "loss",
        .phase = Phase::kLoss,
        .seconds = Seconds(1),
        .inputs = {"v"},
        .outputs = {"d"}});
  b.op({.name = "b1",
        .phase = Phase::kBackward,
        .seconds = Seconds(1),
        .inputs = {"d"},
        .accumulates = {"s"}});
  b.op({.name = "b2",
        .phase = Phase::kBackward,
        .seconds = Seconds(1),
        .inputs = {"d", "m"},
        .accumulates = {"s"}});
  b.op({.name = "u",
        .phase = Phase::kUpdate,
        .seconds = Seconds(1),
        .inputs = {"w", "s"},
        .updates = {"w"}});
  b.op({.name = "after", .phase = Phase::kUpdate, .seconds = Seconds(1), .inputs = {"w"}});
  return b;
}

class Simulate : public ::testing::Test {
 protected:
  Action run(const char* op, std::vector<const char*> in_place = {},
             std::vector<const char*> skip = {}, std::uint16_t implementation = 0) const {
    Compute compute{graph_.find_op(op).value(), implementation, {}, {}};
    for (const char* y : in_place) compute.in_place.push_back(id(y));
    for (const char* m : skip) compute.skip.push_back(id(m));
    return compute;
  }
  Action drop(const char* value) const { return Free{id(value)}; }
  ValueId id(const char* value) const { return graph_.find_value(value).value(); }

  // The first broken rule, with the index of its action in front.
  std::string broken(const Schedule& schedule) const {
    const auto trace = simulate(graph_, schedule);
    return trace ? "" : trace.error().message;
  }
  // Program order, in which each rule below is broken or used once.
  Schedule program() const {
    return {run("f"),  run("r"),  run("view"), run("loss"),
            run("b1"), run("b2"), run("u"),    run("after")};
  }

  TrainingGraph graph_ = builder().build();
};

TEST_F(Simulate, LiveBytesAreWhatIsThereWhatIsMadeAndTheWorkspace) {
  Schedule schedule = program();
  schedule.insert(schedule.begin() + 2, drop("h"));
  const MemoryTrace trace = simulate(graph_, schedule).value();
  const auto b = [](std::int64_t n) { return Bytes(n); };
  // sources 12 | f: h 16, workspace 3 | r: y 10, m 1 | -h | view | loss: d 6 | b1: s 8 | ...
  EXPECT_THAT(trace.live,
              ElementsAre(b(31), b(39), b(23), b(23), b(29), b(37), b(37), b(37), b(37)));
  EXPECT_EQ(trace.static_bytes, Bytes(12));
  EXPECT_EQ(trace.peak, Bytes(39));
  EXPECT_EQ(trace.peak_action, 1U);
  EXPECT_EQ(trace.seconds, Seconds(8));
  EXPECT_EQ(trace.recomputations, 0U);
}

TEST_F(Simulate, ThePeakOfAnEmptyMachineIsItsSources) {
  TrainingGraphBuilder b("none");
  b.value({.name = "x", .bytes = Bytes(4)});
  const MemoryTrace trace = simulate(std::move(b).build(), {}).value();
  EXPECT_EQ(trace.peak, Bytes(4));
  EXPECT_EQ(trace.peak_action, std::nullopt);
}

TEST_F(Simulate, ARowIsAStorageLifetime) {
  Schedule schedule = program();
  schedule.insert(schedule.begin() + 2, drop("h"));
  const MemoryTrace trace = simulate(graph_, schedule).value();
  const StorageLifetime& h = trace.lifetimes.front();
  EXPECT_EQ(h.value, id("h"));
  EXPECT_EQ(h.first, 0U);
  EXPECT_EQ(h.last, 2U) << "the action that frees it";
  EXPECT_EQ(trace.lifetimes.back().last, schedule.size() - 1) << "never released";
  ASSERT_EQ(trace.workspaces.size(), 1U);
  EXPECT_EQ(trace.workspaces[0].bytes, Bytes(3));
}

TEST_F(Simulate, InputsMustBeResident) {
  EXPECT_EQ(broken({run("r")}), "action 0: op 'r': its input 'h' is not resident");
  EXPECT_EQ(broken({run("f"), drop("h"), run("r")}),
            "action 2: op 'r': its input 'h' is not resident");
}

TEST_F(Simulate, EveryOpRuns) {
  Schedule schedule = program();
  schedule.pop_back();
  EXPECT_EQ(broken(schedule), "op 'after' never runs");
}

TEST_F(Simulate, ResultsAreResidentAtTheEnd) {
  graph_ = std::move(builder().result("d")).build();
  Schedule schedule = program();
  EXPECT_EQ(broken(schedule), "");
  schedule.push_back(drop("d"));
  EXPECT_EQ(broken(schedule), "result 'd' is not resident at the end");
}

TEST_F(Simulate, OnlyResidentValuesAreFreed) {
  EXPECT_EQ(broken({drop("h")}), "action 0: frees 'h', which is not resident");
}

TEST_F(Simulate, SourcesAreNeverFreed) {
  EXPECT_THAT(broken({drop("x")}), HasSubstr("action 0: frees 'x', a source"));
}

TEST_F(Simulate, OpsRunAgainOnlyWhereTheyMay) {
  Schedule schedule = {run("f"), run("f"), run("r"), run("r"), run("view"), run("loss")};
  schedule.push_back(run("loss"));
  EXPECT_EQ(broken(schedule), "action 6: op 'loss' may run only once");
}

TEST_F(Simulate, ARecomputationLeavesResidentOutputsWhereTheyAre) {
  Schedule schedule = program();
  schedule.insert(schedule.begin() + 1, run("f"));
  const MemoryTrace trace = simulate(graph_, schedule).value();
  EXPECT_EQ(trace.live[1], trace.live[0]);
  EXPECT_EQ(trace.recomputations, 1U);
  EXPECT_EQ(trace.seconds, Seconds(10));
  EXPECT_EQ(trace.lifetimes.size(), 5U);
}

TEST_F(Simulate, SkippedOutputsAreNotMade) {
  EXPECT_EQ(broken({run("f"), run("r", {}, {"m"}), drop("m")}),
            "action 2: frees 'm', which is not resident");
  EXPECT_EQ(broken({run("f"), run("r", {}, {"y"})}),
            "action 1: op 'r': 'y' is skipped but not optional");
}

TEST_F(Simulate, ImplementationsHaveTheirOwnCosts) {
  Schedule schedule = program();
  schedule[0] = run("f", {}, {}, 1);
  const MemoryTrace trace = simulate(graph_, schedule).value();
  EXPECT_EQ(trace.live[0], Bytes(12 + 16 + 50));
  EXPECT_EQ(trace.seconds, Seconds(7));
  EXPECT_EQ(broken({run("f", {}, {}, 2)}), "action 0: op 'f' has no implementation 2");
}

TEST_F(Simulate, AViewKeepsItsStorageAlive) {
  Schedule schedule = program();
  schedule.insert(schedule.begin() + 3, drop("y"));
  const MemoryTrace trace = simulate(graph_, schedule).value();
  EXPECT_EQ(trace.live[3], trace.live[2]) << "v still uses the storage of y";
  schedule.insert(schedule.begin() + 5, drop("v"));
  const MemoryTrace freed = simulate(graph_, schedule).value();
  EXPECT_EQ(freed.live[5], freed.live[4] - Bytes(10));
}

TEST_F(Simulate, AViewIsMadeOnAResidentStorage) {
  // Without an input, an op can ask for a view when its storage is gone.
  TrainingGraphBuilder b("g");
  b.value({.name = "y", .bytes = Bytes(1)}).value({.name = "v", .alias_of = "y"});
  b.op({.name = "f", .seconds = Seconds(1), .outputs = {"y"}});
  b.op({.name = "view", .seconds = Seconds(1), .outputs = {"v"}});
  graph_ = std::move(b).build();
  EXPECT_EQ(broken({run("f"), run("view")}), "");
  EXPECT_EQ(broken({run("f"), drop("y"), run("view")}),
            "action 2: view 'v' is made while its storage 'y' is not resident");
}

TEST_F(Simulate, SumsAreTakenInProgramOrder) {
  const Schedule begin = {run("f"), run("r"), run("view"), run("loss"), run("b2")};
  EXPECT_EQ(broken(begin), "action 4: op 'b2' adds into 's' before 'b1' does");
}

TEST_F(Simulate, ReadersWaitForAllOfASum) {
  EXPECT_EQ(broken({run("f"), run("r"), run("view"), run("loss"), run("b1"), run("u")}),
            "action 5: op 'u': its input 's' still waits for 'b2'");
}

TEST_F(Simulate, ABegunSumIsNotDropped) {
  EXPECT_EQ(broken({run("f"), run("r"), run("view"), run("loss"), run("b1"), drop("s")}),
            "action 5: drops the partial sum 's', into which 'b2' still adds");
  Schedule schedule = program();
  schedule.push_back(drop("s"));
  EXPECT_EQ(broken(schedule), "") << "a complete one may go";
}

TEST_F(Simulate, UpdatedSourcesAreReadByLaterOpsOnly) {
  Schedule schedule = program();
  schedule.insert(schedule.begin() + 7, run("f"));
  EXPECT_EQ(broken(schedule), "action 7: op 'f' reads 'w' after 'u' has updated it");
}

TEST_F(Simulate, InPlaceTakesTheStorageOver) {
  Schedule schedule = program();
  schedule[1] = run("r", {"y"});
  const MemoryTrace trace = simulate(graph_, schedule).value();
  EXPECT_EQ(trace.live[1], Bytes(12 + 16 + 1)) << "y lives in the 16 bytes of h";
  EXPECT_EQ(trace.lifetimes.front().value, id("h")) << "one row, named by its first value";
  EXPECT_EQ(trace.lifetimes.front().last, schedule.size() - 1);
  EXPECT_EQ(broken({run("f"), run("r", {"y"}), drop("h")}),
            "action 2: frees 'h', which is not resident");
}

TEST_F(Simulate, InPlaceNeedsADeclaration) {
  EXPECT_EQ(broken({run("f"), run("r", {"m"})}),
            "action 1: op 'r': 'm' cannot be written in place here");
  EXPECT_EQ(broken({run("f"), run("r", {"y", "y"})}),
            "action 1: op 'r': 'y' cannot be written in place here");
}

TEST_F(Simulate, InPlaceNeedsAnOutputThatIsNotThere) {
  EXPECT_EQ(broken({run("f"), run("r"), run("r", {"y"})}),
            "action 2: op 'r': 'y' cannot take over the storage of 'h'");
}

// f makes x, a second op makes a view of it, and g writes y over x.
TrainingGraph sharing_graph(Bytes y, bool g_makes_the_view) {
  TrainingGraphBuilder b("g");
  b.value({.name = "x", .bytes = Bytes(4)}).value({.name = "v", .alias_of = "x"});
  b.value({.name = "y", .bytes = y});
  b.op({.name = "f", .seconds = Seconds(1), .outputs = {"x"}});
  OpSpec g{.name = "g",
           .seconds = Seconds(1),
           .inputs = {"x"},
           .outputs = {"y"},
           .in_place = {{"y", "x"}}};
  if (g_makes_the_view) {
    g.outputs.push_back("v");
  } else {
    b.op({.name = "view", .seconds = Seconds(1), .inputs = {"x"}, .outputs = {"v"}});
  }
  return std::move(b.op(std::move(g))).build();
}

TEST_F(Simulate, InPlaceNeedsAStorageOfItsOwn) {
  graph_ = sharing_graph(Bytes(4), false);
  EXPECT_EQ(broken({run("f"), run("view"), run("g", {"y"})}),
            "action 2: op 'g': the storage of 'x' is still shared");
  EXPECT_EQ(broken({run("f"), run("view"), drop("v"), run("g", {"y"})}), "");
}

TEST_F(Simulate, InPlaceGivesNothingAwayThatTheRunItselfMakes) {
  graph_ = sharing_graph(Bytes(4), true);
  EXPECT_EQ(broken({run("f"), run("g", {"y"})}),
            "action 1: op 'g': 'v', which it makes, shares the storage of 'x'");
  EXPECT_EQ(broken({run("f"), run("g")}), "");
}

TEST_F(Simulate, InPlaceNeedsRoom) {
  graph_ = sharing_graph(Bytes(5), false);
  EXPECT_EQ(broken({run("f"), run("view"), drop("v"), run("g", {"y"})}),
            "action 3: op 'g': 'y' does not fit into the storage of 'x'");
}

TEST_F(Simulate, SourcesAreNotWrittenOver) {
  TrainingGraphBuilder b("g");
  b.value({.name = "x", .bytes = Bytes(4)}).value({.name = "y", .bytes = Bytes(4)});
  b.op({.name = "g",
        .seconds = Seconds(1),
        .inputs = {"x"},
        .outputs = {"y"},
        .in_place = {{"y", "x"}}});
  graph_ = std::move(b).build();
  EXPECT_EQ(broken({run("g", {"y"})}), "action 0: op 'g': 'y' cannot take over the storage of 'x'");
}

TEST_F(Simulate, LargeStoragesUnderSmallValuesDoNotOverflow) {
  TrainingGraphBuilder b("g");
  b.value({.name = "x", .bytes = Bytes(std::int64_t{1} << 62)});
  b.value({.name = "y", .bytes = Bytes(1)});
  b.op({.name = "f", .seconds = Seconds(1), .outputs = {"x"}});
  b.op({.name = "g",
        .seconds = Seconds(1),
        .inputs = {"x"},
        .outputs = {"y"},
        .in_place = {{"y", "x"}}});
  graph_ = std::move(b).build();
  EXPECT_EQ(broken({run("f"), run("g", {"y"}), run("f")}),
            "action 2: needs more than 2^63 - 1 bytes");
}

TEST_F(Simulate, IdsOfAnotherGraphAreRejected) {
  EXPECT_THAT(broken({Free{ValueId(99)}}), HasSubstr("that the graph does not have"));
  EXPECT_THAT(broken({Compute{OpId(99)}}), HasSubstr("that the graph does not have"));
  EXPECT_THAT(broken({Compute{OpId(0), 0, {ValueId(99)}, {}}}),
              HasSubstr("that the graph does not have"));
}

TEST_F(Simulate, AcceptsThePlainScheduleOfRandomGraphs) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed);
    const auto trace = simulate(graph, plain_schedule(graph));
    ASSERT_TRUE(trace.has_value()) << "seed " << seed << ": " << trace.error();
    EXPECT_EQ(trace->seconds, graph.plain_seconds());
  }
}

}  // namespace
}  // namespace rockmate
