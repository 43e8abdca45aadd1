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
  EXPECT_THAT(profile({"--device", "a100"}).err, HasSubstr("--device belongs to --engine vector"));
  EXPECT_THAT(profile({"--engine", "vector", "--device", "a100"}).err,
              HasSubstr("unknown vector engine 'a100'"));
}

// On an emulated card nothing is measured: the same figures in every run, by kernel and by op, and
// costs to plan with, which are those that `plan --engine vector` finds by itself.
TEST_F(ProfileVerb, ModelsTheKernelsOfAVectorEngine) {
  const Arguments card = {"--engine", "vector", "--device", "ve10b"};
  const auto with = [&](const Arguments& more) {
    Arguments all = card;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Outcome text = profile(card);
  EXPECT_EQ(text.exit, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("modelled on ve10b, not measured"), HasSubstr("ve_"),
                              HasSubstr("mean length"), HasSubstr("from memory")));
  const Outcome first = profile(with({"--json", "-o", file("costs.json")}));
  EXPECT_EQ(first.out, profile(with({"--json"})).out);
  const json found = json::parse(first.out);
  EXPECT_EQ(found["modelled"], true);
  double of_kernels = 0, of_ops = 0;
  for (const json& kernel : found["kernels"]) {
    of_kernels += kernel["seconds"].get<double>();
    for (const char* share : {"fma_share", "alu_share", "divide_share", "gather_share",
                              "transfer_share", "mask_share", "bandwidth_share"}) {
      EXPECT_GE(kernel[share], 0) << kernel["kernel"];
      EXPECT_LE(kernel[share], 1) << kernel["kernel"];
    }
    EXPECT_LE(kernel["mean_length"], 256);
    EXPECT_EQ(
        kernel["moved_bytes"].get<std::int64_t>(),
        kernel["cache_bytes"].get<std::int64_t>() + kernel["memory_bytes"].get<std::int64_t>());
  }
  for (const json& op : found["ops"]) {
    of_ops += op["seconds"].get<double>() * op["count"].get<double>();
  }
  EXPECT_NEAR(of_kernels, of_ops, 1e-12);
  const auto seconds = [&](const Arguments& more) {
    Arguments all = {"plan", model_, "--budget", "100%", "--json"};
    all.insert(all.end(), more.begin(), more.end());
    const Outcome plan = run_rockmate(all);
    EXPECT_EQ(plan.exit, 0) << plan.err;
    return json::parse(plan.out)["seconds"].get<double>();
  };
  EXPECT_NEAR(seconds(card), of_ops, 1e-12);
  EXPECT_NEAR(seconds({"--costs", file("costs.json"), "--engine", "vector"}), of_ops, 1e-12);
  EXPECT_NE(seconds({"--engine", "vector", "--device", "ve30b"}), of_ops);
  Arguments plan = {"plan", model_, "--budget", "100%"};
  plan.insert(plan.end(), card.begin(), card.end());
  EXPECT_THAT(run_rockmate(plan).out, HasSubstr("modelled on ve10b, not measured"));
}
#endif

}  // namespace
}  // namespace rockmate
