// `rockmate train` as its users run it, on models small enough for the slowest machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/files.h"
#include "support/onnx_model.h"
#include "support/run_command.h"

namespace rockmate {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Outcome;
using testing::run_rockmate;

using Arguments = std::vector<std::string>;

#ifdef ROCKMATE_WITH_ONNX
constexpr std::int64_t kBatch = 16;
constexpr std::int64_t kIn = 32;
constexpr std::int64_t kClasses = 5;

// Four layers with dropout; the weights have no first values.
std::string small_net() {
  testing::OnnxModel model;
  model.input("x", {kBatch, kIn});
  std::string h = "x";
  for (const char* layer : {"a", "b", "c"}) {
    const std::string name = layer;
    model.input(name + "/weight", {kIn, kIn});
    model.node("MatMul", {h, name + "/weight"}, {name + "/y"});
    model.node("Relu", {name + "/y"}, {name + "/relu"});
    model.node("Dropout", {name + "/relu"}, {name + "/out"});
    h = name + "/out";
  }
  model.input("head", {kIn, kClasses});
  model.node("MatMul", {h, "head"}, {"logits"}).output("logits");
  return model.bytes();
}

class TrainVerb : public ::testing::Test {
 protected:
  void SetUp() override { testing::write_text(model_, small_net()); }
  [[nodiscard]] std::string file(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] Outcome train(const Arguments& more) const {
    Arguments arguments = {"train", model_, "--work-limit", "200", "--threads", "1"};
    // Measurements take time, and the vector engine models its own costs.
    const auto is_given = [&](const char* word) { return std::ranges::count(more, word) > 0; };
    if (!is_given("--costs") && !is_given("vector")) {
      arguments.insert(arguments.end(), {"--costs", "analytic"});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_rockmate(arguments);
  }
  [[nodiscard]] json figures(Arguments more) const {
    more.push_back("--json");
    const Outcome outcome = train(more);
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    return json::parse(outcome.out);
  }
  template <class T>
  void write_raw(const std::string& name, const std::vector<T>& elements) const {
    testing::write_text(
        file(name), {reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T)});
  }

  testing::TemporaryFolder folder_;
  std::string model_ = file("net.onnx");
};

// On the emulated Vector Engine: same bits within less memory, and modelled times beside the
// measured ones.
TEST_F(TrainVerb, RunsOnAVectorEngine) {
  const json plain = figures({"--budget", "100%", "--engine", "vector", "--device", "ve10b"});
  EXPECT_EQ(plain["modelled_device"], "ve10b");
  EXPECT_EQ(plain["offload"], "native");
  EXPECT_EQ(plain["offload_down_bytes"], kBatch * kIn * 4 + kBatch * 8) << "data and targets";
  EXPECT_EQ(plain["offload_up_bytes"], 4) << "the loss";
  EXPECT_EQ(plain["copied_down_bytes"], plain["offload_down_bytes"]);
  EXPECT_EQ(plain["copied_up_bytes"], plain["offload_up_bytes"]);
  EXPECT_EQ(plain["copied_times"], 3);
  EXPECT_GT(plain["modelled_kernel_seconds"], 0);
  double seconds = 0;
  for (const json& kernel : plain["modelled_kernels"]) {
    EXPECT_LE(kernel["mean_length"], 256) << kernel["kernel"];
    EXPECT_LE(kernel["fma_share"], 1);
    seconds += kernel["seconds"].get<double>();
  }
  EXPECT_NEAR(seconds, plain["modelled_kernel_seconds"].get<double>(), 1e-9);

  const json small = figures({"--budget", "min", "--engine", "vector", "--offload", "transparent",
                              "--steps", "2", "--compare"});
  EXPECT_EQ(small["modelled_device"], "ve20b");
  EXPECT_EQ(small["measured_bytes"], small["planned_bytes"]);
  EXPECT_LT(small["planned_bytes"], plain["planned_bytes"]);
  EXPECT_TRUE(small["loss_equal"].get<bool>() && small["gradients_equal"].get<bool>());
  const std::int64_t parameters = (3 * kIn * kIn + kIn * kClasses) * 4;
  EXPECT_EQ(small["offload_up_bytes"], 4 + parameters);
  EXPECT_EQ(small["copied_up_bytes"], 4 + parameters) << "copied, not counted alone";
  EXPECT_EQ(small["copied_down_bytes"], small["offload_down_bytes"]);
  EXPECT_GT(small["copied_seconds_modelled"], 0);
  EXPECT_THAT(train({"--budget", "100%", "--engine", "vector"}).out,
              AllOf(HasSubstr("modelled"), HasSubstr("FMA pipes"), HasSubstr("ve_")));
}

// A card with less memory than the plain iteration needs trains the network within a budget.
TEST_F(TrainVerb, KeepsToTheMemoryOfTheCard) {
  const json plain = figures({"--budget", "100%", "--engine", "vector"});
  const auto needed = plain["planned_bytes"].get<std::int64_t>();
  testing::write_text(file("card.json"),
                      R"({"format": "rockmate.ve/1", "preset": "ve20b", "memory": )" +
                          std::to_string(needed - 1) + "}");
  const Arguments card = {"--engine", "vector", "--calibration", file("card.json")};
  Arguments all = card;
  all.insert(all.end(), {"--budget", "100%"});
  const Outcome refused = train(all);
  EXPECT_EQ(refused.exit, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("ve20b has"), HasSubstr("a smaller --budget")));
  Arguments less = card;
  less.insert(less.end(), {"--budget", "min"});
  EXPECT_EQ(train(less).exit, 0);

