// The contract of MilpSolver, for every solver that is linked.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>

#include "rockmate/error.h"
#include "rockmate/milp.h"
#include "support/milp_oracle.h"

namespace rockmate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kNear = 1e-5;

class Solvers : public ::testing::TestWithParam<Solver> {
 protected:
  [[nodiscard]] MilpResult solve(const MilpModel& model, const MilpOptions& options = {}) const {
    return solver_->solve(model, options);
  }
  // At the optimum, or without a solution, as the oracle says.
  void expect_solved(const MilpModel& model, std::uint64_t seed) const {
    const auto least = testing::least_cost(model);
    const MilpResult result = solve(model);
    if (!least) {
      EXPECT_EQ(result.status, MilpStatus::kInfeasible) << "seed " << seed << '\n' << to_lp(model);
      EXPECT_THAT(result.values, IsEmpty());
      return;
    }
    ASSERT_EQ(result.status, MilpStatus::kOptimal) << "seed " << seed << '\n' << to_lp(model);
    EXPECT_TRUE(model.is_feasible(result.values)) << "seed " << seed;
    EXPECT_NEAR(result.cost, *least, kNear) << "seed " << seed << '\n' << to_lp(model);
    EXPECT_LE(result.bound, *least + kNear) << "seed " << seed;
    EXPECT_GE(result.bound, *least - kNear) << "seed " << seed;
  }
  // Items of random weight and worth, hard enough for a search of many nodes.
  static MilpModel knapsack(int items, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::uniform_int_distribution<int> size(1000, 2000);
    MilpModel model;
    Row room{"room", -kInfinity, 0, {}}, second{"second", -kInfinity, 0, {}};
    for (int i = 0; i < items; ++i) {
      const double weight = size(random);
      const VariableId take = model.add_binary("take", -weight - size(random) % 20);
      room.terms.push_back({take, weight});
      second.terms.push_back({take, static_cast<double>(size(random))});
      room.upper += weight / 2;
      second.upper += 700;
    }
    model.add(room);
    model.add(second);
    return model;
  }

 private:
  std::unique_ptr<MilpSolver> solver_ = make_solver(GetParam());
};

TEST_P(Solvers, AgreeWithBruteForceOnIntegerPrograms) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) expect_solved(testing::random_milp(seed), seed);
}

TEST_P(Solvers, AgreeWithBruteForceOnMixedProgramsWithFreeVariables) {
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    const auto model = testing::random_milp(
        seed, {.integers = 3, .reals = 2, .rows = 3, .equalities = seed % 2 == 0});
    expect_solved(model, seed);
  }
}

TEST_P(Solvers, AgreeWithBruteForceOnLinearPrograms) {
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    expect_solved(
        testing::random_milp(seed, {.integers = 0, .reals = 3, .equalities = seed % 3 == 0}), seed);
  }
}

TEST_P(Solvers, AgreeWithBruteForceOnKnapsacksAndCovers) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    expect_solved(knapsack(9, seed), seed);
    std::mt19937_64 random(seed);
    MilpModel cover;
    for (int i = 0; i < 8; ++i) cover.add_binary("set", 1 + static_cast<double>(random() % 7));
    for (int r = 0; r < 6; ++r) {
      Row row{"covered", 1, kInfinity, {}};
      for (std::size_t i = 0; i < 8; ++i) {
        if (random() % 3 == 0) row.terms.push_back({VariableId(i), 1});
      }
      cover.add(std::move(row));
    }
    expect_solved(cover, seed);
  }
}

TEST_P(Solvers, SolveModelsWithoutRowsOrVariables) {
  EXPECT_EQ(solve({}).status, MilpStatus::kOptimal);
  EXPECT_EQ(solve({}).cost, 0);
  MilpModel model;
  model.add({"low", -3.5, 4, 2, true});
  model.add({"high", 1, 5.5, -1, false});
  EXPECT_THAT(solve(model).values, ElementsAre(-3, 5.5));
  EXPECT_EQ(solve(model).bound, -11.5);
  MilpModel impossible;
  impossible.add(Row{"0 >= 1", 1, kInfinity, {}});
  EXPECT_EQ(solve(impossible).status, MilpStatus::kInfeasible);
}

