// `rockmate pipeline`: plans, simulates, draws; exit codes, keys, one misuse each.
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
using testing::Outcome;
using testing::run_rockmate;

using Arguments = std::vector<std::string>;

const std::string kDeadlock = R"({"format": "rockmate.pipeline/1", "micro_batches": 2,
  "devices": [{}, {}], "stages": [
    {"rank": 0, "strategies": [{"forward_seconds": 1, "input_gradient_seconds": 2, "saved_bytes": 1}]},
    {"rank": 1, "strategies": [{"forward_seconds": 1, "input_gradient_seconds": 2, "saved_bytes": 1}]}],
  "rows": [["F0.0", "B0.0", "F0.1", "B0.1"], ["F1.0", "F1.1", "B1.0", "B1.1"]]})";

class PipelineVerb : public ::testing::Test {
 protected:
  PipelineVerb() { testing::write_text(model_, testing::kTinyModel); }
  [[nodiscard]] Outcome pipeline(const Arguments& more) const {
    Arguments all = {"pipeline", model_};
    all.insert(all.end(), more.begin(), more.end());
    return run_rockmate(all);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.path() / name; }
  testing::TemporaryFolder folder_;
  std::string model_ = folder_.path() / "tiny.json";
};

TEST_F(PipelineVerb, PlansWritesAndSimulatesWhatItWrote) {
  const Outcome planned = pipeline({"--devices", "2x2000@1GB/s", "--micro-batches", "4", "--json",
                                    "-o", file("p.json"), "--timeline", file("p.svg")});
  ASSERT_EQ(planned.exit, 0) << planned.err;
  const json object = json::parse(planned.out);
  for (const char* key : {"makespan_seconds", "lower_bound_seconds", "bubble_ratio", "schedule",
                          "micro_batches", "planning_seconds"}) {
    EXPECT_TRUE(object.contains(key)) << key;
  }
  // 12 s per micro-batch on two devices.
  EXPECT_GE(object["makespan_seconds"], 24);
  EXPECT_LT(object["makespan_seconds"], 48);
  EXPECT_GE(object["makespan_seconds"], object["lower_bound_seconds"]);
  ASSERT_EQ(object["stages"].size(), 2u);
  for (const json& stage : object["stages"]) {
    for (const char* key :
         {"device", "first_block", "last_block", "peak_bytes", "budget_bytes", "strategies"}) {
      EXPECT_TRUE(stage.contains(key)) << key;
    }
    EXPECT_LE(stage["peak_bytes"], 2000);
    EXPECT_EQ(stage["budget_bytes"], 2000);
  }
  EXPECT_THAT(testing::read_text(file("p.svg")), HasSubstr("per iteration"));
  const Outcome again = run_rockmate({"pipeline", file("p.json"), "--json"});
  ASSERT_EQ(again.exit, 0) << again.err;
  EXPECT_EQ(json::parse(again.out)["makespan_seconds"], object["makespan_seconds"]);
  EXPECT_EQ(json::parse(again.out)["stages"], object["stages"]);
}

