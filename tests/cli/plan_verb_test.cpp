// `rockmate plan`: what it prints, what it writes, and when it says no.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/tiny_model.h"
#include "support/files.h"
#include "support/run_command.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Outcome;
using testing::run_rockmate;
using ::testing::StartsWith;

std::vector<std::string> keys_of(const nlohmann::ordered_json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

class PlanVerb : public ::testing::Test {
 protected:
  PlanVerb() { testing::write_text(model_, testing::kTinyModel); }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.path() / name; }
  // `rockmate plan` on the tiny model.
  [[nodiscard]] Outcome plan(const std::string& budget, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"plan", model_, "--budget", budget});
    return run_rockmate(more);
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  testing::TemporaryFolder folder_;
  std::string model_ = folder_.path() / "tiny.json";
};

TEST_F(PlanVerb, TellsPeopleTheFigures) {
  const Outcome outcome = plan("510");
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  for (const char* part : {"tiny: a plan within 510 bytes", "510 bytes", "12 s", "0.00 %",
                           "proven optimal", "static", "overhead", "0 ops"}) {
    EXPECT_THAT(outcome.out, HasSubstr(part));
  }
}

TEST_F(PlanVerb, JsonHasExactlyTheKeysThatAreDocumented) {
  const Outcome outcome = plan("510", {"--json"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  const auto object = nlohmann::ordered_json::parse(outcome.out);
  EXPECT_THAT(
      keys_of(object),
      ElementsAre("budget_bytes", "peak_bytes", "arena_bytes", "static_bytes", "seconds",
                  "plain_seconds", "overhead", "lower_bound_seconds", "proven_optimal", "planner",
                  "planning_seconds", "blocks", "distinct_blocks", "candidates", "solver"));
  EXPECT_EQ(object["budget_bytes"], 510);
  EXPECT_EQ(object["peak_bytes"], testing::kTinyPeak);
  EXPECT_EQ(object["static_bytes"], 100);
  EXPECT_EQ(object["seconds"], 12);
  EXPECT_EQ(object["overhead"], 0);
  EXPECT_EQ(object["proven_optimal"], true);
  EXPECT_GE(object["blocks"], object["distinct_blocks"]);
  EXPECT_GE(object["distinct_blocks"], 1);
}

TEST_F(PlanVerb, SaysHowFarRotorsPlansMayBeFromTheBestOfTheirKind) {
  const Outcome json = plan("min", {"--planner", "rotor", "--json"});
  ASSERT_EQ(json.exit, 0) << json.err;
  EXPECT_EQ(nlohmann::ordered_json::parse(json.out)["rotor_epsilon"], 0);  // short: solved exactly
  EXPECT_THAT(plan("min", {"--planner", "rotor"}).out, HasSubstr("epsilon"));
  EXPECT_THAT(plan("510").out, Not(HasSubstr("epsilon")));
}

TEST_F(PlanVerb, WithoutALayoutThereIsNoArena) {
  const Outcome outcome = plan("510", {"--json", "--no-layout"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_TRUE(nlohmann::json::parse(outcome.out)["arena_bytes"].is_null());
}

TEST_F(PlanVerb, ABudgetOfOneByteIsAnsweredWithWhatWouldDo) {
  const Outcome text = plan("1");
  EXPECT_EQ(text.exit, 1);
  EXPECT_THAT(text.out, HasSubstr("tiny: no plan within 1 byte"));
  EXPECT_THAT(text.out, HasSubstr("lower bound"));
  EXPECT_THAT(text.err, IsEmpty());

  const Outcome json = plan("1", {"--json"});
  EXPECT_EQ(json.exit, 1);
  const auto object = nlohmann::ordered_json::parse(json.out);
  EXPECT_THAT(keys_of(object),
              ElementsAre("reason", "smallest_feasible_bytes", "lower_bound_bytes", "forced_by"));
  EXPECT_THAT(keys_of(object["forced_by"]), ElementsAre("op", "values"));
  EXPECT_GE(object["smallest_feasible_bytes"], object["lower_bound_bytes"]);
  EXPECT_GE(object["lower_bound_bytes"], 100) << "the static bytes";
}

TEST_F(PlanVerb, WhatItWritesIsWhatVerifyTakes) {
  const Outcome outcome =
      plan("100%", {"-o", file("plan.json"), "--graph-out", file("graph.json")});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(run_rockmate({"verify", model_, file("plan.json")}).exit, 0);
  EXPECT_EQ(run_rockmate({"verify", file("graph.json"), file("plan.json")}).exit, 0);
}

TEST_F(PlanVerb, DrawsATimeline) {
  ASSERT_EQ(plan("100%", {"--timeline", file("t.svg")}).exit, 0);
  const std::string text = testing::read_text(file("t.svg"));
  EXPECT_THAT(text, StartsWith("<svg"));
  EXPECT_THAT(text, HasSubstr("510 bytes"));
  EXPECT_THAT(text, EndsWith("</svg>\n"));
}

TEST_F(PlanVerb, WithoutAPlanNothingIsDrawn) {
  ASSERT_EQ(plan("1", {"--timeline", file("t.svg")}).exit, 1);
  EXPECT_THAT(files(), ElementsAre("tiny.json"));
}

TEST_F(PlanVerb, WritesTheGraphForGraphviz) {
  ASSERT_EQ(plan("100%", {"--dot", file("g.dot")}).exit, 0);
  const std::string text = testing::read_text(file("g.dot"));
  EXPECT_THAT(text, HasSubstr("digraph"));
  EXPECT_THAT(text, HasSubstr("B.backward"));
}

TEST_F(PlanVerb, ExplainsThePeak) {
  const Outcome outcome = plan("100%", {"--explain"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  for (const char* part : {"while 'loss' runs", "activations", "300 bytes", "gradients",
                           "workspace", "10 bytes", "inputs", "made by A", "Computed again"}) {
    EXPECT_THAT(outcome.out, HasSubstr(part));
  }
  EXPECT_EQ(plan("100%", {"--explain", "--json"}).exit, 2) << "they exclude each other";
}

TEST_F(PlanVerb, RefusesOutputsThatCannotBeWrittenBeforeItReadsTheModel) {
  for (const char* option : {"-o", "--graph-out", "--timeline", "--dot"}) {
    for (const std::string& target :
         {file("no/such/folder/x"), folder_.path().string(), model_ + "/x"}) {
      const Outcome outcome =
          run_rockmate({"plan", "no-model.json", "--budget", "1GiB", option, target});
      EXPECT_EQ(outcome.exit, 2) << option << " " << target;
      EXPECT_THAT(outcome.err, HasSubstr(target));
      EXPECT_THAT(outcome.err, Not(HasSubstr("no-model.json")));
    }
  }
  EXPECT_THAT(files(), ElementsAre("tiny.json"));
}

TEST_F(PlanVerb, RefusesToOverwriteItsModelOrToWriteOneFileTwice) {
  EXPECT_EQ(plan("100%", {"-o", model_}).exit, 2);
  EXPECT_EQ(plan("100%", {"-o", file("same"), "--graph-out", file("./same")}).exit, 2);
  EXPECT_THAT(files(), ElementsAre("tiny.json"));
  EXPECT_EQ(testing::read_text(model_), testing::kTinyModel);
}

}  // namespace
}  // namespace rockmate