TEST_P(Solvers, SeeThatACostHasNoEnd) {
  for (const bool is_integer : {false, true}) {
    MilpModel model;
    const VariableId x = model.add({"x", 0, kInfinity, -1, is_integer});
    const VariableId y = model.add({"y", 0, kInfinity, 0, is_integer});
    model.add(Row{"apart", -kInfinity, 1, {{x, 1}, {y, -1}}});
    EXPECT_EQ(solve(model).status, MilpStatus::kUnbounded);
    EXPECT_EQ(solve(model).bound, -kInfinity);
  }
}

TEST_P(Solvers, SeeThatNoWholeNumberLiesBetween) {
  MilpModel model;
  const VariableId x = model.add({"x", 0.25, 0.75, 1, true});
  model.add(Row{"any", 0, 9, {{x, 1}}});
  EXPECT_EQ(solve(model).status, MilpStatus::kInfeasible);
}

TEST_P(Solvers, AStartIsNeverWorseThanTheAnswer) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const MilpModel model = knapsack(14, seed);
    const MilpResult best = solve(model);
    ASSERT_EQ(best.status, MilpStatus::kOptimal);
    const MilpResult again = solve(model, {.start = best.values});
    EXPECT_EQ(again.status, MilpStatus::kOptimal);
    EXPECT_NEAR(again.cost, best.cost, kNear);
    EXPECT_NEAR(again.bound, best.cost, kNear);
    const MilpResult from_worst = solve(model, {.start = std::vector<double>(14, 0.0)});
    EXPECT_NEAR(from_worst.cost, best.cost, kNear);
  }
}

TEST_P(Solvers, IgnoreAStartThatBreaksTheModel) {
  const MilpModel model = knapsack(10, 1);
  const MilpResult result = solve(model, {.start = std::vector<double>(10, 1.0)});
  EXPECT_NEAR(result.cost, testing::least_cost(model).value(), kNear);
}

TEST_P(Solvers, WithoutTimeOrNodesGiveTheStartOrNothing) {
  const MilpModel model = knapsack(40, 2);
  std::stop_source stop;
  stop.request_stop();
  const MilpOptions limits[] = {
      {.time_limit = Seconds(0)}, {.node_limit = 0}, {.stop = stop.get_token()}};
  for (MilpOptions options : limits) {
    EXPECT_EQ(solve(model, options).status, MilpStatus::kUnknown);
    options.start.assign(40, 0.0);
    const MilpResult result = solve(model, options);
    EXPECT_EQ(result.status, MilpStatus::kFeasible);
    EXPECT_EQ(result.values, options.start);
    EXPECT_EQ(result.bound, -kInfinity);
  }
}

TEST_P(Solvers, HoldTheNodeLimitAndStillTellTheTruth) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const MilpModel model = knapsack(30, seed);
    const MilpResult whole = solve(model, {.relative_gap = 1e-5});
    const MilpResult limited = solve(model, {.node_limit = 3});
    const double slack = 1e-5 * std::abs(whole.cost) + kNear;
    EXPECT_LE(limited.bound, whole.cost + kNear);
    EXPECT_GE(limited.cost, whole.bound - slack);
    EXPECT_LE(whole.bound, whole.cost);
    EXPECT_LE(whole.cost - whole.bound, slack);
    const MilpResult same = solve(model, {.node_limit = 3});
    EXPECT_EQ(same.values, limited.values);
    EXPECT_EQ(same.bound, limited.bound);
  }
}

TEST_P(Solvers, StopWhileTheySearch) {
  const MilpModel model = knapsack(400, 3);
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  const MilpResult result = solve(model, {.stop = stop.get_token()});
  EXPECT_LE(result.bound, result.cost);
  if (!result.values.empty()) {
    EXPECT_TRUE(model.is_feasible(result.values));
  }
}

TEST_P(Solvers, PrintNothing) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  static_cast<void>(solve(knapsack(20, 4)));
  static_cast<void>(solve(knapsack(20, 4).relaxed(), {.time_limit = Seconds(5)}));
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_P(Solvers, RefuseOptionsThatMakeNoSense) {
  const MilpModel model = knapsack(3, 5);
  EXPECT_THROW(static_cast<void>(solve(model, {.start = {1.0}})), InvalidInput);
  EXPECT_THROW(static_cast<void>(solve(model, {.relative_gap = -1})), InvalidInput);
  EXPECT_THROW(static_cast<void>(solve(model, {.time_limit = Seconds(-1)})), InvalidInput);
}

INSTANTIATE_TEST_SUITE_P(Milp, Solvers, ::testing::ValuesIn(linked_solvers()),
                         [](const auto& each) { return std::string(to_string(each.param)); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Solvers);

}  // namespace
}  // namespace rockmate
