// The verbs on ONNX models: the models that come with the project, and one small enough to count.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "rockmate/training_model.h"
#include "support/files.h"
#include "support/onnx_model.h"
#include "support/run_command.h"

namespace rockmate {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Outcome;
using testing::run_rockmate;
using ::testing::StartsWith;

using Arguments = std::vector<std::string>;

constexpr std::int64_t kBatch = 4;
constexpr std::int64_t kRow = 8;
constexpr std::int64_t kWidth = 16;
constexpr std::int64_t kWeight = kRow * kWidth;

// relu((x * scale) weight), where `x` and `scale` are inputs without initial values.
std::string small_model() {
  const std::vector<float> weight(kWeight, 0.5F);
  return testing::OnnxModel()
      .input("x", {kBatch, kRow})
      .input("scale", {kBatch, kRow})
      .initializer("weight", {kRow, kWidth}, weight)
      .node("Mul", {"x", "scale"}, {"scaled"})
      .node("MatMul", {"scaled", "weight"}, {"product"})
      .node("Relu", {"product"}, {"y"})
      .output("y")
      .bytes();
}

std::string bundled(const std::string& name) {
  return testing::source_dir() / "models" / (name + ".onnx");
}

class OnnxVerbs : public ::testing::Test {
 protected:
  OnnxVerbs() { testing::write_text(model_, small_model()); }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.path() / name; }
  // What `rockmate inspect --json` says.
  [[nodiscard]] static json inspect(const std::string& model, Arguments more = {}) {
    more.insert(more.begin(), {"inspect", model, "--json"});
    const Outcome outcome = run_rockmate(more);
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    return json::parse(outcome.out);
  }
  testing::TemporaryFolder folder_;
  std::string model_ = folder_.path() / "small.onnx";
};

TEST_F(OnnxVerbs, ResNetHasItsPublishedFigures) {
  const json object = inspect(bundled("resnet50"), {"--batch", "2"});
  EXPECT_EQ(object["name"], "resnet50") << "not what its exporter calls every graph";
  EXPECT_EQ(object["parameters"], 25'557'032);
  EXPECT_EQ(object["parameter_bytes"], 4 * 25'557'032);
  const double giga_macs = object["forward_flops"].get<double>() / 2e9 / 2;
  EXPECT_NEAR(giga_macs, 4.09, 0.1) << "4.09 of matrix products, and a little for the rest";
}

TEST_F(OnnxVerbs, SamplesMayBeSmaller) {
  const double full = inspect(bundled("resnet50"), {"--batch", "1"})["forward_flops"];
  const json object = inspect(bundled("resnet50"), {"--batch", "1", "--sample-shape", "3x112x112"});
  EXPECT_EQ(object["parameters"], 25'557'032);
  EXPECT_NEAR(object["forward_flops"].get<double>(), full / 4, full / 40);
}

TEST_F(OnnxVerbs, TheBatchIsThatOfTheIteration) {
  const auto of_batch = [&](std::int64_t batch) {
    return inspect(model_, {"--data-inputs", "x,scale", "--batch", std::to_string(batch)});
  };
  EXPECT_EQ(of_batch(kBatch), inspect(model_, {"--data-inputs", "x,scale"}));
  // Every value of 64 samples fills whole rows of kAlignment.
  EXPECT_EQ(of_batch(640)["values"]["activation"]["bytes"],
            10 * of_batch(64)["values"]["activation"]["bytes"].get<std::int64_t>());
  EXPECT_EQ(of_batch(640)["forward_flops"], 10 * of_batch(64)["forward_flops"].get<double>());
  EXPECT_EQ(of_batch(640)["parameters"], kWeight);
}

