#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "rockmate/plan.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;

Bytes bytes_of(std::string_view text) {
  return Budget::parse(text).on(testing::random_graph(1)).value();
}

TEST(Budget, ReadsSizesInDecimalAndBinaryUnits) {
  EXPECT_EQ(bytes_of("123456"), Bytes(123456));
  EXPECT_EQ(bytes_of("0"), Bytes(0));
  EXPECT_EQ(bytes_of("12B"), Bytes(12));
  EXPECT_EQ(bytes_of("3kB"), Bytes(3000));
  EXPECT_EQ(bytes_of("3KB"), Bytes(3000));
  EXPECT_EQ(bytes_of("1500MB"), Bytes(1'500'000'000));
  EXPECT_EQ(bytes_of("2GB"), Bytes(2'000'000'000));
  EXPECT_EQ(bytes_of("1TB"), Bytes(1'000'000'000'000));
  EXPECT_EQ(bytes_of("1KiB"), 1_KiB);
  EXPECT_EQ(bytes_of("7MiB"), 7_MiB);
  EXPECT_EQ(bytes_of("2GiB"), 2_GiB);
  EXPECT_EQ(bytes_of("2 GiB"), 2_GiB);
  EXPECT_EQ(bytes_of("1TiB"), Bytes(std::int64_t{1} << 40));
}

TEST(Budget, ReadsFractionsExactlyAndRoundsDown) {
  EXPECT_EQ(bytes_of("1.5GiB"), 1536_MiB);
  EXPECT_EQ(bytes_of("1.001kB"), Bytes(1001));
  EXPECT_EQ(bytes_of("0.3KiB"), Bytes(307));
  EXPECT_EQ(bytes_of("0.9999999999999999999999999999KiB"), Bytes(1023));
  EXPECT_EQ(bytes_of("0.123456789GB"), Bytes(123456789));
}

TEST(Budget, TheLargestSizeIsTheLargestNumber) {
  EXPECT_EQ(bytes_of("9223372036854775807").count(), std::numeric_limits<std::int64_t>::max());
  for (const char* text : {"9223372036854775808", "8388608TiB", "99999999999999999999999999GiB"}) {
    EXPECT_THROW((void)Budget::parse(text), InvalidInput) << text;
  }
}

TEST(Budget, AShareIsOfWhatIsNotStatic) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed);
    const Bytes plain = simulate(graph, plain_schedule(graph))->peak;
    const Bytes movable = plain - graph.static_bytes();
    EXPECT_EQ(Budget::parse("0%").on(graph), graph.static_bytes());
    EXPECT_EQ(Budget::parse("100%").on(graph), plain);
    EXPECT_EQ(Budget::parse("200%").on(graph), plain + movable);
    for (int percent = 1; percent < 100; ++percent) {
      const Bytes part(movable.count() * percent / 100);
      EXPECT_EQ(Budget::parse(std::to_string(percent) + "%").on(graph), graph.static_bytes() + part)
          << percent << " % of " << movable.count();
    }
  }
}

TEST(Budget, AHugeShareSaturates) {
  const TrainingGraph graph = testing::random_graph(3);
  const std::string text(300, '9');
  EXPECT_EQ(Budget::parse(text + "%").on(graph)->count(), std::numeric_limits<std::int64_t>::max());
}

TEST(Budget, TheMinimumHasNoBytesYet) {
  EXPECT_TRUE(Budget::parse("min").is_minimum());
  EXPECT_FALSE(Budget::parse("1%").is_minimum());
  EXPECT_EQ(Budget::parse("min").on(testing::random_graph(1)), std::nullopt);
}

TEST(Budget, RefusesNonsenseAndShowsWhatItTakes) {
  for (const char* text :
       {"",     " ",    "-1",     "-1GiB", "+1",     "1.GiB", ".5GiB", "1.5",  "1.5B",
        "2gib", "2G",   "2  GiB", "GiB",   "%",      "-5%",   "1e9",   "0x10", "nan",
        "inf%", "min ", "MIN",    "2GiB ", "1,5GiB", "2GiBs", "60%%",  "1 2"}) {
    try {
      (void)Budget::parse(text);
      ADD_FAILURE() << "'" << text << "' was taken";
    } catch (const InvalidInput& error) {
      EXPECT_THAT(error.what(), HasSubstr("2GiB"));
      EXPECT_THAT(error.what(), HasSubstr("60%"));
      EXPECT_THAT(error.what(), HasSubstr("min"));
    }
  }
}

TEST(Budget, AShareBelowZeroIsRefused) {
  EXPECT_THROW((void)Budget::share(-0.1), InvalidInput);
  EXPECT_THROW((void)Budget::share(std::numeric_limits<double>::quiet_NaN()), InvalidInput);
  EXPECT_THROW((void)Budget::share(std::numeric_limits<double>::infinity()), InvalidInput);
}

}  // namespace
}  // namespace rockmate
