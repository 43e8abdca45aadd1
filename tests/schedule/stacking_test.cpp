// Who is in the way of an item, and where all of a stacking lies, compared with longest paths over
// all pairs of items that meet.
#include "schedule/stacking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>

#include "support/packing_judge.h"

namespace rockmate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Bytes kNowhere{std::int64_t{1} << 40};

std::vector<PackItem> random_items(std::mt19937_64& random, std::int64_t unit) {
  std::vector<PackItem> items;
  const std::size_t count = 2 + random() % 30;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = random() % 15;
    items.push_back({begin, begin + 1 + random() % 8,
                     Bytes(unit * static_cast<std::int64_t>(1 + random() % 9))});
  }
  return items;
}

struct Span {
  std::int64_t lowest = 0, highest = 0;
};

// Those inside pushed down and up as far as they go, when no two that meet change places.
std::map<std::uint32_t, Span> naive_spans(const PackProblem& problem,
                                          const std::vector<std::uint32_t>& inside,
                                          const std::vector<Bytes>& offsets,
                                          std::int64_t capacity) {
  std::vector<std::uint32_t> upwards = inside;
  std::sort(upwards.begin(), upwards.end(),
            [&](std::uint32_t a, std::uint32_t b) { return offsets[a] < offsets[b]; });
  std::map<std::uint32_t, Span> spans;
  for (std::size_t k = 0; k < upwards.size(); ++k) {
    std::int64_t& lowest = spans[upwards[k]].lowest;
    for (std::size_t p = 0; p < k; ++p) {
      if (!problem.items[upwards[p]].meets(problem.items[upwards[k]])) continue;
      lowest = std::max(lowest, spans[upwards[p]].lowest + problem.items[upwards[p]].size.count());
    }
  }
  for (std::size_t k = upwards.size(); k-- > 0;) {
    std::int64_t ceiling = capacity;
    for (std::size_t p = k + 1; p < upwards.size(); ++p) {
      if (!problem.items[upwards[p]].meets(problem.items[upwards[k]])) continue;
      ceiling = std::min(ceiling, spans[upwards[p]].highest);
    }
    spans[upwards[k]].highest = ceiling - problem.items[upwards[k]].size.count();
  }
  return spans;
}

// Puts items in at random places, each time with all the checks.
void walk(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto items = random_items(random, 1);
  items.push_back({0, 1, 1_B});  // so that units are bytes
  const PackProblem problem = reduce(items);
  const Bytes capacity(std::max<std::int64_t>(9, problem.bound.count() * 3 / 4));
  Stacking stacking(problem, capacity);
  auto outside = stacking.fill(std::vector<Bytes>(problem.items.size(), kNowhere));
  ASSERT_EQ(outside.size(), problem.items.size());
  std::vector<std::uint32_t> inside;
  std::vector<PlacedEnd> lower, upper;
  for (int step = 0; step < 60 && !outside.empty(); ++step) {
    std::swap(outside[random() % outside.size()], outside.back());
    const std::uint32_t item = outside.back();
    outside.pop_back();
    const std::int64_t size = problem.items[item].size.count();
    const auto offset = static_cast<std::int32_t>(random() % (capacity.count() - size + 1));

    std::vector<std::uint32_t> in_the_way;
    std::size_t obstacles = 0;
    for (const auto& [j, span] :
         naive_spans(problem, inside, stacking.offsets(), capacity.count())) {
      if (!problem.items[j].meets(problem.items[item])) continue;
      const std::int64_t end = span.lowest + problem.items[j].size.count();
      obstacles += span.highest - size < end;
      if (span.highest - size < offset && offset < end) in_the_way.push_back(j);
    }
    stacking.obstacles(item, lower, upper);
    EXPECT_EQ(lower.size(), obstacles);
    EXPECT_EQ(upper.size(), obstacles);

    std::vector<std::uint32_t> left;
    stacking.insert(item, offset, left);
    EXPECT_THAT(left, ::testing::UnorderedElementsAreArray(in_the_way));
    for (const std::uint32_t j : left) inside.erase(std::find(inside.begin(), inside.end(), j));
    inside.push_back(item);
    outside.insert(outside.end(), left.begin(), left.end());

    const std::vector<Bytes> offsets = stacking.offsets();
    EXPECT_LE(offsets[item], Bytes(offset));
    std::vector<PackItem> packed;
    Packing packing;
    const auto spans = naive_spans(problem, inside, offsets, capacity.count());
    for (const auto& [j, span] : spans) {
      EXPECT_EQ(offsets[j].count(), span.lowest);
      EXPECT_LE(span.lowest, span.highest);
      packed.push_back(items[problem.origin[j]]);
      packing.offsets.push_back(offsets[j]);
      packing.height = std::max(packing.height, offsets[j] + packed.back().size);
    }
    EXPECT_LE(packing.height, capacity);
    ASSERT_EQ(testing::complaint(packed, packing), "") << "seed " << seed << " step " << step;
  }
}

TEST(Stacking, AgreesWithLongestPathsAfterEveryInsertion) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) walk(seed);
}

// The room is 4 below and 4 above an item that floats: 8 in one piece.
TEST(Stacking, FindsTheRoomThatSlidingMakes) {
  const std::vector<PackItem> items = {{0, 4, 4_B}, {2, 6, 8_B}};
  const PackProblem problem = reduce(items);
  Stacking stacking(problem, 12_B);
  EXPECT_THAT(stacking.fill({4_B, kNowhere}), ElementsAre(1U));
  std::vector<std::uint32_t> out;
  stacking.insert(1, 4, out);
  EXPECT_THAT(out, IsEmpty());
  EXPECT_THAT(stacking.offsets(), ElementsAre(0_B, 4_B));
}

// With more than 2^30 units to the capacity, sizes are rounded up: nothing overlaps, and everything
// stays on rows of the sizes' common divisor.
TEST(Stacking, StaysSoundWhereUnitsAreRounded) {
  const std::int64_t row = 64;
  std::mt19937_64 random(1);
  const auto items = random_items(random, row);
  const PackProblem problem = reduce(items);
  const Bytes capacity(row * (std::int64_t{1} << 33) + 17);
  Stacking stacking(problem, capacity);
  auto outside = stacking.fill(std::vector<Bytes>(problem.items.size(), kNowhere));
  for (const std::uint32_t item : outside) {
    std::vector<std::uint32_t> out;
    stacking.insert(item, stacking.capacity() - stacking.size(item), out);
    EXPECT_THAT(out, IsEmpty());
  }
  std::vector<PackItem> packed;
  Packing packing{stacking.offsets(), {}};
  for (std::size_t j = 0; j < problem.items.size(); ++j) {
    packed.push_back(items[problem.origin[j]]);
    EXPECT_EQ(packing.offsets[j].count() % row, 0);
    packing.height = std::max(packing.height, packing.offsets[j] + packed.back().size);
  }
  EXPECT_EQ(testing::complaint(packed, packing), "");
}

}  // namespace
}  // namespace rockmate
