// The drawing of a pipeline: every kind of time in it, bounded size.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/pipelines.h"

namespace rockmate {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Pipeline example() {
  Pipeline pipeline = testing::unit_pipeline(PipelineFamily::kOneForwardOneBackward, 4, 1, 8);
  pipeline.cluster.bytes_per_second = 10;
  for (std::size_t s = 0; s < 4; ++s) {
    PipelineStage& stage = pipeline.stages[s];
    stage.static_bytes = Bytes(3);
    stage.update = Seconds(0.7);
    stage.input = stage.input_gradient = Bytes(s > 0 ? 2 : 0);
    stage.strategies[0].saved = Bytes(4);
    stage.strategies[0].recompute = Seconds(s == 0 ? 0.6 : 0);
    pipeline.cluster.devices[s] = {s % 2 == 0 ? "a100" : "v100", Bytes(40)};
  }
  return pipeline;
}

TEST(PipelineSvg, ShowsEveryKindOfTime) {
  const Pipeline pipeline = example();
  const std::string svg = pipeline_svg(pipeline, *simulate(pipeline), "four <devices>");
  EXPECT_THAT(svg, StartsWith("<svg"));
  EXPECT_THAT(svg, EndsWith("</svg>\n"));
  EXPECT_THAT(svg, HasSubstr("four &lt;devices&gt;"));
  for (const char* name : {"forward", "recomputation", "backward", "update", "bubble",
                           "message comes in", "of the device", "0 a100", "3 v100"}) {
    EXPECT_THAT(svg, HasSubstr(name));
  }
  EXPECT_THAT(svg, Not(HasSubstr("weight gradient"))) << "a kind that does not occur";
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(PipelineSvg, ManyActionsStayASmallFile) {
  const Pipeline pipeline = testing::unit_pipeline(PipelineFamily::kZeroBubbleH1, 16, 1, 512);
  const auto trace = simulate(pipeline);
  EXPECT_LT(pipeline_svg(pipeline, *trace, "many").size(), 3'000'000u);
  EXPECT_THAT(pipeline_svg(pipeline, *trace, "many"), HasSubstr("weight gradient"));
}

TEST(PipelineSvg, APipelineThatTakesNoTime) {
  const Pipeline pipeline = testing::unit_pipeline(PipelineFamily::kGPipe, 1, 1, 1, {0, 0, 0, 0});
  EXPECT_THAT(pipeline_svg(pipeline, *simulate(pipeline), "none"), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace rockmate
