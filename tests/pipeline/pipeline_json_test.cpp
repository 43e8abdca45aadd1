// The file format: what is written is read back; one misuse each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/files.h"
#include "support/pipelines.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::random_pipeline;

const std::string kTwoRanks = R"({"format": "rockmate.pipeline/1", "micro_batches": 1,
  "devices": [{"name": "a", "memory_bytes": 10, "speed": 2}, {}],
  "links": [{"from": 0, "to": 1, "bytes_per_second": 5}],
  "stages": [{"rank": 0, "strategies": [{"forward_seconds": 2, "input_gradient_seconds": 4, "saved_bytes": 3}]},
             {"rank": 1, "input_bytes": 10, "strategies": [
               {"forward_seconds": 1, "input_gradient_seconds": 1, "saved_bytes": 0}]}],
  "rows": [["F0.0", "B0.0"], ["F1.0", "B1.0"]]})";

std::string with(const std::string& what, const std::string& instead) {
  std::string text = kTwoRanks;
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), instead);
}

std::string refused(const std::string& text) {
  return message_of([&] { static_cast<void>(parse_pipeline(text, "file")); });
}

TEST(PipelineJson, IsRead) {
  const Pipeline pipeline = parse_pipeline(kTwoRanks, "file");
  EXPECT_EQ(pipeline.cluster.devices[0].memory, Bytes(10));
  EXPECT_EQ(pipeline.rows[1][0], (StageAction{StageVerb::kForward, 1, 0, 0}));
  const auto trace = simulate(pipeline);
  ASSERT_TRUE(trace.has_value()) << trace.error().message;
  EXPECT_DOUBLE_EQ(trace->makespan.count(), 1 + 2 + 1 + 1 + 2);
}

TEST(PipelineJson, WhatIsWrittenIsReadBack) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Pipeline pipeline = random_pipeline(seed);
    if (seed % 2 == 0) pipeline = with_communication(pipeline);
    const std::string text = pipeline_to_json(pipeline);
    const Pipeline read = parse_pipeline(text, "file");
    EXPECT_EQ(pipeline_to_json(read), text);
    EXPECT_EQ(read.rows, pipeline.rows);
    EXPECT_EQ(simulate(read)->makespan, simulate(pipeline)->makespan);
    EXPECT_EQ(simulate(read)->ranks[0].peak, simulate(pipeline)->ranks[0].peak);
  }
}

TEST(PipelineJson, Misuses) {
  EXPECT_THAT(refused("nonsense"), HasSubstr("file: "));
  EXPECT_THAT(refused(with("pipeline/1", "pipeline/2")), HasSubstr("$.format"));
  for (const char* action : {"F", "F0", "F0.", "F0.0:", "X0.0", "F0.0 ", "F-1.0", "f0.0", "0.0",
                             "F0.99999999999", "F0.0:x", ""}) {
    const std::string message = refused(with("F0.0", action));
    EXPECT_THAT(message, HasSubstr("file: $.rows[0][0]: found")) << action;
    EXPECT_THAT(message, HasSubstr("expected an action such as")) << action;
  }
  EXPECT_THAT(refused(with(R"(["F0.0", "B0.0"])", "7")), HasSubstr("$.rows[0]"));
  EXPECT_THAT(refused(with("\"memory_bytes\": 10", "\"memory_bytes\": 0")),
              HasSubstr("file: device 0 'a': found 0 bytes of memory"));
  EXPECT_THAT(refused(with("\"bytes_per_second\": 5", "\"bytes_per_second\": 0")),
              HasSubstr("file: link 0 -> 1: found a bandwidth of 0"));
  EXPECT_THAT(refused(with("\"to\": 1", "\"to\": 4")), HasSubstr("there are 2 devices"));
  EXPECT_THAT(refused(with("\"saved_bytes\": 3", "\"saved_bytes\": -3")), HasSubstr("saved_bytes"));
}

TEST(PipelineJson, SizesThatOverflowAreNoPipeline) {
  const auto violation = check_rows(
      parse_pipeline(with("\"saved_bytes\": 3", "\"saved_bytes\": 9223372036854775807"), "file"));
  ASSERT_TRUE(violation.has_value());
  EXPECT_THAT(violation->message, HasSubstr("add up to"));
  const auto endless = simulate(
      parse_pipeline(with("\"bytes_per_second\": 5", "\"bytes_per_second\": 1e-320"), "file"));
  ASSERT_FALSE(endless.has_value());
  EXPECT_THAT(endless.error().message, HasSubstr("the times add up"));
}

// The n-th block of JSON on the page.
std::string page_block(std::size_t n) {
  const std::string page = testing::read_text(testing::source_dir() / "docs/pipeline.md");
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= n; ++i) begin = page.find("```json", begin) + 7;
  return page.substr(begin, page.find("```", begin) - begin);
}

TEST(PipelinePage, ItsPipelineRuns) {
  std::vector<std::string> warnings;
  const Pipeline pipeline = parse_pipeline(page_block(1), "docs/pipeline.md", &warnings);
  EXPECT_TRUE(warnings.empty());
  const auto trace = simulate(pipeline);
  ASSERT_TRUE(trace.has_value()) << trace.error().message;
  EXPECT_FALSE(check_memory(pipeline, *trace));
}

TEST(PipelinePage, ItsDevicesAreRead) {
  const testing::TemporaryFolder folder;
  const std::string file = folder.path() / "devices.json";
  testing::write_text(file, page_block(0));
  const Cluster cluster = Cluster::parse(file);
  EXPECT_EQ(cluster.devices.size(), 2u);
  EXPECT_EQ(cluster.link(0, 1).bytes_per_second, 12e9);
  EXPECT_EQ(cluster.link(1, 0).bytes_per_second, 25e9);
}

TEST(PipelineJson, AFileThatIsMissing) {
  EXPECT_THAT(message_of([] { static_cast<void>(read_pipeline("no/such.json")); }),
              HasSubstr("no/such.json"));
}

}  // namespace
}  // namespace rockmate
