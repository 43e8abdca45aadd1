#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "rockmate/schedule.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;
const fs::path kSource = ROCKMATE_SOURCE_DIR;
constexpr const char* kNames[] = {"unet.json", "transformer.json"};

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool has_python() {
  return std::system(
             "python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' "
             ">/dev/null 2>&1") == 0;
}

std::string make_graphs(const std::string& argument) {
  return "python3 \"" + (kSource / "scripts/make_graphs.py").string() + "\" \"" + argument + "\"";
}

TEST(MakeGraphs, WritesTheCommittedFiles) {
  if (!has_python()) GTEST_SKIP() << "no python3";
  const fs::path folder = fs::path(::testing::TempDir()) / "rockmate_make_graphs";
  ASSERT_EQ(std::system(make_graphs(folder.string()).c_str()), 0);
  for (const char* name : kNames) {
    const std::string text = text_of(folder / name);
    EXPECT_FALSE(text.empty());
    EXPECT_TRUE(text == text_of(kSource / "graphs" / name))
        << name << " differs: run scripts/make_graphs.py";
  }
  fs::remove_all(folder);
}

TEST(MakeGraphs, TakesNoOptionForAFolder) {
  if (!has_python()) GTEST_SKIP() << "no python3";
  const fs::path folder = fs::path(::testing::TempDir()) / "rockmate_make_no_graphs";
  fs::create_directories(folder);
  const std::string there = "cd \"" + folder.string() + "\" && ";
  EXPECT_EQ(std::system((there + make_graphs("--help") + " > /dev/null").c_str()), 0);
  EXPECT_NE(std::system((there + make_graphs("--wrong") + " 2> /dev/null").c_str()), 0);
  EXPECT_TRUE(fs::is_empty(folder));
  fs::remove_all(folder);
}

TEST(MakeGraphs, AreSmallGraphsWhosePlainIterationRuns) {
  for (const char* name : kNames) {
    EXPECT_LT(fs::file_size(kSource / "graphs" / name), 150'000U);
    const TrainingGraph graph = read_graph(kSource / "graphs" / name);
    const auto trace = simulate(graph, plain_schedule(graph));
    ASSERT_TRUE(trace.has_value()) << name << ": " << trace.error();
    EXPECT_GT(trace->peak, graph.static_bytes());
  }
}

}  // namespace
}  // namespace rockmate
