// The options that say how an ONNX model's training iteration is derived: what they refuse, before
// any model is read. These hold with and without ONNX.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/tiny_model.h"
#include "support/files.h"
#include "support/run_command.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Outcome;
using testing::run_rockmate;

using Arguments = std::vector<std::string>;

const std::vector<Arguments> kVerbs = {{"plan", "--budget", "60%"}, {"curve"}, {"inspect"}};

// The verb on the model, with more arguments.
Outcome run(Arguments verb, const std::string& model, const Arguments& more) {
  verb.insert(verb.begin() + 1, model);
  verb.insert(verb.end(), more.begin(), more.end());
  return run_rockmate(verb);
}

void expect_unusable(const Outcome& outcome, const std::vector<std::string>& parts) {
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_THAT(outcome.out, IsEmpty());
  for (const std::string& part : parts) EXPECT_THAT(outcome.err, HasSubstr(part));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

class ModelFlags : public ::testing::Test {
 protected:
  ModelFlags() { testing::write_text(json_, testing::kTinyModel); }
  testing::TemporaryFolder folder_;
  std::string json_ = folder_.path() / "tiny.json";
  std::string absent_ = folder_.path() / "absent.onnx";
};

TEST_F(ModelFlags, WrongValuesAreNamedBeforeTheModelIsRead) {
  const std::vector<std::pair<Arguments, std::vector<std::string>>> wrong = {
      {{"--optimizer", "sdg"}, {"'sdg'", "none", "sgd", "momentum", "adam", "adamw"}},
      {{"--device", "a101"}, {"'a101'", "a100", "ve20b"}},
      {{"--loss", "mean"}, {"'mean'", "cross-entropy", "mse"}},
      {{"--batch", "0"}, {"--batch", "'0'", "from 1"}},
      {{"--batch", "-4"}, {"--batch", "'-4'"}},
      {{"--batch", "4.5"}, {"--batch", "'4.5'"}},
      {{"--batch", "99999999999999999999"}, {"--batch"}},
      {{"--costs", "no/such.json"}, {"no/such.json"}},
      {{"--costs", json_}, {"tiny.json", "rockmate.costs/1"}}};
  for (const Arguments& verb : kVerbs) {
    for (const auto& [options, parts] : wrong) {
      SCOPED_TRACE(verb[0] + " " + options[0] + " " + options[1]);
      const Outcome outcome = run(verb, absent_, options);
      expect_unusable(outcome, parts);
      EXPECT_THAT(outcome.err, Not(HasSubstr("absent.onnx")));
    }
  }
}

TEST_F(ModelFlags, TrainingGraphsTakeNone) {
  const std::vector<Arguments> all = {
      {"--batch", "8"},        {"--optimizer", "adam"}, {"--loss", "mse"}, {"--data-inputs", "x,y"},
      {"--costs", "analytic"}, {"--device", "h100"},    {"--fuse"}};
  for (const Arguments& verb : kVerbs) {
    for (const Arguments& options : all) {
      expect_unusable(run(verb, json_, options),
                      {options[0] + " applies to .onnx models", "tiny.json"});
    }
  }
}

TEST_F(ModelFlags, NoOutputTakesThePlaceOfTheCosts) {
  const std::string costs = folder_.path() / "costs.json";
  testing::write_text(costs, "measured by hand");
  expect_unusable(run({"inspect"}, absent_, {"--costs", costs, "--graph-out", costs}),
                  {"costs.json", "overwritten"});
  EXPECT_EQ(testing::read_text(costs), "measured by hand");
}

TEST_F(ModelFlags, VerifyTakesTheDerivedGraphInstead) {
  expect_unusable(run_rockmate({"verify", absent_, json_}), {"absent.onnx", "--graph-out"});
}

#ifndef ROCKMATE_WITH_ONNX
TEST_F(ModelFlags, WithoutOnnxThePackagesAreNamed) {
  for (const Arguments& verb : kVerbs) {
    expect_unusable(run(verb, testing::source_dir() / "models/unet.onnx", {}),
                    {"unet.onnx", "libonnx-dev", "libprotobuf-dev"});
  }
}
#endif

}  // namespace
}  // namespace rockmate
