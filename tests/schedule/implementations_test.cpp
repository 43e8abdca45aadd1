#include "schedule/implementations.h"

#include <gtest/gtest.h>

namespace rockmate {
namespace {

using Indices = std::vector<std::uint16_t>;

Op op_with(std::vector<Implementation> implementations) {
  Op op;
  op.implementations = std::move(implementations);
  return op;
}

TEST(UsefulImplementations, KeepsTheFastestClassOnly) {
  const Op op = op_with(
      {{"", Seconds(3), 0_B, ""}, {"a", Seconds(1), 9_B, "tf32"}, {"b", Seconds(2), 4_B, "tf32"}});
  EXPECT_EQ(useful_implementations(op), (Indices{1, 2}));
}

TEST(UsefulImplementations, DropsWhatAnotherBeatsInBoth) {
  const Op op =
      op_with({{"", Seconds(2), 4_B, ""}, {"a", Seconds(3), 4_B, ""}, {"b", Seconds(1), 9_B, ""}});
  EXPECT_EQ(useful_implementations(op), (Indices{2, 0}));
}

TEST(UsefulImplementations, PrefersTheSmallerOfTwoThatAreEquallyFast) {
  const Op op = op_with({{"", Seconds(1), 4_B, ""}, {"a", Seconds(1), 2_B, ""}});
  EXPECT_EQ(useful_implementations(op), (Indices{1}));
}

}  // namespace
}  // namespace rockmate
