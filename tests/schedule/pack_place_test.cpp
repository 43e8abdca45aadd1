#include "schedule/pack_place.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace rockmate {
namespace {

struct Block {
  std::int64_t lower, upper;
  double price;
};

// Blocks may overlap one another: not all live at one time.
std::vector<Block> random_blocks(std::mt19937& random, std::int64_t capacity) {
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  std::vector<Block> blocks(static_cast<std::size_t>(below(12)));
  for (Block& block : blocks) {
    block.lower = below(capacity);
    block.upper = block.lower + 1 + below(capacity - block.lower);
    block.price = static_cast<double>(below(5));  // 0 among them
  }
  return blocks;
}

double price_at(const std::vector<Block>& blocks, std::int64_t offset, std::int64_t size) {
  double price = 0;
  for (const Block& block : blocks) {
    if (block.lower < offset + size && offset < block.upper) price += block.price;
  }
  return price;
}

// Offers come by rising offset, with the price that a look at each block gives, and nowhere is it
// cheaper than at the best of them.
TEST(OfferPlaces, OffersACheapestPlace) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const std::int64_t capacity = 20;
    const std::vector<Block> blocks = random_blocks(random, capacity);
    const auto size = static_cast<std::int64_t>(1 + random() % 20);
    std::vector<PlacedEnd> lower, upper;
    std::vector<double> prices;
    for (std::uint32_t k = 0; k < blocks.size(); ++k) {
      lower.push_back({blocks[k].lower, k});
      upper.push_back({blocks[k].upper, k});
      prices.push_back(blocks[k].price);
    }
    const auto by_place = [](const PlacedEnd& a, const PlacedEnd& b) { return a.at < b.at; };
    std::sort(lower.begin(), lower.end(), by_place);
    std::sort(upper.begin(), upper.end(), by_place);

    std::int64_t before = 0;
    double best = 1e9;
    std::set<std::int64_t> offered;
    offer_places(lower, upper, size, capacity, prices, [&](std::int64_t offset, double price) {
      EXPECT_GE(offset, before);
      EXPECT_LE(offset + size, capacity);
      EXPECT_EQ(price, price_at(blocks, offset, size)) << "at " << offset;
      before = offset;
      best = std::min(best, price);
      offered.insert(offset);
    });
    double least = 1e9;
    for (std::int64_t offset = 0; offset + size <= capacity; ++offset) {
      least = std::min(least, price_at(blocks, offset, size));
    }
    EXPECT_EQ(best, least);
    EXPECT_TRUE(offered.contains(0));
    EXPECT_TRUE(offered.contains(capacity - size));
  }
}

}  // namespace
}  // namespace rockmate
