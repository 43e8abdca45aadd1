// The judge of whole plans: each figure and each layout row of a valid plan, broken once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "rockmate/schedule.h"
#include "support/random_graph.h"
#include "support/random_plan.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;

// x (4 bytes, a source) -> f (workspace 3) -> a (5) -> g -> b (7) -> h -> c (5); z has no bytes.
TrainingGraph graph_of_three(double seconds = 1) {
  TrainingGraphBuilder b("three");
  b.value({.name = "x", .bytes = Bytes(4)}).value({.name = "a", .bytes = Bytes(5)});
  b.value({.name = "b", .bytes = Bytes(7)}).value({.name = "c", .bytes = Bytes(5)});
  b.value({.name = "z", .bytes = Bytes(0)});
  const Seconds s(seconds);
  b.op({.name = "f", .seconds = s, .workspace = Bytes(3), .inputs = {"x"}, .outputs = {"a", "z"}});
  b.op({.name = "g", .seconds = s, .inputs = {"a"}, .outputs = {"b"}});
  b.op({.name = "h", .seconds = s, .inputs = {"b"}, .outputs = {"c"}});
  return std::move(b).build();
}

class Judge : public ::testing::Test {
 protected:
  // 0 f, free z | 2 g, free a | 4 h, free c, free b
  PlanDocument valid() const {
    return testing::document_of(testing::plan_of(graph_, plain_schedule(graph_)));
  }
  std::string verdict(const PlanDocument& plan, std::optional<Bytes> budget = std::nullopt) const {
    const auto trace = judge(graph_, plan, budget);
    return trace ? "" : trace.error().message;
  }
  // The row of a value, or the first workspace.
  static LayoutRow& row(PlanDocument& plan, std::optional<ValueId> value) {
    for (LayoutRow& row : plan.layout->rows) {
      if (value ? !row.is_workspace && row.value == *value : row.is_workspace) return row;
    }
    throw std::out_of_range("no such row");
  }
  ValueId id(const char* name) const { return graph_.find_value(name).value(); }

  TrainingGraph graph_ = graph_of_three();
};

TEST_F(Judge, AcceptsTheValidPlan) { EXPECT_EQ(verdict(valid()), ""); }

TEST_F(Judge, AcceptsRandomPlansWithTheirFigures) {
  std::mt19937_64 random(1);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    graph_ = testing::random_graph(seed);
    const Schedule schedule = testing::random_schedule(graph_, random, 3);
    if (!simulate(graph_, schedule)) continue;
    EXPECT_EQ(verdict(testing::document_of(testing::plan_of(graph_, schedule))), "")
        << "seed " << seed;
  }
}

TEST_F(Judge, RejectsAScheduleThatBreaksARule) {
  PlanDocument plan = valid();
  plan.schedule.pop_back();
  plan.schedule.insert(plan.schedule.begin(), Free{id("a")});
  EXPECT_EQ(verdict(plan), "action 0: frees 'a', which is not resident");
}

TEST_F(Judge, TheGivenBudgetGoesBeforeTheStatedOne) {
  PlanDocument plan = valid();
  const Bytes needed = *plan.stated.budget;
  EXPECT_EQ(verdict(plan, needed), "");
  EXPECT_EQ(verdict(plan, needed - Bytes(1)), "needs " + std::to_string(needed.count()) +
                                                  " bytes, the budget is " +
                                                  std::to_string(needed.count() - 1));
  plan.stated.budget = Bytes(1);
  EXPECT_THAT(verdict(plan), HasSubstr("the budget is 1"));
  EXPECT_EQ(verdict(plan, needed), "");
  plan.stated.budget = std::nullopt;
  EXPECT_EQ(verdict(plan), "");
}

TEST_F(Judge, TheArenaCountsInTheBudget) {
  PlanDocument plan = valid();
  LayoutRow& c = row(plan, id("c"));
  c.offset = Bytes(100);
  plan.layout->arena_bytes = Bytes(105);
  plan.stated.arena = Bytes(105);
  plan.stated.budget = Bytes(108);
  EXPECT_EQ(verdict(plan), "needs 109 bytes, the budget is 108");
}

TEST_F(Judge, BytesAreStatedExactly) {
  for (auto field : {&StatedFigures::peak, &StatedFigures::static_bytes, &StatedFigures::arena}) {
    for (const std::int64_t shift : {-1, 1}) {
      PlanDocument plan = valid();
      *(plan.stated.*field) += Bytes(shift);
      EXPECT_THAT(verdict(plan), HasSubstr("the plan states "));
      plan.stated.*field = std::nullopt;
      EXPECT_EQ(verdict(plan), "") << "a figure that is not stated is not checked";
    }
  }
}

TEST_F(Judge, AnArenaIsStatedOnlyWithALayout) {
  PlanDocument plan = valid();
  plan.layout = std::nullopt;
  EXPECT_EQ(verdict(plan), "the plan states arena_bytes but has no layout");
  plan.stated.arena = std::nullopt;
  EXPECT_EQ(verdict(plan), "");
}

