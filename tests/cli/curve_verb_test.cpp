// `rockmate curve`: the same points as text, CSV, JSON and a picture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/tiny_model.h"
#include "support/files.h"
#include "support/run_command.h"

namespace rockmate {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Outcome;
using testing::run_rockmate;
using ::testing::StartsWith;

class CurveVerb : public ::testing::Test {
 protected:
  CurveVerb() { testing::write_text(model_, testing::kTinyModel); }
  [[nodiscard]] Outcome curve(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"curve", model_, "--work-limit", "1000"});
    return run_rockmate(more);
  }
  testing::TemporaryFolder folder_;
  std::string model_ = folder_.path() / "tiny.json";
};

TEST_F(CurveVerb, BeginsWithThePlainIterationAndNoPointIsDominated) {
  const Outcome outcome = curve({"--json"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  const json object = json::parse(outcome.out);
  ASSERT_EQ(object.size(), 1u);
  const json& points = object["points"];
  ASSERT_FALSE(points.empty());
  EXPECT_EQ(points[0], (json{{"peak_bytes", testing::kTinyPeak}, {"overhead", 0.0}}));
  for (std::size_t i = 1; i < points.size(); ++i) {
    EXPECT_EQ(points[i].size(), 2u);
    EXPECT_LT(points[i]["peak_bytes"], points[i - 1]["peak_bytes"]);
    EXPECT_GT(points[i]["overhead"], points[i - 1]["overhead"]);
  }
}

TEST_F(CurveVerb, CsvHasOneLinePerPoint) {
  const Outcome outcome = curve({"--csv"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  const std::size_t points = json::parse(curve({"--json"}).out)["points"].size();
  std::istringstream lines(outcome.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "budget_bytes,peak_bytes,seconds,overhead,lower_bound_seconds,proven_optimal");
  std::size_t rows = 0;
  for (; std::getline(lines, line); ++rows) {
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), 5) << line;
  }
  EXPECT_EQ(rows, points);
}

TEST_F(CurveVerb, PointsAreAtMostThatMany) {
  EXPECT_EQ(json::parse(curve({"--json", "--points", "1"}).out)["points"].size(), 1u);
  EXPECT_LE(json::parse(curve({"--json", "--points", "2"}).out)["points"].size(), 2u);
}

TEST_F(CurveVerb, TellsPeople) {
  const Outcome outcome = curve();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("510 bytes  100.00 %    0.00 %"));
}

TEST_F(CurveVerb, DrawsBesideWhatItPrints) {
  const std::string svg = folder_.path() / "curve.svg";
  const Outcome outcome = curve({"--svg", svg});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.out, curve().out);
  const std::string text = testing::read_text(svg);
  EXPECT_THAT(text, StartsWith("<svg"));
  EXPECT_THAT(text, HasSubstr("tiny: overhead against budget"));
  EXPECT_THAT(text, EndsWith("</svg>\n"));
}

TEST_F(CurveVerb, RefusesAPictureThatCannotBeWrittenBeforeItReadsTheModel) {
  for (const std::string& target : {std::string("no/such/folder/c.svg"), folder_.path().string()}) {
    const Outcome outcome = run_rockmate({"curve", "no-model.json", "--svg", target});
    EXPECT_EQ(outcome.exit, 2);
    EXPECT_THAT(outcome.err, HasSubstr(target));
    EXPECT_THAT(outcome.err, Not(HasSubstr("no-model.json")));
  }
  EXPECT_EQ(curve({"--svg", model_}).exit, 2) << "the model would be overwritten";
  EXPECT_EQ(testing::read_text(model_), testing::kTinyModel);
}

}  // namespace
}  // namespace rockmate
