// The families against what their papers say of them: makespans and peaks in units of one forward.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/pipelines.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::unit_pipeline;
using testing::UnitStage;

constexpr auto kGPipe = PipelineFamily::kGPipe;
constexpr auto kOneF = PipelineFamily::kOneForwardOneBackward;
constexpr auto kInterleaved = PipelineFamily::kInterleaved;
constexpr auto kZeroBubble = PipelineFamily::kZeroBubbleH1;
// Bytes of a micro-batch's activations on a rank; divisible by all numbers of chunks.
constexpr std::int64_t kBytes = 1200;

PipelineTrace trace_of(const Pipeline& pipeline) {
  auto trace = simulate(pipeline);
  EXPECT_TRUE(trace.has_value()) << trace.error().message;
  return *std::move(trace);
}

PipelineTrace unit(PipelineFamily family, std::size_t ranks, std::size_t chunks, std::size_t m) {
  return trace_of(unit_pipeline(family, ranks, chunks, m, {.activations = kBytes}));
}

std::vector<double> peaks(const PipelineTrace& trace) {
  std::vector<double> peaks;
  for (const RankTrace& rank : trace.ranks) {
    peaks.push_back(static_cast<double>(rank.peak.count()) / double{kBytes});
  }
  return peaks;
}

std::string row_text(const PipelineRow& row) {
  std::string text;
  for (const StageAction& a : row) {
    if (!text.empty()) text += ' ';
    text += to_string(a);
  }
  return text;
}

TEST(Families, RowsStandAsInThePapers) {
  const auto row = [](PipelineFamily family, std::size_t rank, std::size_t chunks = 1) {
    return row_text(pipeline_rows(family, 2, 2 * chunks, 2 * chunks)[rank]);
  };
  EXPECT_EQ(row(kGPipe, 0), "F0.0 F0.1 B0.1 B0.0");
  EXPECT_EQ(row(kOneF, 0), "F0.0 F0.1 B0.0 B0.1");
  EXPECT_EQ(row(kOneF, 1), "F1.0 B1.0 F1.1 B1.1");
  EXPECT_EQ(row(kInterleaved, 1, 2),
            "F1.0 F1.1 F3.0 B3.0 F3.1 B3.1 F1.2 B1.0 F1.3 B1.1 F3.2 B3.2 F3.3 B3.3 B1.2 B1.3");
  EXPECT_EQ(row(kZeroBubble, 0), "F0.0 F0.1 I0.0 W0.0 I0.1 W0.1");
  EXPECT_EQ(row(kZeroBubble, 1), "F1.0 I1.0 F1.1 I1.1 W1.0 W1.1");
}

TEST(Families, MakespansOfFourRanksAndEightMicroBatches) {
  EXPECT_DOUBLE_EQ(unit(kGPipe, 4, 1, 8).makespan.count(), 33);
  EXPECT_DOUBLE_EQ(unit(kOneF, 4, 1, 8).makespan.count(), 33);
  EXPECT_DOUBLE_EQ(unit(kZeroBubble, 4, 1, 8).makespan.count(), 27);
  EXPECT_DOUBLE_EQ(unit(kInterleaved, 4, 2, 8).makespan.count(), 28.5);
  EXPECT_DOUBLE_EQ(unit(kInterleaved, 4, 4, 8).makespan.count(), 26.25);
}

