// `rockmate inspect`: figures that can be counted by hand on the tiny model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/tiny_model.h"
#include "support/files.h"
#include "support/run_command.h"

namespace rockmate {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::run_rockmate;

class InspectVerb : public ::testing::Test {
 protected:
  InspectVerb() { testing::write_text(model_, testing::kTinyModel); }
  testing::TemporaryFolder folder_;
  std::string model_ = folder_.path() / "tiny.json";
};

TEST_F(InspectVerb, CountsOpsAndBytes) {
  const json object = json::parse(run_rockmate({"inspect", model_, "--json"}).out);
  EXPECT_EQ(object["name"], "tiny");
  EXPECT_EQ(object["ops"]["forward"], (json{{"count", 3}, {"recomputable", 3}, {"seconds", 3.0}}));
  EXPECT_EQ(object["ops"]["loss"], (json{{"count", 1}, {"recomputable", 0}, {"seconds", 3.0}}));
  EXPECT_EQ(object["ops"]["backward"]["count"], 3);
  EXPECT_EQ(object["values"]["input"], (json{{"count", 1}, {"bytes", 100}}));
  EXPECT_EQ(object["values"]["activation"], (json{{"count", 3}, {"bytes", 300}}));
  EXPECT_EQ(object["static_bytes"], 100);
  EXPECT_EQ(object["plain_peak_bytes"], testing::kTinyPeak);
  EXPECT_EQ(object["plain_peak_op"], "loss");
  EXPECT_EQ(object["plain_seconds"], 12.0);
  EXPECT_EQ(object["floor_bytes"], 400) << "x, b, dc and db while C.backward runs";
  EXPECT_GE(object["blocks"], 1);
  std::size_t forward_ops = 0;
  for (const json& each : object["distinct_blocks"]) {
    forward_ops += each["instances"].get<std::size_t>() * each["forward_ops"].get<std::size_t>();
  }
  EXPECT_EQ(forward_ops, 3u);
}

TEST_F(InspectVerb, TellsPeople) {
  const auto outcome = run_rockmate({"inspect", model_});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  for (const char* part :
       {"tiny: 7 ops, 7 values", "while 'loss' runs", "activations", "memory floor", "The chain"}) {
    EXPECT_THAT(outcome.out, HasSubstr(part));
  }
}

TEST_F(InspectVerb, TheGraphThatItWritesIsTheSame) {
  const std::string copy = folder_.path() / "copy.json";
  ASSERT_EQ(run_rockmate({"inspect", model_, "--graph-out", copy}).exit, 0);
  EXPECT_EQ(run_rockmate({"inspect", copy}).out, run_rockmate({"inspect", model_}).out);
}

}  // namespace
}  // namespace rockmate
