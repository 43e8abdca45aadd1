#include "exec/random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace rockmate {
namespace {

// Known answers from the authors' distribution (Random123, kat_vectors).
TEST(Random, PhiloxGivesTheKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, UniformAndNormalHaveTheirMoments) {
  const RandomStream stream(7, 3, 1);
  const int draws = 40000;
  double mean = 0;
  double normal_mean = 0;
  double normal_square = 0;
  for (int e = 0; e < draws; ++e) {
    const auto element = static_cast<std::uint64_t>(e);
    const double u = stream.uniform(element);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    mean += u / draws;
    const double z = stream.normal(element);
    normal_mean += z / draws;
    normal_square += z * z / draws;
  }
  EXPECT_NEAR(mean, 0.5, 0.01);
  EXPECT_NEAR(normal_mean, 0, 0.03);
  EXPECT_NEAR(normal_square, 1, 0.03);
}

TEST(Random, SeedStreamStepAndElementEachChangeTheBits) {
  const std::uint32_t bits = RandomStream(1, 2, 3).bits(4);
  EXPECT_NE(bits, RandomStream(2, 2, 3).bits(4));
  EXPECT_NE(bits, RandomStream(std::uint64_t{1} << 40, 2, 3).bits(4));
  EXPECT_NE(bits, RandomStream(1, 3, 3).bits(4));
  EXPECT_NE(bits, RandomStream(1, 2, 4).bits(4));
  EXPECT_NE(bits, RandomStream(1, 2, 3).bits(5));
  EXPECT_NE(bits, RandomStream(1, 2, 3).bits(4 + (std::uint64_t{1} << 36)));
}

}  // namespace
}  // namespace rockmate
