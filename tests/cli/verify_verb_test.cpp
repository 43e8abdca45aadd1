// `rockmate verify`: 0 valid, 1 a broken rule, 2 unreadable.
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
using ::testing::StartsWith;

class VerifyVerb : public ::testing::Test {
 protected:
  VerifyVerb() {
    testing::write_text(model_, testing::kTinyModel);
    const Outcome made = run_rockmate({"plan", model_, "--budget", "100%", "-o", plan_});
    EXPECT_EQ(made.exit, 0) << made.err;
  }
  [[nodiscard]] Outcome verify(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"verify", model_, plan_});
    return run_rockmate(more);
  }
  // Changes the plan file.
  void change(const std::function<void(json&)>& edit) const {
    json document = json::parse(testing::read_text(plan_));
    edit(document);
    testing::write_text(plan_, document.dump());
  }
  testing::TemporaryFolder folder_;
  std::string model_ = folder_.path() / "tiny.json";
  std::string plan_ = folder_.path() / "plan.json";
};

TEST_F(VerifyVerb, AValidPlanIsZero) {
  const Outcome text = verify();
  EXPECT_EQ(text.exit, 0);
  EXPECT_THAT(text.out, StartsWith("valid"));
  EXPECT_THAT(text.out, HasSubstr("510 bytes"));
  const json object = json::parse(verify({"--json"}).out);
  EXPECT_EQ(object["valid"], true);
  EXPECT_EQ(object["peak_bytes"], testing::kTinyPeak);
  EXPECT_EQ(object["seconds"], 12);
  EXPECT_EQ(object["overhead"], 0);
  EXPECT_EQ(object["recomputations"], 0);
}

TEST_F(VerifyVerb, ABrokenRuleIsOneAndNamed) {
  change([](json& plan) {
    json& actions = plan["actions"];
    actions.erase(actions.begin());  // A no longer runs
    plan.erase("layout");
    plan.erase("arena_bytes");
  });
  const Outcome text = verify();
  EXPECT_EQ(text.exit, 1);
  EXPECT_THAT(text.out, StartsWith("invalid: "));
  EXPECT_THAT(text.out, HasSubstr("'a'"));
  const Outcome object = verify({"--json"});
  EXPECT_EQ(object.exit, 1);
  EXPECT_EQ(json::parse(object.out)["valid"], false);
  EXPECT_EQ(json::parse(object.out)["action"], 0);
}

TEST_F(VerifyVerb, TheBudgetIsHeldAgainstThePlan) {
  EXPECT_EQ(verify({"--budget", "510"}).exit, 0);
  EXPECT_EQ(verify({"--budget", "100%"}).exit, 0);
  EXPECT_EQ(verify({"--budget", "509"}).exit, 1);
  EXPECT_EQ(verify({"--budget", "min"}).exit, 2) << "a plan is no search";
  change([](json& plan) { plan["budget_bytes"] = 509; });
  EXPECT_EQ(verify().exit, 1) << "the budget that the plan states";
  EXPECT_EQ(verify({"--budget", "510"}).exit, 0);
}

TEST_F(VerifyVerb, AFalseFigureIsOne) {
  change([](json& plan) { plan["seconds"] = 11.0; });
  EXPECT_EQ(verify().exit, 1);
}

TEST_F(VerifyVerb, UnknownNamesAreOneAndBrokenFilesAreTwo) {
  change([](json& plan) { plan["actions"][0]["compute"] = "nobody"; });
  const Outcome unknown = verify();
  EXPECT_EQ(unknown.exit, 1);
  EXPECT_THAT(unknown.out, HasSubstr("nobody"));
  testing::write_text(plan_, "{\"format\": \"rockmate.plan/1\", \"actions\": [{\"comp");
  const Outcome broken = verify();
  EXPECT_EQ(broken.exit, 2);
  EXPECT_THAT(broken.err, HasSubstr(plan_));
  EXPECT_EQ(run_rockmate({"verify", plan_, plan_}).exit, 2) << "a plan is no graph";
  EXPECT_EQ(run_rockmate({"verify", model_, model_}).exit, 2) << "a graph is no plan";
  EXPECT_EQ(run_rockmate({"verify", model_, "nowhere.json"}).exit, 2);
}

}  // namespace
}  // namespace rockmate
