// The cut dynamic program against all cuts and all orders of devices, and the bound against both.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>

#include "pipeline/partition.h"

namespace rockmate {
namespace {

struct Instance {
  std::vector<double> blocks, speeds, transfers;
  std::vector<std::size_t> kinds;
  std::size_t stages = 0, micro_batches = 1;
};

Instance random_instance(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto whole = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  Instance x;
  for (int b = whole(1, 7); b > 0; --b) {
    x.blocks.push_back(whole(1, 9));
    x.transfers.push_back(whole(0, 3));
  }
  for (int d = whole(1, 4); d > 0; --d) {
    x.kinds.push_back(static_cast<std::size_t>(whole(0, 1)));
    x.speeds.push_back(x.kinds.back() == 0 ? 1 : 2);
  }
  const int most = static_cast<int>(std::min(x.blocks.size(), x.kinds.size()));
  x.stages = static_cast<std::size_t>(whole(1, most));
  x.micro_batches = static_cast<std::size_t>(whole(1, 6));
  return x;
}

double work(const Instance& x, StageRange range) {
  const auto at = [&](std::size_t i) { return x.blocks.begin() + static_cast<std::ptrdiff_t>(i); };
  return std::accumulate(at(range.first), at(range.last + 1), 0.0);
}

PartitionProblem problem_of(const Instance& x) {
  PartitionProblem problem;
  problem.blocks = x.blocks.size();
  problem.least_stages = problem.most_stages = x.stages;
  problem.micro_batches = x.micro_batches;
  problem.kinds = x.kinds;
  problem.seconds = [&x](std::size_t after, StageRange range,
                         std::size_t device) -> std::optional<Seconds> {
    // Some stages do not fit.
    if ((range.last - range.first + after + device) % 5 == 4) return std::nullopt;
    return Seconds(work(x, range) / x.speeds[device]);
  };
  problem.transfer = [&x](std::size_t s) { return Seconds(x.transfers[s]); };
  return problem;
}

// By trying every cut and every order of devices, or one that leaves some of them out.
double best_of_all(const Instance& x, const PartitionProblem& problem) {
  double best = std::numeric_limits<double>::infinity();
  std::vector<std::size_t> devices(x.kinds.size());
  std::iota(devices.begin(), devices.end(), std::size_t{0});
  do {
    const bool is_in_order =
        std::is_sorted(devices.begin(), devices.begin() + static_cast<std::ptrdiff_t>(x.stages));
    if (problem.order == DeviceOrder::kGiven && !is_in_order) continue;
    const std::function<void(std::size_t, std::size_t, double, double)> place =
        [&](std::size_t stage, std::size_t first, double sum, double max) {
          if (stage == x.stages) {
            if (first == x.blocks.size()) {
              best = std::min(best, sum + static_cast<double>(x.micro_batches - 1) * max);
            }
            return;
          }
          for (std::size_t last = first; last < x.blocks.size(); ++last) {
            // The figures of a kind are those of its first device.
            const auto kind = std::find(x.kinds.begin(), x.kinds.end(), x.kinds[devices[stage]]);
            const auto seconds = problem.seconds(x.stages - 1 - stage, {first, last},
                                                 static_cast<std::size_t>(kind - x.kinds.begin()));
            if (!seconds) continue;
            const double transfer = first > 0 ? x.transfers[first] : 0;
            place(stage + 1, last + 1, sum + transfer + seconds->count(),
                  std::max(max, seconds->count()));
          }
        };
    place(0, 0, 0, 0);
  } while (std::next_permutation(devices.begin(), devices.end()));
  return best;
}

TEST(Partition, IsTheBestOfAllCutsAndOrders) {
  std::size_t found = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    const Instance x = random_instance(seed);
    PartitionProblem problem = problem_of(x);
    if (seed % 3 == 0) problem.order = DeviceOrder::kGiven;
    const auto partitions = best_partitions(problem, 5);
    const double best = best_of_all(x, problem);
    ASSERT_EQ(partitions.empty(), best == std::numeric_limits<double>::infinity()) << seed;
    if (partitions.empty()) continue;
    ++found;
    EXPECT_DOUBLE_EQ(partitions.front().estimate.count(), best) << seed;
    for (const Partition& partition : partitions) {
      ASSERT_EQ(partition.stages.size(), x.stages);
      std::size_t next = 0;
      std::vector<bool> used(x.kinds.size());
      for (const PlacedStage& stage : partition.stages) {
        EXPECT_EQ(stage.range.first, next);
        EXPECT_GE(stage.range.last, stage.range.first);
        next = stage.range.last + 1;
        EXPECT_FALSE(used[stage.device]) << "a device has one stage";
        used[stage.device] = true;
      }
      EXPECT_EQ(next, x.blocks.size());
      EXPECT_GE(partition.estimate, partitions.front().estimate);
    }
  }
  EXPECT_GT(found, 200u);
}

TEST(Partition, OneSolveServesAllNumbersOfStages) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Instance x = random_instance(seed);
    PartitionProblem problem = problem_of(x);
    problem.least_stages = 1;
    problem.most_stages = x.kinds.size();
    const auto all = best_partitions(problem, 2);
    for (x.stages = 1; x.stages <= x.kinds.size(); ++x.stages) {
      problem.least_stages = problem.most_stages = x.stages;
      const auto alone = best_partitions(problem, 2);
      std::vector<double> expected, found;
      for (const Partition& each : alone) expected.push_back(each.estimate.count());
      for (const Partition& each : all) {
        if (each.stages.size() == x.stages) found.push_back(each.estimate.count());
      }
      EXPECT_EQ(found, expected) << seed << " " << x.stages;
    }
  }
}

TEST(Partition, ManyDifferentDevicesAreTooMany) {
  std::vector<std::size_t> kinds(13);
  EXPECT_FALSE(has_too_many_sets(kinds));
  std::iota(kinds.begin(), kinds.end(), std::size_t{0});
  EXPECT_TRUE(has_too_many_sets(kinds));
}

TEST(Partition, AFixedOrderGoesRound) {
  Instance x;
  x.blocks = {1, 1, 1, 1};
  x.transfers = {0, 0, 0, 0};
  x.kinds = {0, 1};
  x.speeds = {1, 2};
  x.stages = 4;
  PartitionProblem problem = problem_of(x);
  problem.order = DeviceOrder::kRound;
  problem.seconds = [&x](std::size_t, StageRange range, std::size_t device) {
    return std::optional(Seconds(work(x, range) / x.speeds[device]));
  };
  const auto partitions = best_partitions(problem, 1);
  ASSERT_EQ(partitions.size(), 1u);
  for (std::size_t s = 0; s < 4; ++s) {
    EXPECT_EQ(partitions[0].stages[s].device, s % 2);
    EXPECT_EQ(partitions[0].stages[s].range.first, s);
  }
}

TEST(Partition, MoreStagesThanBlocksHaveNone) {
  Instance x;
  x.blocks = {1};
  x.transfers = {0};
  x.kinds = {0, 0};
  x.speeds = {1, 1};
  x.stages = 2;
  EXPECT_TRUE(best_partitions(problem_of(x), 3).empty());
}

}  // namespace
}  // namespace rockmate
