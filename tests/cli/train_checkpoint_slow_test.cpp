// Training that is stopped, killed, refused, and gone on with, by the real command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "support/files.h"
#include "support/onnx_model.h"
#include "support/run_command.h"

#ifdef ROCKMATE_WITH_ONNX
namespace rockmate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::run_rockmate;
using ::testing::StartsWith;

using Arguments = std::vector<std::string>;

constexpr std::int64_t kBatch = 4;
constexpr std::int64_t kIn = 6;
constexpr std::int64_t kClasses = 3;
constexpr std::int64_t kSamples = 40;

// conv-free and tiny, but with dropout and running statistics.
std::string small_net() {
  testing::OnnxModel model;
  model.input("x", {kBatch, kIn}).input("a", {kIn, kIn}).input("head", {kIn, kClasses});
  for (const char* name : {"scale", "bias", "mean", "variance"}) model.input(name, {kIn});
  model.node("MatMul", {"x", "a"}, {"h"});
  model.node("BatchNormalization", {"h", "scale", "bias", "mean", "variance"},
             {"n", "new_mean", "new_variance"});
  model.attribute("training_mode", std::int64_t{1});
  model.node("Relu", {"n"}, {"r"}).node("Dropout", {"r"}, {"d"});
  model.node("MatMul", {"d", "head"}, {"logits"}).output("logits");
  return model.bytes();
}

