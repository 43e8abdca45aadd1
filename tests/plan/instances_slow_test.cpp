// Plans of third-party training graphs, accepted by an independent judge in another language. The
// graphs and the judge lie in the folder ROCKMATE_SHARED; without it the tests are skipped.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "rockmate/plan.h"
#include "support/files.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> third_party_graphs(const fs::path& shared) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(shared / "instances" / "graphs")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Instances, PlansAreAcceptedByAnotherJudgeWithTheFiguresThatTheyState) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED is not set";
  const testing::TemporaryFolder folder;
  const fs::path written = folder.path() / "plan.json";
  int accepted = 0;
  for (const fs::path& file : third_party_graphs(shared)) {
    const TrainingGraph graph = read_graph(file);
    for (const char* budget : {"90%", "70%", "50%", "40%", "min"}) {
      PlanOptions options;
      options.work_limit = 20'000;
      const PlanResult found = plan(graph, Budget::parse(budget), options);
      if (!found) continue;
      write_plan(*found, graph, written);
      const std::string line = fmt::format("python3 '{}' '{}' '{}' > /dev/null",
                                           (fs::path(shared) / "tools" / "replay.py").string(),
                                           file.string(), written.string());
      EXPECT_EQ(std::system(line.c_str()), 0) << file << " at " << budget;
      ++accepted;
    }
  }
  EXPECT_GE(accepted, 25);
}

// Each of its ops weighs much: searches that are not hot enough stop just above this budget.
TEST(Instances, PlansFitWhereEachOpWeighsMuch) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED is not set";
  const TrainingGraph graph =
      read_graph(fs::path(shared) / "instances" / "graphs" / "random_layered_100.json");
  PlanOptions options;
  options.work_limit = 1'600'000;
  EXPECT_TRUE(plan(graph, Budget::parse("60%"), options).has_value());
}

TEST(Instances, MoreBudgetNeverCostsMoreTimeOnACurveOfTwentyPoints) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED is not set";
  for (const fs::path& file : third_party_graphs(shared)) {
    PlanOptions options;
    options.work_limit = 2'000;
    const std::vector<Plan> curve = plan_curve(read_graph(file), 20, options);
    ASSERT_FALSE(curve.empty()) << file;
    for (std::size_t i = 1; i < curve.size(); ++i) {
      EXPECT_LT(curve[i].needed(), curve[i - 1].needed()) << file;
      EXPECT_GT(curve[i].seconds, curve[i - 1].seconds) << file;
    }
  }
}

}  // namespace
}  // namespace rockmate