TEST(Families, PeaksOfFourRanksAndEightMicroBatches) {
  EXPECT_THAT(peaks(unit(kGPipe, 4, 1, 8)), ElementsAre(8, 8, 8, 8));
  EXPECT_THAT(peaks(unit(kOneF, 4, 1, 8)), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(peaks(unit(kZeroBubble, 4, 1, 8)), ElementsAre(4, 4, 4, 4));
  EXPECT_DOUBLE_EQ(peaks(unit(kInterleaved, 4, 2, 8))[0], 5.5);
  EXPECT_DOUBLE_EQ(peaks(unit(kInterleaved, 4, 4, 8))[0], 4.75);
}

TEST(Families, ASlowStageUnder1F1B) {
  Pipeline pipeline = unit_pipeline(kOneF, 4, 1, 8);
  pipeline.cluster.devices[2].speed = 0.5;
  EXPECT_DOUBLE_EQ(trace_of(pipeline).makespan.count(), 55);
}

TEST(Families, BubblesFollowTheFormulas) {
  for (std::size_t p = 1; p <= 6; ++p) {
    for (std::size_t m = p; m <= 4 * p; m += p) {
      const auto ranks = static_cast<double>(p), count = static_cast<double>(m);
      const UnitStage x{1, 2, 1.5, kBytes};
      const double b = x.input_gradient + x.weight_gradient, work = count * (x.forward + b);
      for (const PipelineFamily family : {kGPipe, kOneF}) {
        const PipelineTrace trace = trace_of(unit_pipeline(family, p, 1, m, x));
        EXPECT_NEAR(trace.makespan.count(), work + (ranks - 1) * (x.forward + b), 1e-9);
        EXPECT_NEAR(trace.bubble_ratio(), (ranks - 1) / (count + ranks - 1), 1e-12);
      }
      // Peaks of 1F1B and ZB-H1.
      const auto one = peaks(unit(kOneF, p, 1, m)), zero = peaks(unit(kZeroBubble, p, 1, m));
      for (std::size_t s = 0; s < p; ++s) {
        EXPECT_EQ(one[s], static_cast<double>(std::min(m, p - s)));
        EXPECT_EQ(zero[s], static_cast<double>(std::min(m, p)));
      }
      EXPECT_NEAR(unit(kZeroBubble, p, 1, m).makespan.count(), 3 * count + (ranks - 1), 1e-9);
      for (const std::size_t v : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
        const PipelineTrace trace = unit(kInterleaved, p, v, m);
        EXPECT_NEAR(trace.makespan.count(), 3 * count + 3 * (ranks - 1) / static_cast<double>(v),
                    1e-9);
        if (v == 1) continue;
        for (std::size_t r = 0; r < p; ++r) {
          const std::size_t chunks = std::min(2 * (p - r - 1) + (v - 1) * p + 1, m * v);
          EXPECT_EQ(peaks(trace)[r], static_cast<double>(chunks) / static_cast<double>(v));
        }
      }
    }
  }
}

TEST(Families, InFlightIsThePeakInMicroBatches) {
  EXPECT_THAT(micro_batches_in_flight(pipeline_rows(kOneF, 4, 4, 8), 4), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(micro_batches_in_flight(pipeline_rows(kGPipe, 2, 2, 8), 2), ElementsAre(8, 8));
  EXPECT_THAT(micro_batches_in_flight(pipeline_rows(kZeroBubble, 3, 3, 8), 3),
              ElementsAre(3, 3, 3));
}

TEST(Families, RefuseWhatTheyCannotDo) {
  const auto refused = [](PipelineFamily f, std::size_t ranks, std::size_t stages, std::size_t m) {
    return message_of([&] { static_cast<void>(pipeline_rows(f, ranks, stages, m)); });
  };
  EXPECT_THAT(refused(kGPipe, 2, 3, 4), HasSubstr("found 3 stages on 2 ranks"));
  EXPECT_THAT(refused(kOneF, 2, 2, 0), HasSubstr("0 micro-batches"));
  EXPECT_THAT(refused(kInterleaved, 2, 4, 3), HasSubstr("multiples of the ranks"));
  EXPECT_THAT(message_of([] { static_cast<void>(parse_pipeline_family("dapple")); }),
              HasSubstr("gpipe, 1f1b, interleaved, zb-h1"));
  EXPECT_EQ(parse_pipeline_family("zb-h1"), kZeroBubble);
}

}  // namespace
}  // namespace rockmate
