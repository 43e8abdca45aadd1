// What users write for their devices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "rockmate/pipeline.h"
#include "support/files.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

std::string refused(const std::string& spec) {
  return message_of([&] { static_cast<void>(Cluster::parse(spec)); });
}

TEST(ClusterSpec, ShortForms) {
  const Cluster four = Cluster::parse("4x16GiB");
  ASSERT_EQ(four.devices.size(), 4u);
  EXPECT_EQ(four.devices[3].memory, 16_GiB);
  EXPECT_TRUE(std::isinf(four.bytes_per_second));
  EXPECT_EQ(Cluster::parse("4x16GiB@12GB/s").bytes_per_second, 12e9);
  const Cluster mixed = Cluster::parse("2x16GiB,1x8GiB@500MB/s");
  ASSERT_EQ(mixed.devices.size(), 3u);
  EXPECT_EQ(mixed.devices[2].memory, 8_GiB);
  EXPECT_EQ(mixed.link(0, 2).bytes_per_second, 5e8);
}

// A card brings its memory and its engine; without a bandwidth, the bus is between all devices.
TEST(ClusterSpec, Cards) {
  const Cluster mixed = Cluster::parse("2x8GiB,1xve20b,1xve30b");
  ASSERT_EQ(mixed.devices.size(), 4u);
  EXPECT_EQ(mixed.devices[1].engine, "");
  EXPECT_EQ(mixed.devices[2].engine, "vector:ve20b");
  EXPECT_EQ(mixed.devices[2].memory, Bytes(48'000'000'000));
  EXPECT_EQ(mixed.devices[3].memory, Bytes(96'000'000'000));
  EXPECT_EQ(mixed.devices[3].speed, 1) << "its costs tell how fast it is";
  EXPECT_EQ(mixed.bytes_per_second, 10e9);
  EXPECT_EQ(Cluster::parse("1x8GiB,1xve20b@3GB/s").bytes_per_second, 3e9);
  EXPECT_THAT(refused("1xve9"), HasSubstr("1xve20b"));
}

TEST(ClusterSpec, Misuses) {
  for (const char* spec :
       {"", "4", "x16GiB", "4x", "0x16GiB", "-1x16GiB", "4x60%", "4xmin", "4x16GiB@",
        "4x16GiB@12GB", "4x16GiB@fast/s", "4x16GiB,", "4 x 16GiB", "99999999999999999999x1GiB"}) {
    EXPECT_THAT(refused(spec), HasSubstr("expected forms are 4x16GiB")) << spec;
  }
  EXPECT_THAT(refused("99999x1GiB"), HasSubstr("more than 4096"));
  EXPECT_THAT(refused("2x0"), HasSubstr("found 0 bytes of memory"));
  EXPECT_THAT(refused("2x1GiB@0/s"), HasSubstr("found a bandwidth of 0"));
  EXPECT_THAT(refused("no/such.json"), HasSubstr("no/such.json"));
}

class ClusterFile : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    testing::write_text(folder_.path() / "devices.json", text);
    return folder_.path() / "devices.json";
  }
  testing::TemporaryFolder folder_;
};

TEST_F(ClusterFile, NamesDevicesAndLinks) {
  const Cluster cluster = Cluster::parse(write(R"({"devices": [
    {"name": "big", "kind": "a100", "memory_bytes": 1000},
    {"name": "small", "kind": "analytic", "flops": 78e12, "memory_bytes": 500},
    {"memory_bytes": 200, "speed": 0.25}],
    "links": [{"from": "big", "to": 1, "bytes_per_second": 7, "latency_seconds": 0.5}],
    "bytes_per_second": 3})"));
  ASSERT_EQ(cluster.devices.size(), 3u);
  EXPECT_EQ(cluster.devices[0].speed, 1);
  EXPECT_DOUBLE_EQ(cluster.devices[1].speed, 0.5);
  EXPECT_EQ(cluster.devices[2].speed, 0.25);
  EXPECT_EQ(cluster.link(0, 1).bytes_per_second, 7);
  EXPECT_EQ(cluster.link(0, 1).latency, Seconds(0.5));
  EXPECT_EQ(cluster.link(1, 0).bytes_per_second, 3);
}

TEST_F(ClusterFile, NamesEngines) {
  const Cluster cluster = Cluster::parse(write(R"({"devices": [
    {"engine": "cpu", "memory_bytes": 1000},
    {"engine": "vector", "kind": "ve10b"},
    {"engine": "vector", "kind": "ve30b", "memory_bytes": 500, "name": "small"}]})"));
  ASSERT_EQ(cluster.devices.size(), 3u);
  EXPECT_EQ(cluster.devices[0].engine, "cpu");
  EXPECT_EQ(cluster.devices[1].engine, "vector:ve10b");
  EXPECT_EQ(cluster.devices[1].memory, Bytes(48'000'000'000));
  EXPECT_EQ(cluster.devices[2].memory, Bytes(500));
  EXPECT_EQ(cluster.devices[2].name, "small");
}

TEST_F(ClusterFile, Misuses) {
  EXPECT_THAT(refused(write(R"({"devices": [{"name": "a"}]})")), HasSubstr("memory_bytes"));
  EXPECT_THAT(refused(write(R"({"devices": [{"engine": "vector", "memory_bytes": 5}]})")),
              HasSubstr("ve10b, ve20b or ve30b"));
  const std::string device = R"({"devices": [{"name": "a", "memory_bytes": 1}])";
  EXPECT_THAT(refused(write(R"({"devices": [{"memory_bytes": 0}]})")),
              HasSubstr("found 0 bytes of memory"));
  EXPECT_THAT(refused(write(R"({"devices": []})")), HasSubstr("found no device"));
  EXPECT_THAT(refused(write(R"({"devices": [{"kind": "abacus", "memory_bytes": 1}]})")),
              HasSubstr("\"abacus\""));
  EXPECT_THAT(
      refused(write(device + R"(, "links": [{"from": "a", "to": "b", "bytes_per_second": 1}]})")),
      HasSubstr("the name or number of a device above"));
  EXPECT_THAT(
      refused(write(device + R"(, "links": [{"from": 0, "to": 0, "bytes_per_second": 0}]})")),
      HasSubstr("found a bandwidth of 0"));
  EXPECT_THAT(refused(write("[]")), HasSubstr("devices.json"));
}

}  // namespace
}  // namespace rockmate