TEST_F(OnnxVerbs, DataInputsAreNoParameters) {
  EXPECT_EQ(inspect(model_)["parameters"], kWeight + kBatch * kRow);
  EXPECT_EQ(inspect(model_, {"--data-inputs", "x,scale"})["parameters"], kWeight);
  const Outcome unknown = run_rockmate({"inspect", model_, "--data-inputs", "x,sacle"});
  EXPECT_EQ(unknown.exit, 2);
  EXPECT_THAT(unknown.err, AllOf(HasSubstr("'sacle'"), HasSubstr("scale")));
}

TEST_F(OnnxVerbs, OptimizersKeepTheirStates) {
  const Arguments data = {"--data-inputs", "x,scale", "--optimizer"};
  const auto static_bytes = [&](const std::string& optimizer) {
    Arguments options = data;
    options.push_back(optimizer);
    return inspect(model_, options)["static_bytes"].get<std::int64_t>();
  };
  const std::int64_t plain = static_bytes("none");
  EXPECT_EQ(static_bytes("sgd"), plain);
  EXPECT_EQ(inspect(model_, {"--data-inputs", "x,scale"})["static_bytes"], plain);
  EXPECT_EQ(static_bytes("momentum"), plain + 4 * kWeight);
  EXPECT_GE(static_bytes("adam"), plain + 8 * kWeight);
  EXPECT_EQ(static_bytes("adamw"), static_bytes("adam"));
}

TEST_F(OnnxVerbs, TheLossMayBeChosen) {
  // Classes are whole numbers, one per sample; the other losses compare element by element.
  const auto input_bytes = [&](const std::string& loss) {
    return inspect(model_, {"--loss", loss})["values"]["input"]["bytes"].get<std::int64_t>();
  };
  const auto with_targets = [](std::int64_t bytes) {
    return (aligned(Bytes(4 * kBatch * kRow)) + aligned(Bytes(bytes))).count();
  };
  EXPECT_EQ(input_bytes("cross-entropy"), with_targets(8 * kBatch));
  EXPECT_EQ(input_bytes("auto"), with_targets(8 * kBatch));
  EXPECT_EQ(input_bytes("mse"), with_targets(4 * kBatch * kWidth));
  EXPECT_EQ(input_bytes("bce"), with_targets(4 * kBatch * kWidth));
  EXPECT_EQ(run_rockmate({"inspect", model_, "--loss", "none"}).exit, 2) << "nothing to train";
}

TEST_F(OnnxVerbs, DevicesAndMeasurementsSetTheCosts) {
  const auto seconds = [](const json& object) { return object["plain_seconds"].get<double>(); };
  const double fast = seconds(inspect(model_, {"--device", "h100"}));
  EXPECT_LT(fast, seconds(inspect(model_, {"--device", "ve10b"})));
  EXPECT_EQ(inspect(model_, {"--costs", "analytic"}), inspect(model_, {"--device", "a100"}));

  const std::string costs = file("costs.json");
  testing::write_text(costs, R"json({"format": "rockmate.costs/1", "device": "slow",
      "costs": [{"op": "relu(float32[4, 16])", "seconds": 1000}]})json");
  const double mixed = seconds(inspect(model_, {"--costs", costs, "--device", "h100"}));
  EXPECT_NEAR(mixed, 1000 + fast, 0.001);
  const Outcome alone = run_rockmate({"inspect", model_, "--costs", costs});
  EXPECT_EQ(alone.exit, 2) << "measurements alone have to know every op";
  EXPECT_THAT(alone.err, HasSubstr("mul"));
}