  EXPECT_THAT(train({"--budget", "min", "--engine", "vector", "--device", "v100"}).err,
              HasSubstr("unknown vector engine 'v100'"));
  EXPECT_THAT(train({"--budget", "min", "--offload", "native"}).err,
              HasSubstr("--offload belongs to --engine vector"));
  EXPECT_THAT(train({"--budget", "min", "--engine", "vector", "--offload", "half"}).err,
              HasSubstr("expected native or transparent"));
}

TEST_F(TrainVerb, KeepsToTheBudgetAndChangesNoBit) {
  for (const char* optimizer : {"sgd", "adamw"}) {
    const json found = figures(
        {"--budget", "min", "--steps", "3", "--compare", "--optimizer", optimizer, "--seed", "5"});
    EXPECT_EQ(found["steps"].size(), 3u);
    EXPECT_EQ(found["measured_bytes"], found["planned_bytes"]);
    EXPECT_LT(found["planned_bytes"], found["plain_bytes"]);
    for (const char* key : {"loss_equal", "gradients_equal", "statistics_equal"}) {
      EXPECT_EQ(found[key], true) << key;
    }
    EXPECT_GT(found["plain_seconds"], 0);
    EXPECT_TRUE(found["overhead_measured"].is_number());
  }
}

TEST_F(TrainVerb, FusedOpsTakeLessAndChangeNoBit) {
  const auto run = [&](const Arguments& fuse, const std::string& gradients) {
    Arguments arguments = {"--budget", "100%", "--steps", "2", "--dump-gradients", gradients};
    arguments.insert(arguments.end(), fuse.begin(), fuse.end());
    return figures(arguments);
  };
  const json single = run({"--no-fuse"}, file("single"));
  const json fused = run({"--fuse"}, file("fused"));
  EXPECT_EQ(single["steps"][1]["loss"], fused["steps"][1]["loss"]);
  EXPECT_EQ(testing::read_text(file("single")), testing::read_text(file("fused")));
  EXPECT_LE(fused["planned_bytes"], single["planned_bytes"]);
}

TEST_F(TrainVerb, TellsFiguresToPeopleAndToPrograms) {
  const Outcome text = train({"--budget", "100%", "--steps", "2", "--compare"});
  EXPECT_EQ(text.exit, 0);
  EXPECT_THAT(text.out, AllOf(HasSubstr("net: 2 steps within"), HasSubstr("memory"),
                              HasSubstr("losses the same, gradients the same")));
  EXPECT_THAT(text.err, IsEmpty());
  std::vector<std::string> keys;
  const json object = figures({"--budget", "100%"});
  for (const auto& item : object.items()) keys.push_back(item.key());
  EXPECT_THAT(keys, ::testing::UnorderedElementsAre("steps", "planned_bytes", "measured_bytes",
                                                    "seconds_planned", "seconds_measured",
                                                    "overhead_planned", "overhead_measured"));
}

