#include "search/arena_ends.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "search/random.h"

namespace rockmate::search {
namespace {

struct Listed {
  PlacedEnd end;
  ArenaEnds::Slots slots;
};

// By rising offset, equal ones in the order in which they came: what a look at each one finds.
std::vector<std::uint32_t> items_met(const std::vector<Listed>& all, ArenaEnds::Slots slots) {
  std::vector<std::uint32_t> met;
  for (const Listed& one : all) {
    if (one.slots.first <= slots.last && slots.first <= one.slots.last) {
      met.push_back(one.end.item);
    }
  }
  return met;
}

void insert_naively(std::vector<Listed>& all, const Listed& one) {
  std::size_t k = 0;
  while (k < all.size() && all[k].end.at <= one.end.at) ++k;
  all.insert(all.begin() + static_cast<std::ptrdiff_t>(k), one);
}

TEST(ArenaEnds, FindsWhatALookAtEachOneFinds) {
  Random random(5);
  ArenaEnds ends;
  std::vector<Listed> all;
  std::vector<PlacedEnd> met;
  const auto draw_slots = [&] {
    const auto first = static_cast<std::int32_t>(random.below(40));
    return ArenaEnds::Slots{first, first + static_cast<std::int32_t>(random.below(15))};
  };
  for (std::uint32_t item = 0; item < 400; ++item) {
    SCOPED_TRACE("step " + std::to_string(item));
    const Listed one{{random.below(60), item}, draw_slots()};
    insert_naively(all, one);
    ends.insert(one.end, one.slots);
    if (random.chance(0.4)) {
      const auto gone = all.begin() + random.below(all.size());
      ends.erase(gone->end);
      all.erase(gone);
    }
    ASSERT_EQ(ends.size(), all.size());
    const ArenaEnds::Slots slots = draw_slots();
    ends.collect(slots, met);
    std::vector<std::uint32_t> items;
    for (const PlacedEnd& end : met) items.push_back(end.item);
    ASSERT_EQ(items, items_met(all, slots));
  }
}

TEST(ArenaEnds, FollowsItemsToOtherSlots) {
  ArenaEnds ends;
  for (std::uint32_t item = 0; item < 3; ++item) ends.insert({item, item}, {0, 0});
  ends.refresh([](std::uint32_t item) {
    const auto slot = static_cast<std::int32_t>(item);
    return ArenaEnds::Slots{slot, slot};
  });
  std::vector<PlacedEnd> met;
  ends.collect({1, 1}, met);
  ASSERT_EQ(met.size(), 1U);
  EXPECT_EQ(met.front().item, 1U);
}

}  // namespace
}  // namespace rockmate::search