TEST_F(PipelineVerb, TellsPeople) {
  const Outcome outcome =
      pipeline({"--devices", "2x2000", "--micro-batches", "4", "--schedule", "1f1b"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("2 devices, 4 micro-batches, 1f1b"));
  EXPECT_THAT(outcome.out, HasSubstr("the gap is"));
}

TEST_F(PipelineVerb, NoPlanIsAnAnswer) {
  const Outcome outcome = pipeline({"--devices", "2x50", "--micro-batches", "4"});
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_THAT(outcome.out, HasSubstr("alone do not fit"));
  const json object =
      json::parse(pipeline({"--devices", "2x50", "--micro-batches", "4", "--json"}).out);
  EXPECT_TRUE(object.contains("reason"));
  EXPECT_EQ(object["memory_bytes"], 100);
}

TEST_F(PipelineVerb, AScheduleThatDeadlocksIsExplained) {
  testing::write_text(file("deadlock.json"), kDeadlock);
  const Outcome outcome = run_rockmate({"pipeline", file("deadlock.json")});
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_EQ(outcome.out,
            "invalid: deadlock: rank 0 waits at B0.0 for B1.0 of rank 1, rank 1 waits at F1.1 for "
            "F0.1 of rank 0\n");
  EXPECT_FALSE(
      json::parse(run_rockmate({"pipeline", file("deadlock.json"), "--json"}).out)["valid"]);
}

TEST_F(PipelineVerb, AScheduleThatDoesNotFitIsShown) {
  std::string text = kDeadlock;
  text.replace(text.find(R"("F1.0", "F1.1", "B1.0")"), 22, R"("F1.0", "B1.0", "F1.1")");
  text.replace(text.find("[{}, {}]"), 8, R"([{"memory_bytes": 1}, {}])");
  text.replace(text.find("\"saved_bytes\": 1"), 16, "\"saved_bytes\": 5");
  testing::write_text(file("large.json"), text);
  const Outcome outcome = run_rockmate({"pipeline", file("large.json")});
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_THAT(outcome.err, HasSubstr("rank 0: the peak of 5 bytes exceeds the device's 1 bytes"));
  EXPECT_THAT(outcome.out, HasSubstr("2 stages on 2 devices"));
}

TEST_F(PipelineVerb, Misuses) {
  const auto refused = [&](const Arguments& arguments) {
    const Outcome outcome = pipeline(arguments);
    EXPECT_EQ(outcome.exit, 2) << outcome.out;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    return outcome.err;
  };
  EXPECT_THAT(refused({"--run"}), HasSubstr("--devices is needed"));
  EXPECT_THAT(refused({}), HasSubstr("--devices is needed"));
  EXPECT_THAT(refused({"--devices", "2x2000"}), HasSubstr("--micro-batches is needed"));
  EXPECT_THAT(refused({"--devices", "2x0", "--micro-batches", "4"}),
              HasSubstr("found 0 bytes of memory"));
  EXPECT_THAT(refused({"--devices", "2x2000@0/s", "--micro-batches", "4"}),
              HasSubstr("found a bandwidth of 0"));
  EXPECT_THAT(refused({"--devices", "9x2000", "--micro-batches", "4"}),
              HasSubstr("found 9 devices, but the network falls into"));
  EXPECT_THAT(refused({"--devices", "two", "--micro-batches", "4"}), HasSubstr("expected forms"));
  EXPECT_THAT(refused({"--devices", "2x2000", "--micro-batches", "4", "--schedule", "dapple"}),
              HasSubstr("schedule 'dapple' is unknown"));
  EXPECT_THAT(refused({"--devices", "2x2000", "--micro-batches", "4", "--method", "magic"}),
              HasSubstr("method 'magic' is unknown"));
  EXPECT_THAT(refused({"--devices", "2x2000", "--micro-batches", "4", "--method", "direct",
                       "--schedule", "1f1b"}),
              HasSubstr("method direct is for the schedule gpipe"));
  EXPECT_THAT(refused({"--devices", "2x2000", "--micro-batches", "4", "--batch", "4"}),
              HasSubstr("--batch applies to .onnx models only"));
  EXPECT_THAT(refused({"--devices", "2x2000", "--micro-batches", "0"}), HasSubstr("whole number"));
  EXPECT_THAT(refused({"--devices", "2x2000", "--micro-batches", "4", "-o", "no/folder/p.json"}),
              HasSubstr("no/folder"));
  testing::write_text(file("deadlock.json"), kDeadlock);
  const Outcome both = run_rockmate({"pipeline", file("deadlock.json"), "--devices", "2x2000"});
  EXPECT_EQ(both.exit, 2);
  EXPECT_THAT(both.err, HasSubstr("leave out --devices"));
}

}  // namespace
}  // namespace rockmate