TEST_F(TrainVerb, TheSeedAndTheRateDecide) {
  const auto losses = [&](const Arguments& more) {
    Arguments arguments = {"--budget", "100%", "--steps", "2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::vector<double> found;
    const json object = figures(arguments);
    for (const json& step : object["steps"]) found.push_back(step["loss"]);
    return found;
  };
  EXPECT_EQ(losses({}), losses({"--seed", "0", "--lr", "0.01"}));
  EXPECT_NE(losses({}), losses({"--seed", "1"}));
  EXPECT_NE(losses({})[1], losses({"--lr", "0.5"})[1]);
}

TEST_F(TrainVerb, RunsAPlanFromAFile) {
  const std::string plan = file("plan.json");
  for (const std::string engine : {"cpu", "reference"}) {  // which need not be named again
    ASSERT_EQ(run_rockmate({"plan", model_, "--budget", "min", "--work-limit", "200", "-o", plan,
                            "--engine", engine})
                  .exit,
              0);
    const json found = figures({"--plan", plan, "--compare"});
    EXPECT_LT(found["planned_bytes"], found["plain_bytes"]);
    EXPECT_EQ(found["loss_equal"], true);
    EXPECT_EQ(figures({"--plan", plan, "--engine", engine})["steps"][0]["loss"],
              found["steps"][0]["loss"]);
  }
  const Outcome tight = train({"--plan", plan, "--budget", "5kB"});
  EXPECT_EQ(tight.exit, 1);
  EXPECT_THAT(tight.out, HasSubstr("the budget is 5000"));
  const Outcome other = train({"--plan", plan, "--optimizer", "adam"});
  EXPECT_EQ(other.exit, 1) << "a plan for another iteration";
}

TEST_F(TrainVerb, SaysWhatABudgetTakes) {
  const Outcome outcome = train({"--budget", "1kB"});
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_THAT(outcome.out, HasSubstr("no plan within 1000 bytes"));
}

TEST_F(TrainVerb, ReadsRawDataBatchByBatch) {
  std::vector<float> x(2 * kBatch * kIn);
  for (std::size_t e = 0; e < x.size(); ++e) x[e] = e < x.size() / 2 ? 0.0F : 1.0F;
  write_raw("x.raw", x);
  write_raw("target.MatMul_logits.raw", std::vector<std::int64_t>(2 * kBatch, 3));
  const Outcome both = train({"--budget", "100%", "--data", folder_.path().string()});
  EXPECT_EQ(both.exit, 0);
  EXPECT_THAT(both.err, IsEmpty());
  const Outcome one = train({"--budget", "100%", "--data", file("x.raw")});
  EXPECT_THAT(one.err, HasSubstr("no data for input 'target.MatMul_logits'"));
  const json found =
      figures({"--budget", "100%", "--steps", "3", "--lr", "0", "--data", file("x.raw")});
  EXPECT_NEAR(found["steps"][0]["loss"], std::log(static_cast<double>(kClasses)), 1e-6)
      << "zeros in, zeros out";
  EXPECT_EQ(found["steps"][0]["loss"], found["steps"][2]["loss"]) << "two batches, cycled";
  EXPECT_NE(found["steps"][0]["loss"], found["steps"][1]["loss"]);
}

TEST_F(TrainVerb, WrongDataAreRefused) {
  const auto error = [&](const std::string& data) {
    const Outcome outcome = train({"--budget", "100%", "--data", data});
    EXPECT_EQ(outcome.exit, 2);
    return outcome.err;
  };
  EXPECT_THAT(error(file("nowhere")), AllOf(HasSubstr("does not exist"), HasSubstr("x.raw")));
  EXPECT_THAT(error(folder_.path().string()), HasSubstr("holds data of no input"));
  write_raw("target.MatMul_logits.raw", std::vector<std::int64_t>(kBatch, kClasses));
  EXPECT_THAT(error(file("target.MatMul_logits.raw")),
              HasSubstr("data of step 0: 'target.MatMul_logits': element 0 is 5, expected 0 to 4"));
  write_raw("x.raw", std::vector<float>(kBatch * kIn + 1));
  EXPECT_THAT(error(file("x.raw")), HasSubstr("expected a whole number of samples of 128 bytes"));
}

// The header is JSON behind its length; data follow at the offsets that it has.
TEST_F(TrainVerb, DumpsGradientsAsSafetensors) {
  const auto dump = [&](const std::string& budget) {
    const std::string path = file("gradients-" + budget + ".safetensors");
    EXPECT_EQ(train({"--budget", budget, "--steps", "2", "--dump-gradients", path}).exit, 0);
    return testing::read_text(path);
  };
  const std::string content = dump("100%");
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, content.data(), sizeof(header_size));
  ASSERT_LT(header_size, content.size());
  EXPECT_EQ(header_size % 8, 0u);
  const json header = json::parse(content.substr(8, header_size));
  ASSERT_TRUE(header.contains("a/weight"));
  std::size_t end = 0;
  for (const auto& [name, entry] : header.items()) {
    EXPECT_EQ(entry["dtype"], "F32");
    EXPECT_EQ(entry["data_offsets"][0], end) << name;
    std::size_t bytes = 4;
    for (const std::size_t each : entry["shape"]) bytes *= each;
    end += bytes;
    EXPECT_EQ(entry["data_offsets"][1], end) << name;
  }
  EXPECT_EQ(header.size(), 4u);
  EXPECT_EQ(8 + header_size + end, content.size());
  EXPECT_NE(content.substr(8 + header_size), std::string(end, '\0'));
  EXPECT_EQ(dump("min"), content) << "the same bits at the smallest budget";
}

