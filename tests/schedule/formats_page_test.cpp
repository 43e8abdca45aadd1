// The examples of docs/formats.md are a graph and a plan that keeps every rule of that page.

#include <gtest/gtest.h>

#include "base/input_file.h"
#include "rockmate/schedule.h"

namespace rockmate {
namespace {

std::vector<std::string> json_blocks(const std::string& page) {
  const std::string open = "```json\n", close = "```";
  std::vector<std::string> blocks;
  for (std::size_t at = page.find(open); at != std::string::npos; at = page.find(open, at)) {
    at += open.size();
    blocks.push_back(page.substr(at, page.find(close, at) - at));
  }
  return blocks;
}

TEST(FormatsPage, ItsExamplesAreValidAndWrittenAsWeWriteThem) {
  const auto blocks = json_blocks(read_file(ROCKMATE_SOURCE_DIR "/docs/formats.md", 1 << 20));
  ASSERT_EQ(blocks.size(), 2U);
  std::vector<std::string> warnings;
  const TrainingGraph graph = parse_graph(blocks[0], "the graph of the page", &warnings);
  const auto plan = parse_plan(blocks[1], "the plan of the page", graph, &warnings);
  ASSERT_TRUE(plan) << plan.error();
  const auto trace = judge(graph, *plan);
  ASSERT_TRUE(trace) << trace.error();
  EXPECT_TRUE(warnings.empty()) << warnings.front();
  EXPECT_EQ(graph_to_json(graph), blocks[0]);
}

}  // namespace
}  // namespace rockmate
