// The rules of rows, one misuse each, and deadlocks explained.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/pipelines.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using testing::random_pipeline;
using testing::unit_pipeline;

constexpr auto kF = StageVerb::kForward;
constexpr auto kB = StageVerb::kBackward;

class Rows : public ::testing::Test {
 protected:
  [[nodiscard]] std::string broken() const {
    const auto violation = check_rows(pipeline_);
    EXPECT_EQ(violation.has_value(), !simulate(pipeline_).has_value());
    return violation ? violation->message : "";
  }
  PipelineRow& row(std::size_t r) { return pipeline_.rows[r]; }
  // Rank 0: F0.0 F0.1 B0.0 B0.1; rank 1: F1.0 B1.0 F1.1 B1.1.
  Pipeline pipeline_ = unit_pipeline(PipelineFamily::kOneForwardOneBackward, 2, 1, 2);
};

TEST_F(Rows, OfFamiliesKeepTheRules) {
  EXPECT_EQ(broken(), "");
  pipeline_ = with_communication(pipeline_);
  EXPECT_EQ(broken(), "");
}

TEST_F(Rows, OneForwardPerStageAndMicroBatch) {
  row(0).insert(row(0).begin(), {kF, 0, 0, 0});
  EXPECT_EQ(broken(),
            "rank 0: F0.0 is out of turn, expected one F, then at most one R, then B or I, W");
}

TEST_F(Rows, NoBackwardBeforeTheForward) {
  std::swap(row(1)[0], row(1)[1]);
  EXPECT_THAT(broken(), HasSubstr("rank 1: B1.0 is out of turn"));
}

TEST_F(Rows, NothingIsForgotten) {
  row(1).pop_back();
  row(1).push_back({StageVerb::kInputGradient, 1, 1, 0});
  EXPECT_EQ(broken(), "rank 1: stage 1, micro-batch 1: found I without W");
  row(1).pop_back();
  row(1).push_back({StageVerb::kRecompute, 1, 1, 0});
  EXPECT_EQ(broken(), "rank 1: stage 1, micro-batch 1: found no backward");
  row(1).pop_back();
  EXPECT_THAT(broken(), HasSubstr("found 7 actions"));
}

TEST_F(Rows, AStageLivesOnOneRank) {
  row(1).push_back({kF, 0, 1, 0});
  EXPECT_EQ(broken(), "rank 1: F0.1: stage 0 lives on rank 0");
}

TEST_F(Rows, NamesExist) {
  row(0)[0].stage = 7;
  EXPECT_EQ(broken(), "rank 0: F7.0: there are 2 stages, counted from 0");
  row(0)[0] = {kF, 0, 9, 0};
  EXPECT_EQ(broken(), "rank 0: F0.9: there are 2 micro-batches, counted from 0");
  row(0)[0] = {kF, 0, 0, 3};
  EXPECT_EQ(broken(), "rank 0: F0.0:3: stage 0 has 1 strategies, counted from 0");
}

TEST_F(Rows, ADeadlockSaysWhoWaitsForWhom) {
  // Rank 0 wants the gradient of micro-batch 1 first; rank 1 wants its activation, which comes
  // later.
  row(0) = {{kF, 0, 0, 0}, {kB, 0, 0, 0}, {kF, 0, 1, 0}, {kB, 0, 1, 0}};
  row(1) = {{kF, 1, 0, 0}, {kF, 1, 1, 0}, {kB, 1, 0, 0}, {kB, 1, 1, 0}};
  EXPECT_EQ(
      broken(),
      "deadlock: rank 0 waits at B0.0 for B1.0 of rank 1, rank 1 waits at F1.1 for F0.1 of rank 0");
}

TEST_F(Rows, ADeadlockWithinOneRank) {
  pipeline_.cluster.devices.resize(1);
  pipeline_.stages[1].rank = 0;
  pipeline_.rows = {{{kF, 1, 0, 0}, {kF, 0, 0, 0}, {kB, 1, 0, 0}, {kB, 0, 0, 0}}};
  pipeline_.micro_batches = 1;
  EXPECT_EQ(broken(),
            "deadlock: rank 0: F1.0 waits for F0.0, which comes after it on the same rank");
  pipeline_.rows = {{{kF, 0, 0, 0}, {kF, 1, 0, 0}, {kB, 1, 0, 0}, {kB, 0, 0, 0}}};
  EXPECT_EQ(broken(), "");
}