TEST_F(TrainVerb, WrongUseIsRefused) {
  const auto error = [&](const Arguments& arguments) {
    const Outcome outcome = train(arguments);
    EXPECT_EQ(outcome.exit, 2) << outcome.out;
    return outcome.err;
  };
  EXPECT_THAT(error({}), HasSubstr("--budget or --plan is needed"));
  EXPECT_THAT(error({"--budget", "1kB", "--engine", "cuda"}), HasSubstr("unknown engine 'cuda'"));
  EXPECT_THAT(error({"--budget", "1kB", "--lr", "nan"}), HasSubstr("--lr"));
  EXPECT_THAT(error({"--budget", "much"}), HasSubstr("budget 'much'"));
  EXPECT_THAT(error({"--budget", "min", "--dump-gradients", model_}),
              HasSubstr("would be overwritten"));
  EXPECT_THAT(error({"--budget", "100%", "--lr", "1e30", "--steps", "9"}),
              HasSubstr("training has diverged"));
}

// Measured once, then known; only the memory may decide what is computed again.
TEST_F(TrainVerb, SaysWhatMayHelpWhereNothingFits) {
  const Outcome outcome = train({"--budget", "1000"});
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_THAT(outcome.out, HasSubstr("--direct needs less workspace"));
  for (const char* without : {"--direct", "--bf16"}) {
    EXPECT_THAT(train({"--budget", "1000", without}).out, Not(HasSubstr("--direct")));
  }
  EXPECT_THAT(train({"--budget", "1000", "--engine", "reference"}).out, Not(HasSubstr("--direct")));
}

TEST_F(TrainVerb, PlansWithMeasuredCosts) {
  const std::string cache = file("cache");
  const Arguments measured = {"--costs", "measured", "--cache", cache, "--budget", "min"};
  EXPECT_EQ(figures(measured)["measured_bytes"], figures(measured)["planned_bytes"]);
  EXPECT_FALSE(std::filesystem::is_empty(cache));
  const std::string costs = file("costs.json");
  ASSERT_EQ(run_rockmate({"profile", model_, "--cache", cache, "--threads", "1", "-o", costs}).exit,
            0);
  const json by_cache = figures(measured);
  EXPECT_GT(by_cache["seconds_planned"], 0);
  EXPECT_EQ(figures({"--costs", costs, "--budget", "min"})["seconds_planned"],
            by_cache["seconds_planned"])
      << "the same measurements";
}

TEST_F(TrainVerb, HoldsTheTimesOfOpsAgainstTheirCosts) {
  const Outcome text = train({"--budget", "100%", "--steps", "2", "--time-ops"});
  EXPECT_THAT(text.out, AllOf(HasSubstr("measured  planned"), HasSubstr("linear_weight_gradient")));
  const json found = figures({"--budget", "100%", "--steps", "2", "--time-ops"});
  double planned = 0;
  for (const json& op : found["ops"]) planned += op["seconds_planned"].get<double>();
  EXPECT_NEAR(planned, found["seconds_planned"], 1e-9);
}

TEST_F(TrainVerb, TheGuardFindsNothing) {
  EXPECT_EQ(train({"--budget", "min", "--guard", "--steps", "2"}).exit, 0);
}
#endif

TEST(TrainVerbOnGraphs, ATrainingGraphHasNoKernels) {
  const Outcome outcome = run_rockmate(
      {"train", (testing::source_dir() / "graphs/unet.json").string(), "--budget", "100%"});
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_THAT(outcome.err, HasSubstr("only an .onnx model can be trained"));
}

}  // namespace
}  // namespace rockmate
