#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "fuzz/fuzz_graph.h"
#include "rockmate/schedule.h"
#include "support/random_graph.h"
#include "support/random_plan.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

std::string file(const std::string& actions, const std::string& rest = "") {
  return R"({"format": "rockmate.plan/1", "actions": [)" + actions + "]" + rest + "}";
}

class PlanJson : public ::testing::Test {
 protected:
  Expected<PlanDocument, Violation> parse(const std::string& text,
                                          std::vector<std::string>* warnings = nullptr) const {
    return parse_plan(text, "p.json", graph_, warnings);
  }
  std::string error_of(const std::string& text) const {
    return message_of([&] { (void)parse(text); });
  }
  std::string violation_of(const std::string& text) const {
    const auto plan = parse(text);
    return plan ? "" : plan.error().message;
  }
  TrainingGraph graph_ = fuzz::small_graph();
};

TEST_F(PlanJson, WritesTheKeysOfTheFormatInTheirOrder) {
  TrainingGraphBuilder b("g");
  b.value({.name = "h", .bytes = Bytes(4)}).value({.name = "y", .bytes = Bytes(4)});
  b.value({.name = "m", .bytes = Bytes(1)});
  b.op({.name = "f",
        .seconds = Seconds(2),
        .outputs = {"h"},
        .implementations = {{"fast", Seconds(1), Bytes(3), ""}}});
  b.op({.name = "g",
        .seconds = Seconds(2),
        .inputs = {"h"},
        .outputs = {"y", "m"},
        .optional = {"m"},
        .in_place = {{"y", "h"}}});
  graph_ = std::move(b).build();
  const ValueId y(1), m(2);
  Plan plan = testing::plan_of(
      graph_, {Compute{OpId(0), 1, {}, {}}, Compute{OpId(1), 0, {y}, {m}}, Free{y}});
  plan.budget = Bytes(100);
  plan.lower_bound = Seconds(0.1);
  plan.planning_seconds = Seconds(1e-5);
  EXPECT_EQ(plan_to_json(plan, graph_), R"({"format": "rockmate.plan/1", "graph": "g",
"budget_bytes": 100, "peak_bytes": 7, "static_bytes": 0, "arena_bytes": 7,
"seconds": 3, "overhead": -0.25, "lower_bound_seconds": 0.1, "planner": "random", "planning_seconds": 1e-05,
"actions": [
  {"compute": "f", "implementation": "fast"},
  {"compute": "g", "in_place": ["y"], "skip": ["m"]},
  {"free": "y"}
],
"layout": [
  {"value": "h", "first": 0, "last": 2, "offset": 0, "bytes": 4},
  {"workspace": 0, "offset": 4, "bytes": 3}
]}
)");
  plan.layout = std::nullopt;
  const std::string text = plan_to_json(plan, graph_);
  EXPECT_EQ(text.find("layout"), std::string::npos);
  EXPECT_EQ(text.find("arena_bytes"), std::string::npos);
}

TEST_F(PlanJson, WrittenPlansAreReadBackTheSame) {
  std::mt19937_64 random(7);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    graph_ = testing::random_graph(seed);
    const Schedule schedule = testing::random_schedule(graph_, random, 3);
    if (!simulate(graph_, schedule)) continue;
    Plan plan = testing::plan_of(graph_, schedule, seed % 3 != 0);
    plan.lower_bound = Seconds(1.0 / 3);
    const PlanDocument again = parse(plan_to_json(plan, graph_)).value();
    EXPECT_TRUE(judge(graph_, again)) << "seed " << seed;
    EXPECT_EQ(again.stated.lower_bound, plan.lower_bound);
    EXPECT_EQ(again.stated.overhead, plan.overhead);
    const std::string written = plan_to_json(plan, graph_);
    plan.schedule = again.schedule;
    plan.layout = again.layout;
    EXPECT_EQ(plan_to_json(plan, graph_), written) << "seed " << seed;
  }
}

TEST_F(PlanJson, ReadsWhatIsStatedAndNothingElse) {
  const PlanDocument plan = parse(file("")).value();
  EXPECT_EQ(plan.stated.budget, std::nullopt);
  EXPECT_EQ(plan.stated.seconds, std::nullopt);
  EXPECT_FALSE(plan.layout);
  EXPECT_TRUE(parse(file("", R"(, "layout": [])")).value().layout);
}

TEST_F(PlanJson, FilesThatAreNotOfTheFormatAreUnreadable) {
  const std::pair<std::string, const char*> files[] = {
      {"", "p.json: $: not JSON at line 1"},
      {file("").substr(0, 30), "not JSON"},
      {"[]", "p.json: $: found a list, expected an object (a plan)"},
      {R"({"actions": []})", R"($.format: found nothing, expected "rockmate.plan/1")"},
      {R"({"format": "rockmate.graph/1"})", R"($.format: found "rockmate.graph/1")"},
      {R"({"format": "rockmate.plan/1"})", "$.actions: found nothing, expected a list"},
      {R"({"format": "rockmate.plan/1", "actions": 3})", "$.actions: found 3, expected a list"},
      {file(R"({"compute": 3})"), "$.actions[0].compute: found 3, expected a string"},
      {file(R"({"compute": "r", "skip": "m"})"), "$.actions[0].skip: found \"m\", expected a list"},
      {file(R"({"compute": "r", "in_place": [null]})"), "$.actions[0].in_place[0]: found null"},
      {file("", R"(, "budget_bytes": 1e4)"), "$.budget_bytes: found 1e4, expected a whole number"},
      {file("", R"(, "peak_bytes": "many")"), "$.peak_bytes: found \"many\""},
      {file("", R"(, "seconds": true)"), "$.seconds: found true, expected a finite number"},
      {file("", R"(, "seconds": NaN)"), "$.seconds: not JSON"},
      {file("", R"(, "layout": null)"), "$.layout: found null, expected a list"},
      {file("", R"(, "layout": [3])"), "$.layout[0]: found 3, expected an object (a layout row)"},
      {file("", R"(, "layout": [{"value": "h", "first": 0, "last": 1, "bytes": 4}])"),
       "$.layout[0].offset: found nothing"},
      {file("", R"(, "layout": [{"value": "h", "first": 0, "offset": 0, "bytes": 4}])"),
       "$.layout[0].last: found nothing, expected the index of an action"},
      {file("", R"(, "layout": [{"offset": 0, "bytes": 4}])"), "$.layout[0].value: found nothing"},
      {file("", R"(, "layout": [{"workspace": 0, "offset": 0.5, "bytes": 4}])"),
       "$.layout[0].offset: found 0.5"},
  };
  for (const auto& [text, message] : files) EXPECT_THAT(error_of(text), HasSubstr(message)) << text;
}