class TrainCheckpoint : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::write_text(file("net.onnx"), small_net());
    fs::create_directory(file("data"));
    std::mt19937_64 random(1);
    std::normal_distribution<float> normal;
    std::string x, target;
    for (std::int64_t s = 0; s < kSamples; ++s) {
      std::int64_t best = 0;
      std::vector<float> row;
      for (std::int64_t i = 0; i < kIn; ++i) row.push_back(normal(random));
      for (std::int64_t c = 1; c < kClasses; ++c) {
        if (row[static_cast<std::size_t>(c)] > row[static_cast<std::size_t>(best)]) best = c;
      }
      x.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
      target.append(reinterpret_cast<const char*>(&best), sizeof(best));
    }
    testing::write_text(file("data/x.raw"), x);
    testing::write_text(file("data/target.logits.raw"), target);
    testing::write_text(file("data/target.MatMul_logits.raw"), target);
  }

  [[nodiscard]] std::string file(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  // What a test says takes the place of what all have in common.
  [[nodiscard]] Arguments arguments(const Arguments& more) const {
    const std::vector<std::pair<std::string, std::string>> common = {
        {"--work-limit", "100"}, {"--threads", "1"},
        {"--budget", "100%"},    {"--optimizer", "adamw"},
        {"--lr", "0.02"},        {"--data", file("data")},
        {"--seed", "3"},         {"--schedule", "cosine:60"},
        {"--warm-up", "3"},      {"--clip-norm", "1"},
        {"--costs", "analytic"}};
    Arguments all = {"train", file("net.onnx"), "--shuffle", "--json"};
    for (const auto& [flag, value] : common) {
      if (std::find(more.begin(), more.end(), flag) == more.end()) {
        all.insert(all.end(), {flag, value});
      }
    }
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  [[nodiscard]] Outcome train(const Arguments& more) const {
    return run_rockmate(arguments(more), {.folder = folder_.path()});
  }
  [[nodiscard]] json figures(const Arguments& more) const {
    const Outcome outcome = train(more);
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    return outcome.exit == 0 ? json::parse(outcome.out) : json();
  }
  [[nodiscard]] std::string content(const std::string& name) const {
    return testing::read_text(file(name));
  }
  // Starts the command and kills it after a while, unless it has ended before; true: it was killed.
  [[nodiscard]] bool run_and_kill(const Arguments& more, std::chrono::microseconds after) const {
    Arguments words = arguments(more);
    words.insert(words.begin(), testing::rockmate_command().string());
    const pid_t child = ::fork();
    if (child == 0) {
      std::vector<char*> argv;
      for (std::string& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      if (::chdir(folder_.path().c_str()) != 0) ::_exit(126);
      static_cast<void>(!std::freopen("/dev/null", "w", stdout));
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    std::this_thread::sleep_for(after);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
    return WIFSIGNALED(status);
  }

  testing::TemporaryFolder folder_;
};

TEST_F(TrainCheckpoint, ResumingGivesTheBitsOfNotStopping) {
  const json whole = figures({"--steps", "12", "--save", "whole"});
  const json first = figures({"--steps", "5", "--save", "part"});
  const json second =
      figures({"--steps", "12", "--save", "part", "--resume", "part", "--threads", "2"});
  EXPECT_EQ(second["first_step"], 5);
  EXPECT_EQ(first["steps"].size() + second["steps"].size(), 12u);
  EXPECT_EQ(content("part"), content("whole"));
  EXPECT_EQ(second["steps"].back()["loss"], whole["steps"].back()["loss"]);
  const json done = figures({"--steps", "12", "--resume", "part"});
  EXPECT_TRUE(done["steps"].empty());
}

TEST_F(TrainCheckpoint, AnotherBudgetChangesNoBit) {
  static_cast<void>(figures({"--steps", "9", "--save", "whole"}));
  static_cast<void>(figures({"--steps", "4", "--save", "part"}));
  const json rest = figures(
      {"--steps", "9", "--save", "part", "--resume", "part", "--budget", "min", "--compare"});
  EXPECT_EQ(rest["gradients_equal"], true);
  EXPECT_EQ(content("part"), content("whole"));
}

// The checkpoint is there or not, and is never broken; the end is always the same.
TEST_F(TrainCheckpoint, SurvivesBeingKilledAtAnyMoment) {
  constexpr const char* kSteps = "40";
  constexpr int kKills = 50;
  const auto start = std::chrono::steady_clock::now();
  static_cast<void>(figures({"--steps", kSteps, "--save", "whole", "--save-every", "1"}));
  const auto length = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - start);
  const std::string expected = content("whole");
  std::mt19937_64 random(5);
  std::uniform_int_distribution<std::int64_t> moment(0, length.count());
  int killed = 0, resumed = 0;
  for (int run = 0; killed < kKills && run < 10 * kKills; ++run) {
    Arguments more = {"--steps", kSteps, "--save", "part"};
    if (fs::exists(file("part"))) {
      more.insert(more.end(), {"--resume", "part"});
      ++resumed;
    }
    Arguments often = more;
    often.insert(often.end(), {"--save-every", "1"});
    const bool was_killed = run_and_kill(often, std::chrono::microseconds(moment(random)));
    killed += was_killed ? 1 : 0;
    if (was_killed && run % 5 != 4) continue;
    if (was_killed) {
      Arguments rest = {"--steps", kSteps, "--save", "part"};
      if (fs::exists(file("part"))) rest.insert(rest.end(), {"--resume", "part"});
      static_cast<void>(figures(rest));
    }
    ASSERT_EQ(content("part"), expected) << "after kill " << killed;
    fs::remove(file("part"));
  }
  EXPECT_EQ(killed, kKills);
  EXPECT_GT(resumed, 5);
}

TEST_F(TrainCheckpoint, CtrlCSavesAndLosesNothing) {
  const std::string line =
      "rockmate train net.onnx --budget 100% --steps 1000000000 --seed 3 --costs analytic "
      "--save part --save-every 100 >/dev/null 2>err & pid=$!\n"
      "until [ -e part ] || ! kill -0 $pid; do sleep 0.01; done\n"
      "kill -INT $pid; wait $pid";
  const Outcome outcome = testing::run_shell(line, {.folder = folder_.path()});
  EXPECT_EQ(outcome.exit, 0) << content("err");
  EXPECT_THAT(content("err"), HasSubstr("saving after this step"));
  const Outcome again =
      run_rockmate({"train", file("net.onnx"), "--budget", "100%", "--steps", "0", "--costs",
                    "analytic", "--seed", "3", "--resume", file("part")});
  EXPECT_EQ(again.exit, 0) << again.err;
}

TEST_F(TrainCheckpoint, WhatGoesWrongIsOneLineAndLosesNothing) {
  static_cast<void>(figures({"--steps", "3", "--save", "good"}));
  const std::string good = content("good");
  const auto error = [&](const Arguments& more) {
    const Outcome outcome = train(more);
    EXPECT_EQ(outcome.exit, 2) << outcome.out;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith("rockmate: "));
    return outcome.err;
  };
  EXPECT_THAT(error({"--steps", "2", "--save", "/dev/full"}), HasSubstr("No space left"));
  EXPECT_THAT(error({"--steps", "2", "--save", "/proc/state"}), HasSubstr("cannot be written"));
  EXPECT_THAT(error({"--steps", "2", "--save", "no/such/folder"}), HasSubstr("there is no folder"));
  EXPECT_THAT(error({"--steps", "2", "--resume", "net.onnx"}), HasSubstr("is no checkpoint"));
  testing::write_text(file("cut"), good.substr(0, good.size() / 2));
  EXPECT_THAT(error({"--steps", "9", "--resume", "cut", "--save", "good"}),
              HasSubstr("damaged or cut off"));
  EXPECT_THAT(error({"--steps", "9", "--resume", "good", "--optimizer", "sgd"}),
              HasSubstr("of another model or optimizer"));
  EXPECT_THAT(error({"--steps", "9", "--resume", "good", "--seed", "4"}),
              HasSubstr("another seed"));
  EXPECT_THAT(error({"--save-every", "2"}), HasSubstr("expected --save too"));
  EXPECT_EQ(content("good"), good);
}

// The shell's limit on the size of files stands for a disk that is full.
TEST_F(TrainCheckpoint, AFullDiskLeavesTheOldCheckpoint) {
  static_cast<void>(figures({"--steps", "3", "--save", "good"}));
  const std::string good = content("good");
  const Outcome outcome = testing::run_shell(
      "trap '' XFSZ; (ulimit -f 0; rockmate train net.onnx --budget 100% --optimizer adamw --steps "
      "5 "
      "--data data --seed 3 --save good --time-limit 1 --cache none) 2>&1 >/dev/null | cat",
      {.folder = folder_.path()});
  EXPECT_THAT(outcome.out, HasSubstr("good: cannot be written: File too large"));
  EXPECT_EQ(content("good"), good);
}

TEST_F(TrainCheckpoint, DataThatEndEarlyLoseNoStep) {
  fs::copy(file("data"), file("shrinking"), fs::copy_options::recursive);
  const std::string line =
      "rockmate train net.onnx --budget 100% --costs analytic --steps 1000000000 "
      "--data shrinking --seed 3 --save part --save-every 100 >/dev/null 2>err & pid=$!\n"
      "until [ -e part ] || ! kill -0 $pid; do sleep 0.01; done\n"
      "truncate -s 100 shrinking/x.raw; wait $pid";
  const Outcome outcome = testing::run_shell(line, {.folder = folder_.path()});
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_THAT(content("err"), HasSubstr("x.raw: ends early"));
  const Outcome again =
      run_rockmate({"train", file("net.onnx"), "--budget", "100%", "--steps", "0", "--costs",
                    "analytic", "--seed", "3", "--resume", file("part")});
  EXPECT_EQ(again.exit, 0) << again.err;
}

TEST_F(TrainCheckpoint, FrozenParametersStayAndPatternsMustMatch) {
  const auto weights = [&](const std::string& name) {
    return content(name).substr(content(name).size() / 2);
  };
  static_cast<void>(figures({"--steps", "2", "--freeze", "a,sc*", "--save", "frozen"}));
  static_cast<void>(figures({"--steps", "2", "--save", "free"}));
  EXPECT_LT(content("frozen").size(), content("free").size()) << "no states of frozen ones";
  EXPECT_NE(weights("frozen"), weights("free"));
  const Outcome outcome = train({"--freeze", "b*,nothing"});
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("'nothing' matches no parameter")));
}

