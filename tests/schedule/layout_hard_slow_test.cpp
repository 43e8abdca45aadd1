// Third-party instances that fill their capacity exactly or nearly (google/minimalloc).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "support/packing_judge.h"

namespace rockmate {
namespace {

constexpr Bytes kCapacity{1048576};

// Lines id,lower,upper,size after a header; lifetimes are half-open.
std::vector<PackItem> read_items(const std::string& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  std::string line;
  std::getline(in, line);
  std::vector<PackItem> items;
  while (std::getline(in, line)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream fields(line);
    std::int64_t id = 0, size = 0;
    PackItem item;
    EXPECT_TRUE(fields >> id >> item.begin >> item.end >> size) << file << ": " << line;
    item.size = Bytes(size);
    items.push_back(item);
  }
  return items;
}

class HardInstance : public ::testing::TestWithParam<const char*> {};

TEST_P(HardInstance, FitsIntoItsCapacity) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED is not set";
  const auto items =
      read_items(std::string(shared) + "/instances/layout/" + GetParam() + ".1048576.csv");
  const Packing packing = pack(items);
  EXPECT_EQ(testing::complaint(items, packing), "");
  EXPECT_LE(packing.height, kCapacity);
}

INSTANTIATE_TEST_SUITE_P(MiniMalloc, HardInstance, ::testing::Values("A", "C", "F", "I"));

}  // namespace
}  // namespace rockmate