TEST_F(PlanJson, NamesThatTheGraphDoesNotHaveAreViolations) {
  const std::pair<std::string, const char*> actions[] = {
      {R"({"compute": "q"})", "action 0: runs 'q', an op that the graph does not have"},
      {R"({"compute": "f"}, {"free": "q"})",
       "action 1: frees 'q', a value that the graph does not have"},
      {R"({"compute": "f", "implementation": "z"})", "action 0: op 'f' has no implementation 'z'"},
      {R"({"compute": "f", "implementation": ""})", "action 0: op 'f' has no implementation ''"},
      {R"({"compute": "r", "skip": ["q"]})", "action 0: skip names 'q'"},
      {R"({"compute": "r", "in_place": ["q"]})", "action 0: in_place names 'q'"},
      {R"({"compute": "f", "free": "x"})", "action 0: found both of 'compute' and 'free'"},
      {"{}", "action 0: found none of 'compute' and 'free'"},
      {R"({"compute": "f"}, 3)", "action 1: found something else than an object"},
      {R"([["deep"]])", "action 0: found something else than an object"},
      {"{\"compute\": \"a\\nb" + std::string(10'000, 'c') + "\"}", "action 0: runs 'a\\nbccc"},
  };
  for (const auto& [text, message] : actions) {
    EXPECT_THAT(violation_of(file(text)), HasSubstr(message)) << text;
    EXPECT_LT(violation_of(file(text)).size(), 300U);
  }
  EXPECT_EQ(violation_of(file("", R"(, "layout": [{"value": "q", "first": 0, "last": 0, "offset": 0,
                                                   "bytes": 1}])")),
            "layout: row 0: 'q' is a value that the graph does not have");
  EXPECT_EQ(violation_of(file("", R"(, "layout": [{"workspace": -1, "offset": 0, "bytes": 1}])")),
            "layout: row 0: the index of an action is negative");
}

TEST_F(PlanJson, TheFirstViolationIsToldAndItsActionNamed) {
  const auto plan = parse(file(R"({"compute": "f"}, {"compute": "q1"}, 3, {"free": "q2"})"));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().action, 1U);
  EXPECT_THAT(plan.error().message, HasSubstr("'q1'"));
}

TEST_F(PlanJson, AnUnreadableFileIsNeverJudged) {
  EXPECT_THAT(error_of(file(R"({"compute": "q"})", R"(, "seconds": "x")")),
              HasSubstr("$.seconds: found \"x\""));
}

TEST_F(PlanJson, WrongFiguresAreForTheJudge) {
  const PlanDocument plan =
      parse(file("",
                 R"(, "peak_bytes": -1, "layout": [{"workspace": 0, "offset": -4, "bytes": -1}])"))
          .value();
  EXPECT_EQ(plan.stated.peak, Bytes(-1));
  EXPECT_EQ(plan.layout->rows.at(0).offset, Bytes(-4));
}

TEST_F(PlanJson, RowsOfValuesWithoutBytesAreDropped) {
  const PlanDocument plan = parse(file("", R"(, "layout": [{"value": "z", "first": 9, "last": 0,
                                          "offset": 1000, "bytes": 7}])"))
                                .value();
  EXPECT_TRUE(plan.layout->rows.empty());
  EXPECT_EQ(plan.layout->arena_bytes, Bytes(0));
}

TEST_F(PlanJson, WarnsOfUnknownKeysAndOfAnotherGraph) {
  std::vector<std::string> warnings;
  (void)parse(file(R"({"compute": "f", "why": 1}, {"free": "x", "why": 2})",
                   R"(, "graph": "other", "author": "me")"),
              &warnings);
  EXPECT_THAT(warnings, ElementsAre("p.json: $.actions[]: unknown key 'why' ignored",
                                    "p.json: unknown key 'author' ignored",
                                    "p.json: $.graph: the plan is for 'other', this graph is 'g'"));
}

TEST_F(PlanJson, FilesRoundTrip) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("rockmate-plan-" + std::to_string(std::rand()) + ".json");
  const Plan plan = testing::plan_of(graph_, plain_schedule(graph_));
  write_plan(plan, graph_, path);
  EXPECT_TRUE(judge(graph_, read_plan(path, graph_).value(), plan.needed()));
  std::filesystem::remove(path);
  EXPECT_THAT(message_of([&] { (void)read_plan(path, graph_); }), HasSubstr("cannot be opened"));
}

}  // namespace
}  // namespace rockmate
