// `rockmate run` as its users run it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
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
// y = relu(2 x) + dropout(x): 3 x of positive numbers, x of negative ones, as dropout is off.
std::string tripler(std::int64_t batch) {
  testing::OnnxModel model;
  model.input("x", {batch, 3}).initializer("two", {1}, {2.0F});
  model.node("Mul", {"x", "two"}, {"doubled"}).node("Relu", {"doubled"}, {"positive"});
  model.node("Dropout", {"x"}, {"same"});
  model.node("Add", {"positive", "same"}, {"y"}).output("y");
  return model.bytes();
}

class RunVerb : public ::testing::Test {
 protected:
  void SetUp() override { testing::write_text(model_, tripler(2)); }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.path() / name; }
  [[nodiscard]] Outcome run(const Arguments& more) const {
    Arguments arguments = {"run", model_, "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_rockmate(arguments);
  }
  [[nodiscard]] std::string write_raw(const std::vector<float>& elements) const {
    testing::write_text(file("x.raw"), {reinterpret_cast<const char*>(elements.data()),
                                        elements.size() * sizeof(float)});
    return file("x.raw");
  }
  testing::TemporaryFolder folder_;
  std::string model_ = file("net.onnx");
};

// Five samples, batches of two: the last one is half full.
TEST_F(RunVerb, WritesTheOutputsOfAllSamples) {
  std::vector<float> x(15), expected;
  for (std::size_t e = 0; e < x.size(); ++e) {
    x[e] = static_cast<float>(e) - 7;
    expected.push_back(x[e] > 0 ? 3 * x[e] : x[e]);
  }
  for (const char* engine : {"reference", "cpu"}) {
    const std::string output = file("y.npy");
    const Outcome outcome =
        run({"--engine", engine, "--input", write_raw(x), "--output", output, "--json"});
    ASSERT_EQ(outcome.exit, 0) << outcome.err;
    const json found = json::parse(outcome.out);
    EXPECT_EQ(found["samples"], 5);
    EXPECT_EQ(found["runs"], 3);
    EXPECT_EQ(found["planned_bytes"], found["measured_bytes"]);
    EXPECT_EQ(found["run_seconds"].size(), found["runs"]);
    EXPECT_EQ(found["outputs"][0]["shape"], json({5, 3}));
    const std::string npy = testing::read_text(output);
    EXPECT_THAT(npy, HasSubstr("'descr': '<f4', 'fortran_order': False, 'shape': (5, 3, )"));
    ASSERT_GT(npy.size(), sizeof(float) * expected.size());
    EXPECT_EQ((npy.size() - sizeof(float) * expected.size()) % 64, 0u);
    std::vector<float> y(expected.size());
    std::memcpy(y.data(), npy.data() + npy.size() - sizeof(float) * y.size(),
                sizeof(float) * y.size());
    EXPECT_EQ(y, expected);
    EXPECT_EQ(run({"--engine", engine, "--input", output}).exit, 0) << "it reads what it writes";
  }
}

TEST_F(RunVerb, TellsTheTimeTheMemoryAndTheLargest) {
  const Outcome outcome =
      run({"--input", write_raw({1, 5, 2, 3, 0, 0}), "--repeat", "3", "--time-ops"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("median of 3, 2 samples in each"),
                                 HasSubstr("samples/s"), HasSubstr("if all were kept"),
                                 HasSubstr("sample 0  1 (15), 2 (6), 0 (3)"), HasSubstr("fused")));
}

TEST_F(RunVerb, KeepsToABudget) {
  EXPECT_EQ(run({"--budget", "min"}).exit, 0);
  const Outcome outcome = run({"--budget", "10"});
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_THAT(outcome.out, HasSubstr("no plan within 10 bytes"));
}

TEST_F(RunVerb, UsesWhatTrainingSaved) {
  testing::OnnxModel line;
  line.input("x", {4, 2}).input("w", {2, 3});
  line.node("MatMul", {"x", "w"}, {"y"}).output("y");
  testing::write_text(model_, line.bytes());
  const std::string saved = file("state");
  const Outcome trained = run_rockmate({"train", model_, "--budget", "100%", "--costs", "analytic",
                                        "--seed", "7", "--steps", "2", "--save", saved});
  ASSERT_EQ(trained.exit, 0) << trained.err;
  const std::string x = write_raw({1, 0, 0, 1, 1, 1, 2, 0});
  const auto output = [&](const Arguments& more) {
    Arguments arguments = {"--input", x, "--output", file("y.npy")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(run(arguments).exit, 0);
    return testing::read_text(file("y.npy"));
  };
  EXPECT_EQ(output({"--weights", saved}), output({"--weights", saved, "--seed", "5"}));
  EXPECT_NE(output({"--weights", saved}), output({"--seed", "7"})) << "training has changed them";
  const Outcome other = run({"--weights", x});
  EXPECT_EQ(other.exit, 2);
  EXPECT_THAT(other.err, HasSubstr("is no checkpoint"));
}

TEST_F(RunVerb, WrongUseIsRefused) {
  EXPECT_THAT(run({"--input", file("none.npy")}).err, HasSubstr("none.npy"));
  EXPECT_THAT(run({"--input", write_raw({1, 2})}).err, HasSubstr("x.raw"));
  EXPECT_THAT(run({"--output", model_}).err, HasSubstr("would be overwritten"));
  EXPECT_THAT(run({"--loss", "mse"}).err, HasSubstr("unknown option --loss"));
}
#endif

}  // namespace
}  // namespace rockmate
