#include "exec/arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "rockmate/error.h"
#include "rockmate/training_model.h"
#include "support/throws.h"

namespace rockmate {
namespace {

TEST(Arena, HasTheBytesThatWereAskedForOnAnAlignedAddress) {
  for (const std::int64_t rows : {1, 3, 63, 64, 65, 1000}) {
    const Arena arena(Bytes(rows * kAlignment.count()));
    EXPECT_EQ(arena.bytes().size(), static_cast<std::size_t>(rows * kAlignment.count()));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arena.bytes().data()) % 64, 0u);
  }
}

TEST(Arena, OfNoBytesIsAllowed) {
  const Arena arena(Bytes(0));
  EXPECT_EQ(arena.bytes().size(), 0u);
  EXPECT_EQ(arena.high_water(), Bytes(0));
}

TEST(ArenaDeathTest, TheNextByteCannotBeTouched) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Arena arena(Bytes(64 * 7));
  volatile std::byte* const data = arena.bytes().data();
  data[64 * 7 - 1] = std::byte{1};
  EXPECT_DEATH(data[64 * 7] = std::byte{1}, "");
}

TEST(Arena, KnowsTheHighestRowThatWasWritten) {
  const Arena arena(Bytes(64 * 100));
  EXPECT_EQ(arena.high_water(), Bytes(0));
  const auto zero = [&](std::size_t begin, std::size_t count) {
    std::memset(arena.bytes().data() + begin, 0, count);
  };
  zero(0, 64);
  EXPECT_EQ(arena.high_water(), Bytes(64));
  zero(64 * 41 + 5, 1);
  EXPECT_EQ(arena.high_water(), Bytes(64 * 42));
  zero(64 * 20, 64);
  EXPECT_EQ(arena.high_water(), Bytes(64 * 42)) << "below";
  zero(64 * 99, 64);
  EXPECT_EQ(arena.high_water(), Bytes(64 * 100));
}

TEST(Arena, SaysSoWhereTheSystemHasNotAsMuch) {
  EXPECT_THAT(testing::message_of([] { const Arena arena(Bytes(std::int64_t{1} << 60)); }),
              ::testing::HasSubstr("1.00 EiB"));
}

}  // namespace
}  // namespace rockmate
