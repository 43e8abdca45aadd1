#include "schedule/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <random>
#include <string>

#include "schedule/pack_eject.h"
#include "schedule/pack_greedy.h"
#include "schedule/pack_problem.h"
#include "schedule/pack_search.h"
#include "schedule/runs.h"
#include "support/packing_judge.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

using testing::complaint;
using ::testing::HasSubstr;

// The load at each begin, item by item.
Bytes naive_load(const std::vector<PackItem>& items) {
  Bytes most;
  for (const PackItem& at : items) {
    Bytes load;
    for (const PackItem& item : items) {
      if (item.begin <= at.begin && at.begin < item.end) load += item.size;
    }
    most = std::max(most, load);
  }
  return most;
}

std::vector<PackItem> random_items(std::uint64_t seed, std::size_t count, std::size_t times,
                                   std::int64_t largest) {
  std::mt19937_64 random(seed);
  std::vector<PackItem> items;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = random() % times;
    items.push_back({begin, begin + 1 + random() % (times - begin),
                     Bytes(static_cast<std::int64_t>(random() % largest) + 1)});
  }
  return items;
}

// Every packing can be pushed down and listed by rising offset; placing in that order, each item as
// low as it goes, gives heights no larger. So the best over all orders is the optimum.
Bytes best_of_all_orders(const std::vector<PackItem>& items) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  Bytes best{std::numeric_limits<std::int64_t>::max()};
  do {
    Bytes height;
    std::vector<Bytes> end(items.size());
    for (std::size_t k = 0; k < order.size(); ++k) {
      const PackItem& item = items[order[k]];
      Bytes rest;
      for (std::size_t p = 0; p < k; ++p) {
        const PackItem& other = items[order[p]];
        if (other.begin < item.end && item.begin < other.end) rest = std::max(rest, end[order[p]]);
      }
      end[order[k]] = rest + item.size;
      height = std::max(height, end[order[k]]);
    }
    best = std::min(best, height);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

TEST(Pack, IsSoundOnRandomItems) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const auto items = random_items(seed, 1 + seed % 60, 4 + seed % 37, 1 + seed * 7);
    const Packing packing = pack(items, {.work_limit = 50'000});
    ASSERT_EQ(complaint(items, packing), "") << "seed " << seed;
    EXPECT_EQ(max_load(items), naive_load(items)) << "seed " << seed;
    EXPECT_GE(packing.height, max_load(items)) << "seed " << seed;
  }
}

TEST(Pack, IsSoundOnManyItems) {
  const auto items = random_items(1, 3000, 5000, 1000);
  const Packing packing = pack(items, {.work_limit = 1});
  EXPECT_EQ(complaint(items, packing), "");
}

TEST(Pack, IsOptimalOnSmallCases) {
  int above_the_load = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const auto items = random_items(seed, 7, 8, 9);
    const Packing packing = pack(items);
    const Bytes best = best_of_all_orders(items);
    ASSERT_EQ(complaint(items, packing), "") << "seed " << seed;
    EXPECT_EQ(packing.height, best) << "seed " << seed;
    above_the_load += best > max_load(items);
  }
  RecordProperty("optimum above the load", above_the_load);
}

TEST(Pack, SearchAloneAgreesWithBruteForce) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const auto items = random_items(seed, 7, 6, 9);
    const PackProblem problem = reduce(items);
    const Bytes best = best_of_all_orders(items);
    for (const SearchRule rule : kSearchRules) {
      WorkMeter work(10'000'000);
      EXPECT_EQ(search_placement(problem, best, rule, work).end, SearchEnd::kFound) << seed;
      EXPECT_EQ(search_placement(problem, best - 1_B, rule, work).end, SearchEnd::kNoneExists)
          << seed;
    }
  }
}

TEST(Pack, IsLowerThanTheGreedyOrdersWhereTheyFail) {
  int greedy_failures = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto items = random_items(seed, 25, 12, 30);
    const Packing greedy = pack(items, {.work_limit = 1});
    const Packing searched = pack(items);
    ASSERT_EQ(complaint(items, searched), "");
    EXPECT_LE(searched.height, greedy.height);
    greedy_failures += searched.height < greedy.height;
  }
  EXPECT_GT(greedy_failures, 0);
}

TEST(Pack, StopsAtTheTarget) {
  const auto items = random_items(3, 40, 12, 30);
  const Packing any = pack(items, {.target = Bytes(1'000'000)});
  const Packing best = pack(items);
  EXPECT_EQ(complaint(items, any), "");
  EXPECT_LE(best.height, any.height);
  EXPECT_EQ(pack(items, {.target = best.height}).height, best.height);
}

TEST(Pack, IsNoHigherThanItsHint) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const auto items = random_items(seed, 40, 12, 30);
    const Packing best = pack(items);
    const Packing again = pack(items, {.work_limit = 1, .hint = best.offsets});
    EXPECT_EQ(complaint(items, again), "") << "seed " << seed;
    EXPECT_LE(again.height, best.height) << "seed " << seed;
  }
}

