// Packing by pushing out keeps to whole rows where all sizes are whole rows, whatever the capacity.
#include "schedule/pack_eject.h"

#include <gtest/gtest.h>

#include <random>

namespace rockmate {
namespace {

std::vector<PackItem> tangled_rows(std::uint64_t seed, std::int64_t row) {
  std::mt19937_64 random(seed);
  std::vector<PackItem> items;
  for (int i = 0; i < 60; ++i) {
    const std::size_t begin = random() % 40;
    items.push_back({begin, begin + 1 + random() % 12,
                     Bytes(row * static_cast<std::int64_t>(1 + random() % 20))});
  }
  return items;
}

TEST(PackEject, OffsetsAreMultiplesOfWhatAllSizesAre) {
  const std::int64_t row = 64;
  int found = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const PackProblem problem = reduce(tangled_rows(seed, row));
    // Everything has to find its place by pushing: nothing lies below the capacity at first.
    Placement start;
    start.offsets.assign(problem.items.size(), Bytes(std::int64_t{1} << 40));
    WorkMeter work(20'000'000);
    const Bytes capacity = problem.bound + Bytes(row * 4 + 37);
    const auto placement = eject_placement(problem, capacity, start, seed, work);
    if (!placement) continue;
    ++found;
    EXPECT_LE(placement->height, capacity);
    for (const Bytes offset : placement->offsets) EXPECT_EQ(offset.count() % row, 0);
  }
  EXPECT_GE(found, 10);
}

}  // namespace
}  // namespace rockmate
