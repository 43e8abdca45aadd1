// What every verb has in common: exit codes, one-line errors, help, streams that are closed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

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
using testing::run_shell;
using ::testing::StartsWith;

const std::vector<std::string> kVerbs = {"plan", "curve", "verify", "inspect"};

class CommandLine : public ::testing::Test {
 protected:
  CommandLine() { testing::write_text(model_, testing::kTinyModel); }
  // Exit 2, nothing on standard output, one line on standard error that has all of `parts`.
  static void expect_unusable(const Outcome& outcome, const std::vector<std::string>& parts) {
    EXPECT_EQ(outcome.exit, 2) << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(outcome.err, StartsWith("rockmate: "));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    for (const std::string& part : parts) EXPECT_THAT(outcome.err, HasSubstr(part));
  }
  testing::TemporaryFolder folder_;
  std::string model_ = (folder_.path() / "tiny.json").string();
};

TEST_F(CommandLine, HelpListsTheVerbsAndEachShowsAnExample) {
  const Outcome all = run_rockmate({"--help"});
  EXPECT_EQ(all.exit, 0);
  for (const std::string& verb : kVerbs) {
    EXPECT_THAT(all.out, HasSubstr(verb));
    const Outcome help = run_rockmate({verb, "--help"});
    EXPECT_EQ(help.exit, 0);
    EXPECT_THAT(help.out, HasSubstr("Example: rockmate " + verb + " "));
    EXPECT_THAT(help.err, IsEmpty());
  }
}

TEST_F(CommandLine, TheVersionIsTold) {
  const Outcome version = run_rockmate({"--version"});
  EXPECT_EQ(version.exit, 0);
  EXPECT_THAT(version.out, ::testing::MatchesRegex("rockmate [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(CommandLine, NoVerbOrAWrongOneIsRefused) {
  expect_unusable(run_rockmate({}), {"a verb is needed: plan, curve, verify, inspect", "--help"});
  expect_unusable(run_rockmate({"paln", model_}), {"unknown verb 'paln'", "did you mean plan?"});
  expect_unusable(run_rockmate({"xyzzy"}), {"unknown verb 'xyzzy'"});
}

TEST_F(CommandLine, AMistypedOptionIsGuessed) {
  expect_unusable(run_rockmate({"plan", model_, "--budget", "1GiB", "--explian"}),
                  {"unknown option --explian", "did you mean --explain?"});
  expect_unusable(run_rockmate({"plan", model_, "--budegt=1GiB"}), {"did you mean --budget?"});
  expect_unusable(run_rockmate({"inspect", model_, "--frobnicate"}),
                  {"unknown option --frobnicate", "rockmate inspect --help"});
  expect_unusable(run_rockmate({"inspect", model_, "another"}), {"'another'", "too many"});
}

TEST_F(CommandLine, MissingAndSenselessArgumentsAreRefused) {
  expect_unusable(run_rockmate({"plan", model_}), {"--budget"});
  expect_unusable(run_rockmate({"plan", "--budget", "1GiB"}), {"MODEL"});
  expect_unusable(run_rockmate({"plan", model_, "--budget", "lots"}), {"'lots'", "2GiB"});
  expect_unusable(run_rockmate({"plan", model_, "--budget=-5"}), {"'-5'", "negative"});
  expect_unusable(run_rockmate({"plan", model_, "--budget", "1GiB", "--threads", "-2"}),
                  {"--threads"});
  expect_unusable(run_rockmate({"plan", model_, "--budget", "1GiB", "--seed", "x"}), {"--seed"});
  expect_unusable(run_rockmate({"plan", model_, "--budget", "1GiB", "--planner", "magic"}),
                  {"'magic'", "portfolio"});
  expect_unusable(run_rockmate({"plan", model_, "--budget", "1GiB", "--time-limit", "-1"}),
                  {"--time-limit"});
  expect_unusable(run_rockmate({"plan", model_, "--budget", "1GiB", "--time-limit", "nan"}),
                  {"--time-limit"});
  for (const char* option : {"--seed", "--work-limit", "--points"}) {
    expect_unusable(run_rockmate({"curve", model_, option, "-1"}), {option, "'-1'"});
    expect_unusable(run_rockmate({"curve", model_, option, "99999999999999999999"}), {option});
  }
  expect_unusable(run_rockmate({"curve", model_, "--csv", "--json"}), {"--csv"});
  expect_unusable(run_rockmate({"verify", model_}), {"PLAN"});
}

TEST_F(CommandLine, UnreadableModelsAreNamed) {
  const auto write = [&](const std::string& text) {
    const auto file = folder_.path() / "broken.json";
    testing::write_text(file, text);
    return file.string();
  };
  expect_unusable(run_rockmate({"inspect", "no/such.json"}), {"no/such.json"});
  expect_unusable(run_rockmate({"inspect", folder_.path().string()}), {folder_.path().string()});
  for (const std::string text : {"", "{", "[1,2", "null", "{\"format\": \"rockmate.graph/1\"}",
                                 "{\"format\": \"other/7\"}", "\xff\xfe\x00"}) {
    for (const std::string verb : {"inspect", "curve"}) {
      expect_unusable(run_rockmate({verb, write(text)}), {"broken.json"});
    }
  }
  expect_unusable(run_rockmate({"plan", "no/such.onnx", "--budget", "60%"}), {"no/such.onnx"});
}

TEST_F(CommandLine, UnknownKeysAreAWarningOnStandardError) {
  std::string text = testing::kTinyModel;
  text.insert(1, "\"colour\": \"red\", ");
  testing::write_text(model_, text);
  const Outcome outcome = run_rockmate({"inspect", model_, "--json"});
  EXPECT_EQ(outcome.exit, 0);
  EXPECT_THAT(outcome.err, StartsWith("rockmate: warning: "));
  EXPECT_THAT(outcome.err, HasSubstr("colour"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("warning")));
}

TEST_F(CommandLine, NoProgressLineWithoutATerminal) {
  EXPECT_THAT(run_rockmate({"plan", model_, "--budget", "1GiB"}).err, IsEmpty());
  EXPECT_THAT(run_rockmate({"curve", model_, "--work-limit", "1000"}).err, IsEmpty());
}

TEST_F(CommandLine, AReaderThatGoesAwayIsNoError) {
  const std::string line = "{ rockmate inspect " + model_ + "; echo exit $? >&2; } | true";
  for (int i = 0; i < 5; ++i) {
    const Outcome outcome = run_shell(line);
    EXPECT_THAT(outcome.err, ::testing::AnyOf("exit 0\n", "exit 141\n"));
  }
}

TEST_F(CommandLine, StandardOutputThatCannotBeWrittenIsAnError) {
  expect_unusable(run_rockmate({"inspect", model_}, {.suffix = ">/dev/full"}),
                  {"standard output cannot be written"});
  expect_unusable(run_rockmate({"inspect", model_}, {.suffix = ">&-"}),
                  {"standard output cannot be written"});
}

TEST_F(CommandLine, ClosedStreamsDoNoHarmToFilesThatAreWritten) {
  const auto plan = folder_.path() / "plan.json";
  const Outcome outcome = run_rockmate({"plan", model_, "--budget", "1GiB", "-o", plan.string()},
                                       {.suffix = "<&- >&- 2>&-"});
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_EQ(run_rockmate({"verify", model_, plan.string()}).exit, 0);
}

}  // namespace
}  // namespace rockmate
