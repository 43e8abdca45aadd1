// The rooms and their floors: a room includes only rooms of lower floors, neighbours on a floor do
// not include each other, and public headers include public headers only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <sstream>
#include <vector>

#include "support/files.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::map<std::string, int> kFloors = {
    {"base", 0},   {"graph", 1},  {"milp", 1}, {"schedule", 2}, {"checkmate", 3}, {"rotor", 3},
    {"bounds", 3}, {"search", 3}, {"exec", 3}, {"plan", 4},     {"pipeline", 5},  {"cli", 6}};

// The room of each public header's subject. The umbrella lies above all of them.
const std::string kUmbrella = "rockmate.h";
const std::map<std::string, std::string> kPublic = {{"units.h", "base"},
                                                    {"ids.h", "base"},
                                                    {"error.h", "base"},
                                                    {"training_graph.h", "graph"},
                                                    {"graph.h", "graph"},
                                                    {"graph_builder.h", "graph"},
                                                    {"training_model.h", "graph"},
                                                    {"onnx.h", "graph"},
                                                    {"cost_model.h", "graph"},
                                                    {"schedule.h", "schedule"},
                                                    {"plan.h", "plan"},
                                                    {"milp.h", "milp"},
                                                    {"largest_batch.h", "plan"},
                                                    {"executor.h", "exec"},
                                                    {"c_api.h", "plan"},
                                                    {"data.h", "exec"},
                                                    {"checkpoint.h", "exec"},
                                                    {"rate_schedule.h", "exec"},
                                                    {"pipeline.h", "pipeline"},
                                                    {"transport.h", "pipeline"},
                                                    {"pipeline_run.h", "pipeline"},
                                                    {"profile.h", "exec"},
                                                    {"vector_engine.h", "exec"}};

// A file of the house, or what an #include names.
struct Place {
  std::string room;
  bool is_public = false;
};

std::optional<Place> place_of(const std::string& path) {
  const fs::path p(path);
  const std::string folder = p.begin()->string();
  if (folder == "rockmate") {
    const auto header = kPublic.find(p.filename().string());
    if (header == kPublic.end()) return std::nullopt;
    return Place{header->second, true};
  }
  if (!kFloors.contains(folder)) return std::nullopt;
  return Place{folder, false};
}

std::vector<std::string> includes_of(const std::string& text) {
  static const std::regex line(R"(^\s*#\s*include\s*(?:"([^"]+)\"|<(rockmate/[^>]+)>))");
  std::vector<std::string> found;
  std::istringstream in(text);
  for (std::string each; std::getline(in, each);) {
    std::smatch match;
    if (std::regex_search(each, match, line)) {
      found.push_back(match[1].matched ? match[1].str() : match[2].str());
    }
  }
  return found;
}

// The rule that this include breaks, or nothing.
std::string broken_rule(const Place& from, const std::string& include) {
  if (include == "rockmate/" + kUmbrella) return "the umbrella is for users only";
  const auto to = place_of(include);
  if (!to) return "lies in no room of the table";
  if (from.is_public && !to->is_public) return "a public header includes a private one";
  if (from.room == to->room) return {};
  const int above = kFloors.at(from.room), below = kFloors.at(to->room);
  if (below < above) return {};
  return below == above ? "neighbours on a floor" : "upward";
}

// "file includes header: rule" for each broken rule under `root`, sorted.
std::vector<std::string> broken_includes(const fs::path& root) {
  std::vector<std::string> broken;
  const auto check = [&](const fs::path& base, const fs::path& file) {
    const std::string name = fs::relative(file, base).string();
    if (name == "rockmate/" + kUmbrella) return;
    const auto from = place_of(name);
    if (!from) {
      broken.push_back(name + ": lies in no room of the table");
      return;
    }
    for (const std::string& include : includes_of(testing::read_text(file))) {
      const std::string rule = broken_rule(*from, include);
      if (!rule.empty()) broken.push_back(name + " includes " + include + ": " + rule);
    }
  };
  for (const fs::path& base : {root / "src", root / "include"}) {
    for (const auto& entry : fs::recursive_directory_iterator(base)) {
      const fs::path extension = entry.path().extension();
      if (extension == ".h" || extension == ".cpp") check(base, entry.path());
    }
  }
  std::sort(broken.begin(), broken.end());
  return broken;
}

TEST(Floors, TheHouseKeepsThem) { EXPECT_THAT(broken_includes(testing::source_dir()), IsEmpty()); }

TEST(Floors, TheUmbrellaHasEveryPublicHeader) {
  const fs::path headers = testing::source_dir() / "include/rockmate";
  const auto included = includes_of(testing::read_text(headers / kUmbrella));
  for (const auto& entry : fs::directory_iterator(headers)) {
    const std::string name = entry.path().filename().string();
    if (name == kUmbrella) continue;
    EXPECT_THAT(included, ::testing::Contains("rockmate/" + name));
  }
}

class MadeUpHouse : public ::testing::Test {
 protected:
  void add(const std::string& file, const std::string& include) {
    testing::write_text(folder_.path() / file, "#pragma once\n#include " + include + "\n");
  }
  void SetUp() override {
    add("include/rockmate/units.h", "<string>");
    add("src/plan/plan.cpp", "\"search/walk.h\"");
    add("src/search/walk.h", "<rockmate/schedule.h>");
  }
  testing::TemporaryFolder folder_;
};

TEST_F(MadeUpHouse, LowerRoomsMayBeIncluded) {
  EXPECT_THAT(broken_includes(folder_.path()), IsEmpty());
}

TEST_F(MadeUpHouse, UpwardIncludesAreFound) {
  add("src/graph/io/reader.cpp", "\"schedule/runs.h\"");
  EXPECT_THAT(broken_includes(folder_.path()),
              ElementsAre("graph/io/reader.cpp includes schedule/runs.h: upward"));
}

TEST_F(MadeUpHouse, PublicHeadersCountAsTheirRooms) {
  add("src/schedule/simulate.cpp", "<rockmate/plan.h>");
  EXPECT_THAT(broken_includes(folder_.path()),
              ElementsAre("schedule/simulate.cpp includes rockmate/plan.h: upward"));
}

TEST_F(MadeUpHouse, NeighboursAreFound) {
  add("src/rotor/solve.cpp", "  \"search/walk.h\"");
  EXPECT_THAT(broken_includes(folder_.path()),
              ElementsAre("rotor/solve.cpp includes search/walk.h: neighbours on a floor"));
}

TEST_F(MadeUpHouse, PrivateHeadersDoNotLeakIntoPublicOnes) {
  add("include/rockmate/plan.h", "\"base/check.h\"");
  EXPECT_THAT(broken_includes(folder_.path()),
              ElementsAre(HasSubstr("a public header includes a private one")));
}

TEST_F(MadeUpHouse, UnknownRoomsAndTheUmbrellaAreFound) {
  add("src/attic/box.cpp", "<vector>");
  add("src/base/a.cpp", "<rockmate/rockmate.h>");
  add("src/base/b.cpp", "\"check.h\"");
  EXPECT_THAT(broken_includes(folder_.path()),
              ElementsAre("attic/box.cpp: lies in no room of the table",
                          HasSubstr("the umbrella is for users only"),
                          "base/b.cpp includes check.h: lies in no room of the table"));
}

}  // namespace
}  // namespace rockmate