TEST_F(Judge, SecondsMayBeOffByOneInAMillion) {
  PlanDocument plan = valid();
  plan.stated.seconds = Seconds(3 * (1 + 5e-7));
  EXPECT_EQ(verdict(plan), "");
  plan.stated.seconds = Seconds(3 * (1 + 2e-6));
  EXPECT_THAT(verdict(plan), HasSubstr("the plan states seconds = 3.00000"));
  plan.stated.seconds = Seconds(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(verdict(plan), HasSubstr("the plan states seconds = nan"));
}

TEST_F(Judge, OverheadMayBeOffByOneInAMillion) {
  PlanDocument plan = valid();
  plan.stated.overhead = 5e-7;
  EXPECT_EQ(verdict(plan), "");
  plan.stated.overhead = 2e-6;
  EXPECT_THAT(verdict(plan), HasSubstr("the plan states overhead = 2e-06, the judge finds 0"));
}

TEST_F(Judge, AGraphThatTakesNoTimeHasNoOverhead) {
  graph_ = graph_of_three(0);
  EXPECT_EQ(overhead(graph_, Seconds(0)), 0);
  EXPECT_EQ(verdict(valid()), "");
}

TEST_F(Judge, ALowerBoundIsNotAboveThePlan) {
  PlanDocument plan = valid();
  plan.stated.lower_bound = Seconds(3);
  EXPECT_EQ(verdict(plan), "");
  plan.stated.lower_bound = Seconds(3.001);
  EXPECT_EQ(verdict(plan), "the plan states lower_bound_seconds = 3.001, more than its own 3");
}

TEST_F(Judge, EveryStorageAndWorkspaceHasARow) {
  for (const bool is_workspace : {false, true}) {
    PlanDocument plan = valid();
    std::erase_if(plan.layout->rows, [&](const LayoutRow& row) {
      return row.is_workspace == is_workspace && (is_workspace || row.value == id("b"));
    });
    EXPECT_THAT(verdict(plan), HasSubstr(is_workspace ? "no row for the workspace of action 0"
                                                      : "no row for 'b' from action 2 to 6"));
  }
}

TEST_F(Judge, ARowStandsOnce) {
  PlanDocument plan = valid();
  plan.layout->rows.push_back(plan.layout->rows.front());
  EXPECT_THAT(verdict(plan), HasSubstr("or stands twice"));
}

TEST_F(Judge, ARowIsALifetime) {
  const std::vector<std::function<void(LayoutRow&)>> changes = {
      [](LayoutRow& row) { ++row.first; }, [](LayoutRow& row) { --row.last; },
      [&](LayoutRow& row) { row.value = id("x"); }};
  for (const auto& change : changes) {
    PlanDocument plan = valid();
    change(row(plan, id("b")));
    EXPECT_THAT(verdict(plan), HasSubstr("is not the lifetime of a storage or workspace"));
  }
}

TEST_F(Judge, ARowHasRoomForItsStorage) {
  PlanDocument plan = valid();
  row(plan, id("b")).bytes = Bytes(6);
  EXPECT_EQ(verdict(plan), "layout: 'b' from action 2 to 6 has 6 bytes, expected at least 7");
}

TEST_F(Judge, ARowLiesWithinTheNumbers) {
  for (const std::int64_t offset : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::max()}) {
    PlanDocument plan = valid();
    row(plan, id("b")).offset = Bytes(offset);
    EXPECT_THAT(verdict(plan), HasSubstr("has the offset " + std::to_string(offset)));
  }
}

TEST_F(Judge, RowsThatLiveTogetherAreApart) {
  PlanDocument plan = valid();
  row(plan, id("b")).offset = row(plan, id("a")).offset + Bytes(4);
  EXPECT_THAT(verdict(plan), HasSubstr("'b' from action 2 to 6 overlaps 'a' from action 0 to 3"));
  plan = valid();
  row(plan, std::nullopt).offset = row(plan, id("a")).offset;
  EXPECT_THAT(verdict(plan), HasSubstr("overlaps"));
}

TEST_F(Judge, RowsThatDoNotLiveTogetherMayShare) {
  PlanDocument plan = valid();
  const LayoutRow a = row(plan, id("a")), c = row(plan, id("c"));
  ASSERT_LT(a.last, c.first);
  EXPECT_EQ(a.offset, c.offset) << "first fit reuses the address";
}

TEST_F(Judge, RowsOfValuesWithoutBytesAreIgnored) {
  PlanDocument plan = valid();
  LayoutRow row;
  row.value = id("z");
  row.offset = Bytes(-5);
  plan.layout->rows.push_back(row);
  EXPECT_EQ(verdict(plan), "");
}

TEST_F(Judge, TheArenaIsTheHighestEnd) {
  PlanDocument plan = valid();
  plan.layout->arena_bytes += Bytes(1);
  plan.stated = {};
  EXPECT_THAT(verdict(plan), HasSubstr("arena_bytes"));
}

TEST_F(Judge, APlanNeedsItsPeakOrItsArena) {
  Plan plan;
  plan.peak = Bytes(10);
  plan.static_bytes = Bytes(3);
  EXPECT_EQ(plan.needed(), Bytes(10));
  plan.layout = Layout{{}, Bytes(8)};
  EXPECT_EQ(plan.needed(), Bytes(11));
  plan.layout->arena_bytes = Bytes(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(plan.needed(), Bytes(std::numeric_limits<std::int64_t>::max()));
}

}  // namespace
}  // namespace rockmate
