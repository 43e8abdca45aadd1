// `rockmate profile` as its users run it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/files.h"
#include "support/onnx_model.h"
#include "support/run_command.h"

namespace rockmate {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::run_rockmate;

using Arguments = std::vector<std::string>;

#ifdef ROCKMATE_WITH_ONNX
std::string two_layers() {
  testing::OnnxModel model;
  model.input("x", {8, 16}).input("w", {16, 16}).input("v", {16, 16});
  model.node("MatMul", {"x", "w"}, {"h"}).node("Relu", {"h"}, {"r"});
  model.node("MatMul", {"r", "v"}, {"logits"}).output("logits");
  return model.bytes();
}

class ProfileVerb : public ::testing::Test {
 protected:
  void SetUp() override { testing::write_text(model_, two_layers()); }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.path() / name; }
  [[nodiscard]] Outcome profile(const Arguments& more) const {
    Arguments arguments = {"profile", model_, "--cache", file("cache"), "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_rockmate(arguments);
  }
  testing::TemporaryFolder folder_;
  std::string model_ = file("net.onnx");
};

TEST_F(ProfileVerb, TellsKindsAndKeepsWhatItMeasured) {
  const Outcome text = profile({});
  EXPECT_EQ(text.exit, 0) << text.err;
  EXPECT_THAT(text.out,
              AllOf(HasSubstr("GFLOP/s"), HasSubstr("linear"), HasSubstr(", 0 of them measured"),
                    HasSubstr("engine cpu, 1 threads"), HasSubstr("100.00 %")));
  const json found = json::parse(profile({"--json"}).out);
  EXPECT_EQ(found["missing"], 0);
  double seconds = 0;
  for (const auto& [kind, totals] : found["kinds"].items()) {
    EXPECT_GT(totals["count"], 0) << kind;
    seconds += totals["seconds"].get<double>();
  }
  EXPECT_NEAR(seconds, found["all"]["seconds"], 1e-9);
  for (const json& op : found["ops"]) EXPECT_EQ(op["known"], true) << op["op"];
}

TEST_F(ProfileVerb, WritesCostsToPlanWith) {
  const std::string costs = file("costs.json");
  const json found = json::parse(profile({"--json", "-o", costs, "--optimizer", "adam"}).out);
  const Outcome plan = run_rockmate({"plan", model_, "--budget", "100%", "--optimizer", "adam",
                                     "--costs", costs, "--engine", "cpu", "--json"});
  EXPECT_EQ(plan.exit, 0) << plan.err;
  EXPECT_THAT(plan.err, ::testing::IsEmpty());
  EXPECT_NEAR(json::parse(plan.out)["seconds"], found["all"]["seconds"], 1e-9);
  const Outcome other = run_rockmate({"plan", model_, "--budget", "100%", "--costs", costs});
  EXPECT_EQ(other.exit, 2) << "sgd was not measured";
  EXPECT_THAT(other.err, HasSubstr("its cost is unknown"));
}

TEST_F(ProfileVerb, WrongUseIsRefused) {
  EXPECT_THAT(profile({"--engine", "cuda"}).err, HasSubstr("unknown engine 'cuda'"));
  EXPECT_THAT(profile({"-o", model_}).err, HasSubstr("would be overwritten"));
  EXPECT_THAT(profile({"--device", "a100"}).err, HasSubstr("unknown option --device"));
}
#endif

}  // namespace
}  // namespace rockmate