TEST_F(TrainCheckpoint, HeldOutDataAreJudgedBeforeAndAfter) {
  const json found = figures({"--steps", "60", "--eval-data", "data", "--eval-every", "25"});
  const json& evaluations = found["evaluations"];
  ASSERT_EQ(evaluations.size(), 4u);
  EXPECT_EQ(evaluations[0]["step"], 0);
  EXPECT_EQ(evaluations[2]["step"], 50);
  EXPECT_EQ(evaluations[3]["step"], 60);
  EXPECT_LT(evaluations[3]["loss"], evaluations[0]["loss"]);
  EXPECT_GT(evaluations[3]["accuracy"], 0.6);
  EXPECT_EQ(found["measured_bytes"], found["planned_bytes"]) << "in the memory of the training";
  const json without = figures({"--steps", "60"});
  EXPECT_EQ(without["steps"].back()["loss"], found["steps"].back()["loss"]);
  EXPECT_EQ(train({"--eval-every", "2"}).exit, 2);
}

TEST_F(TrainCheckpoint, DrawsTheLossOfBothRuns) {
  static_cast<void>(figures({"--steps", "4", "--compare", "--svg", "loss.svg"}));
  EXPECT_THAT(content("loss.svg"), AllOf(HasSubstr("plain iteration, "), HasSubstr("within ")));
}

}  // namespace
}  // namespace rockmate
#endif