class Communication : public Rows {
 protected:
  Communication() { pipeline_ = with_communication(pipeline_); }
  auto find(std::size_t r, const std::string& name) {
    return std::find_if(row(r).begin(), row(r).end(),
                        [&](const StageAction& a) { return to_string(a) == name; });
  }
};

TEST_F(Communication, IsAllOrNothing) {
  row(0).erase(find(0, "SA0.1"));
  EXPECT_EQ(broken(), "from rank 0 to rank 1: 1 messages are sent but 2 received");
}

TEST_F(Communication, WhatIsReadWasWaitedFor) {
  row(1).erase(find(1, "WA1.1"));
  EXPECT_THAT(broken(), HasSubstr("F1.1 reads what it has not waited for, expected WA1.1"));
}

TEST_F(Communication, AWaitNeedsItsReceive) {
  row(1).erase(find(1, "PA1.1"));
  EXPECT_EQ(broken(), "rank 1: WA1.1 comes before PA1.1");
}

TEST_F(Communication, OnlyWhatIsThereIsSent) {
  std::iter_swap(find(0, "F0.0"), find(0, "SA0.0"));
  EXPECT_EQ(broken(), "rank 0: SA0.0 sends what has not been made");
}

TEST_F(Communication, BothEndsKeepOneOrder) {
  std::iter_swap(find(1, "PA1.0"), find(1, "PA1.1"));
  row(1).erase(find(1, "PA1.0"));
  row(1).insert(find(1, "WA1.0"), {StageVerb::kPostActivation, 1, 0, 0});
  EXPECT_EQ(
      broken(),
      "from rank 0 to rank 1: message 0 is sent by SA0.0 but received by PA1.1: both ends need "
      "the same order");
}

TEST_F(Communication, EndsOfThePipelineSendNothingOutside) {
  row(0).push_back({StageVerb::kSendGradient, 0, 0, 0});
  EXPECT_EQ(broken(), "rank 0: SG0.0: there is no stage at the other end");
}

TEST(CheckRows, ARandomSwapIsFoundOrHarmless) {
  // Whatever is not refused runs to its end.
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Pipeline pipeline = random_pipeline(seed);
    if (seed % 2 == 0) pipeline = with_communication(pipeline);
    PipelineRow& row = pipeline.rows[seed % pipeline.rows.size()];
    std::swap(row[seed % row.size()], row[7 * seed % row.size()]);
    const auto violation = check_rows(pipeline);
    ASSERT_EQ(violation.has_value(), !simulate(pipeline).has_value()) << seed;
    refused += violation.has_value();
  }
  EXPECT_GT(refused, 30u);
  EXPECT_LT(refused, 300u);
}

TEST(CheckMemory, NamesTheRank) {
  Pipeline pipeline = unit_pipeline(PipelineFamily::kGPipe, 3, 1, 8);
  EXPECT_FALSE(check_memory(pipeline, *simulate(pipeline)));
  pipeline.cluster.devices[1].memory = Bytes(7);
  EXPECT_EQ(check_memory(pipeline, *simulate(pipeline))->message,
            "rank 1: the peak of 8 bytes exceeds the device's 7 bytes");
}

TEST(CheckCluster, RefusesWhatCannotBe) {
  const auto refused = [](const Cluster& cluster) {
    try {
      check_cluster(cluster, "here");
    } catch (const InvalidInput& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  Cluster cluster;
  EXPECT_EQ(refused(cluster), "here: found no device, expected at least one");
  cluster.devices = {{"a"}, {"b"}};
  EXPECT_EQ(refused(cluster), "");
  cluster.links = {{0, 1, 0.0}};
  EXPECT_THAT(refused(cluster), HasSubstr("link 0 -> 1: found a bandwidth of 0"));
  cluster.links = {{0, 2}};
  EXPECT_THAT(refused(cluster), HasSubstr("there are 2 devices"));
  cluster.links.clear();
  cluster.devices[1].memory = Bytes();
  EXPECT_EQ(refused(cluster), "here: device 1 'b': found 0 bytes of memory, expected more than 0");
  cluster.devices[1] = {"b", Bytes(1), 0};
  EXPECT_THAT(refused(cluster), HasSubstr("found speed 0"));
}

}  // namespace
}  // namespace rockmate