TEST_F(OnnxVerbs, APlanOfTheDerivedGraphIsValidAndDrawn) {
  const Outcome outcome =
      run_rockmate({"plan", bundled("unet"), "--batch", "2", "--budget", "75%", "--work-limit",
                    "5000", "-o", file("plan.json"), "--graph-out", file("graph.json"),
                    "--timeline", file("timeline.svg"), "--json"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  const json plan = json::parse(outcome.out);
  EXPECT_GT(plan["overhead"], 0);
  const Outcome verdict = run_rockmate({"verify", file("graph.json"), file("plan.json"), "--json"});
  EXPECT_EQ(verdict.exit, 0) << verdict.err;
  EXPECT_EQ(json::parse(verdict.out)["peak_bytes"], plan["peak_bytes"]);
  EXPECT_THAT(testing::read_text(file("timeline.svg")),
              AllOf(StartsWith("<svg"), EndsWith("</svg>\n")));
}

TEST_F(OnnxVerbs, ACurveIsDrawn) {
  const Outcome outcome = run_rockmate(
      {"curve", model_, "--points", "3", "--work-limit", "1000", "--svg", file("curve.svg")});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(testing::read_text(file("curve.svg")),
              AllOf(StartsWith("<svg"), EndsWith("</svg>\n")));
}

TEST_F(OnnxVerbs, BrokenModelsAreNamedAndNothingIsWritten) {
  const std::string whole = testing::read_text(bundled("unet"));
  const std::string broken = file("broken.onnx");
  for (const std::string& bytes :
       {whole.substr(0, whole.size() / 2), whole.substr(1), std::string(), std::string("{}")}) {
    testing::write_text(broken, bytes);
    for (const Arguments& verb : {Arguments{"plan", "--budget", "60%"}, Arguments{"curve"},
                                  Arguments{"inspect", "--graph-out", file("graph.json")}}) {
      Arguments line = verb;
      line.insert(line.begin() + 1, broken);
      const Outcome outcome = run_rockmate(line);
      EXPECT_EQ(outcome.exit, 2) << verb[0] << " of " << bytes.size() << " bytes";
      EXPECT_THAT(outcome.err, HasSubstr("broken.onnx"));
      EXPECT_THAT(outcome.out, IsEmpty());
    }
  }
  EXPECT_FALSE(std::filesystem::exists(file("graph.json")));
  EXPECT_EQ(run_rockmate({"inspect", file("absent.onnx")}).exit, 2);
}

TEST_F(OnnxVerbs, TheLargestBatchFitsAndTheNextDoesNot) {
  const Arguments largest = {"plan", model_,          "--batch", "max",    "--budget",
                             "64kB", "--data-inputs", "x,scale", "--json", "--work-limit",
                             "500"};
  const Outcome outcome = run_rockmate(largest);
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  const json object = json::parse(outcome.out);
  const auto batch = object["batch"].get<std::int64_t>();
  EXPECT_GT(batch, kBatch);
  EXPECT_EQ(object["too_large_batch"], batch + 1);
  const auto exit_of = [&](std::int64_t samples) {
    return run_rockmate({"plan", model_, "--batch", std::to_string(samples), "--budget", "64kB",
                         "--data-inputs", "x,scale", "--work-limit", "500"})
        .exit;
  };
  EXPECT_EQ(exit_of(batch), 0);
  EXPECT_EQ(exit_of(batch + 1), 1);
}

TEST_F(OnnxVerbs, TheLargestBatchIsAskedForInBytesAndOfPlanAlone) {
  const std::vector<std::pair<Arguments, std::string>> wrong = {
      {{"plan", model_, "--batch", "max", "--budget", "60%"}, "in bytes"},
      {{"plan", model_, "--batch", "max", "--budget", "min"}, "in bytes"},
      {{"plan", model_, "--batch", "max", "--budget", "1MiB", "--max-overhead", "0.2"}, "20%"},
      {{"plan", model_, "--batch", "most", "--budget", "1MiB"}, "'most'"},
      {{"plan", model_, "--budget", "1MiB", "--max-overhead", "20%"}, "--batch max"},
      {{"curve", model_, "--batch", "max"}, "rockmate plan"}};
  for (const auto& [arguments, part] : wrong) {
    const Outcome outcome = run_rockmate(arguments);
    EXPECT_EQ(outcome.exit, 2);
    EXPECT_THAT(outcome.err, HasSubstr(part));
  }
  EXPECT_EQ(run_rockmate({"plan", model_, "--batch", "max", "--budget", "9"}).exit, 1);
}

}  // namespace
}  // namespace rockmate
