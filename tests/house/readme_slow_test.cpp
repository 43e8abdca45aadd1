// What the documents show is what there is: C++ in the README stands in the examples, shell runs,
// CMake stands in examples/embed, scripts exist, links lead somewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <sstream>
#include <vector>

#include "support/files.h"
#include "support/run_command.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::read_text;
using testing::source_dir;

struct Snippet {
  std::string language;
  std::string text;
};

std::vector<Snippet> snippets_of(const std::string& markdown) {
  std::vector<Snippet> snippets;
  std::istringstream lines(markdown);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = !inside;
      if (inside) snippets.push_back({line.substr(3), ""});
    } else if (inside) {
      snippets.back().text += line + "\n";
    }
  }
  return snippets;
}

std::vector<std::string> snippets_of(const fs::path& file, const std::string& language) {
  std::vector<std::string> texts;
  for (const Snippet& snippet : snippets_of(read_text(file))) {
    if (snippet.language == language) texts.push_back(snippet.text);
  }
  return texts;
}

// All files of examples/, one after the other.
std::string examples(const std::string& extension) {
  std::string text;
  for (const auto& entry : fs::recursive_directory_iterator(source_dir() / "examples")) {
    if (entry.path().extension() == extension) text += read_text(entry.path());
  }
  return text;
}

const std::vector<std::string> kDocuments = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md",
                                             "GLOSSARY.md"};

TEST(Readme, SnippetsAreFound) {
  const auto found = snippets_of("a\n```sh\nx\ny\n```\n```cpp\nz\n```\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].language + ":" + found[0].text, "sh:x\ny\n");
  EXPECT_EQ(found[1].language + ":" + found[1].text, "cpp:z\n");
}

TEST(Readme, ItsCodeStandsInTheExamples) {
  const auto code = snippets_of(source_dir() / "README.md", "cpp");
  ASSERT_THAT(code, Not(IsEmpty()));
  for (const std::string& text : code) EXPECT_THAT(examples(".cpp"), HasSubstr(text));
  const auto cmake = snippets_of(source_dir() / "README.md", "cmake");
  ASSERT_THAT(cmake, Not(IsEmpty()));
  for (const std::string& text : cmake) EXPECT_THAT(examples(".txt"), HasSubstr(text));
}

TEST(Readme, ItsCommandsRun) {
  const auto commands = snippets_of(source_dir() / "README.md", "sh");
  ASSERT_THAT(commands, Not(IsEmpty()));
  const testing::TemporaryFolder folder;
  for (const char* name : {"graphs", "models", "scripts"}) {
    fs::create_directory_symlink(source_dir() / name, folder.path() / name);
  }
  for (const std::string& text : commands) {
#ifndef ROCKMATE_WITH_ONNX
    if (text.find(".onnx") != std::string::npos) continue;
#endif
    const auto outcome =
        testing::run_shell("set -e\n" + text, {.folder = folder.path(), .seconds = 240});
    EXPECT_EQ(outcome.exit, 0) << text << outcome.err;
  }
}

TEST(Readme, ScriptsThatItNamesExistAndCanRun) {
  static const std::regex script(R"(\./scripts/[a-z-]+)");
  std::size_t found = 0;
  for (const std::string& document : kDocuments) {
    const std::string text = read_text(source_dir() / document);
    for (std::sregex_iterator match(text.begin(), text.end(), script), end; match != end; ++match) {
      const fs::perms rights = fs::status(source_dir() / match->str()).permissions();
      EXPECT_NE(rights & fs::perms::owner_exec, fs::perms::none) << match->str();
      ++found;
    }
  }
  EXPECT_GE(found, 2u);
}

TEST(Readme, LinksLeadSomewhere) {
  static const std::regex link(R"(\]\(([^)#:]+)\))");
  for (const std::string& document : kDocuments) {
    const std::string text = read_text(source_dir() / document);
    for (std::sregex_iterator match(text.begin(), text.end(), link), end; match != end; ++match) {
      EXPECT_TRUE(fs::exists(source_dir() / (*match)[1].str())) << document << ": " << match->str();
    }
  }
}

}  // namespace
}  // namespace rockmate