TEST(Pack, IsDeterministic) {
  const auto items = random_items(5, 80, 30, 1000);
  const PackOptions options{.target = std::nullopt, .work_limit = 2'000'000, .seed = 9};
  EXPECT_EQ(pack(items, options).offsets, pack(items, options).offsets);
}

TEST(Pack, AcceptsDegenerateInput) {
  EXPECT_EQ(pack({}).height, 0_B);
  const std::vector<PackItem> one = {{3, 9, 100_B}};
  EXPECT_EQ(pack(one).height, 100_B);
  EXPECT_EQ(pack(one).offsets, std::vector{0_B});
  const std::vector<PackItem> roomless = {{0, 9, 0_B}, {4, 4, 70_B}, {0, 9, 5_B}};
  EXPECT_EQ(pack(roomless).offsets, (std::vector{0_B, 0_B, 0_B}));
  EXPECT_EQ(pack(roomless).height, 5_B);
}

TEST(Pack, ItemsThatTouchInTimeShareTheirPlace) {
  const std::vector<PackItem> items = {{0, 5, 8_B}, {5, 9, 8_B}};
  EXPECT_EQ(pack(items).height, 8_B);
}

TEST(Pack, RefusesSizesThatCannotBe) {
  const std::vector<PackItem> negative = {{0, 1, 8_B}, {0, 1, Bytes(-1)}};
  const std::vector<PackItem> huge(3, {0, 1, Bytes(std::int64_t{1} << 61)});
  const auto message = [](const std::vector<PackItem>& items) -> std::string {
    try {
      (void)pack(items);
    } catch (const InvalidInput& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message(negative), HasSubstr("item 1 to pack has -1 bytes"));
  EXPECT_THAT(message(huge), HasSubstr("more than 2^62 bytes"));
}

TEST(Eject, FindsPackingsBelowTheOneItStartsFrom) {
  int found = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const auto items = random_items(seed, 60, 40, 30);
    const PackProblem problem = reduce(items);
    WorkMeter work(1'000'000);
    const Placement start = place_in_order(problem, order_by(problem, PackRule::kBirth), work);
    const Bytes capacity((problem.bound + start.height).count() / 2);
    const auto better = eject_placement(problem, capacity, start, seed, work);
    if (!better || start.height <= capacity) continue;
    ASSERT_EQ(complaint(items, {better->offsets, better->height}), "") << "seed " << seed;
    EXPECT_LE(better->height, capacity);
    ++found;
  }
  EXPECT_GT(found, 20);
}

TEST(Eject, FindsNothingBelowTheLoad) {
  const PackProblem problem = reduce(random_items(1, 60, 40, 30));
  WorkMeter work(1'000'000);
  const Placement start = place_in_order(problem, order_by(problem, PackRule::kBirth), work);
  EXPECT_FALSE(eject_placement(problem, problem.bound - 1_B, start, 1, work));
}

TEST(LayOut, HasOneRowPerLifetimeAndWorkspace) {
  std::size_t workspaces = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed);
    const auto trace = simulate(graph, plain_schedule(graph));
    ASSERT_TRUE(trace.has_value());
    const Layout layout = lay_out(*trace, {.work_limit = 200'000});
    ASSERT_EQ(layout.rows.size(), trace->lifetimes.size() + trace->workspaces.size());
    std::vector<PackItem> items;
    Packing packing{{}, layout.arena_bytes};
    for (const LayoutRow& row : layout.rows) {
      items.push_back({row.first, row.last + 1, row.bytes});
      packing.offsets.push_back(row.offset);
      EXPECT_TRUE(!row.is_workspace || row.first == row.last);
    }
    EXPECT_EQ(complaint(items, packing), "") << "seed " << seed;
    EXPECT_GE(layout.arena_bytes, trace->peak - trace->static_bytes) << "seed " << seed;
    for (std::size_t i = 0; i < trace->lifetimes.size(); ++i) {
      EXPECT_EQ(layout.rows[i].value, trace->lifetimes[i].value);
      EXPECT_EQ(layout.rows[i].last, trace->lifetimes[i].last);
      EXPECT_EQ(layout.rows[i].bytes, trace->lifetimes[i].bytes);
    }
    workspaces += trace->workspaces.size();
  }
  EXPECT_GT(workspaces, 0U);
}

TEST(LayOut, MeetsThePeakOnTrainingGraphs) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED is not set";
  for (const std::string name : {"gpt2_8l", "resnet18", "mlp16", "vgg_unet_train"}) {
    const TrainingGraph graph =
        read_graph(std::string(shared) + "/instances/graphs/" + name + ".json");
    const auto trace = simulate(graph, plain_schedule(graph));
    ASSERT_TRUE(trace.has_value()) << name;
    EXPECT_EQ(lay_out(*trace).arena_bytes, trace->peak - trace->static_bytes) << name;
  }
}

}  // namespace
}  // namespace rockmate
