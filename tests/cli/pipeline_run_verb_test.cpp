// `rockmate pipeline --run` on threads: what it says, draws and refuses. Under mpirun:
// pipeline_mpi_slow_test.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/tiny_model.h"
#include "support/files.h"
#include "support/run_command.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::run_rockmate;
using Arguments = std::vector<std::string>;

class PipelineRunVerb : public ::testing::Test {
 protected:
  [[nodiscard]] static Outcome run(const Arguments& more) {
    Arguments all = {"pipeline", (testing::source_dir() / "tests/goldens/perceptron.onnx").string(),
                     "--run"};
    all.insert(all.end(), more.begin(), more.end());
    return run_rockmate(all);
  }
  [[nodiscard]] static json ran(Arguments more) {
    more.insert(more.end(), {"--batch", "8", "--micro-batches", "4", "--json"});
    const Outcome outcome = run(more);
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    return outcome.exit == 0 ? json::parse(outcome.out)["run"] : json();
  }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.path() / name; }
  testing::TemporaryFolder folder_;
};

TEST_F(PipelineRunVerb, ReportsAndDraws) {
  const json report = ran({"--devices", "2x1MiB", "--steps", "3", "--timeline", file("run.svg")});
  EXPECT_EQ(report["steps"].size(), 3u);
  EXPECT_TRUE(report["resumed_step"].is_null());
  ASSERT_EQ(report["ranks"].size(), 2u);
  for (const json& rank : report["ranks"]) {
    EXPECT_EQ(rank["measured_bytes"], rank["planned_bytes"]);
    EXPECT_LE(rank["planned_bytes"], 1 << 20);
    EXPECT_GE(rank["bubble_ratio"], 0);
  }
  EXPECT_GT(report["simulated_seconds"], 0);
  const std::string drawing = testing::read_text(file("run.svg"));
  EXPECT_THAT(drawing, HasSubstr(", simulated"));
  EXPECT_THAT(drawing, HasSubstr(", measured"));
  const json alone = ran({"--devices", "1x1MiB", "--steps", "3"});
  EXPECT_EQ(report["gradients_digest"], alone["gradients_digest"]);
  EXPECT_EQ(report["states_digest"], alone["states_digest"]);
  const Outcome text = run({"--devices", "2x1MiB", "--batch", "8"});
  EXPECT_EQ(text.exit, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("measured"));
}

// A pipeline fuses as training does, unless it is told not to.
TEST_F(PipelineRunVerb, RunsWhatItsEnginesPassesMakeOfTheModel) {
  const auto report = [&](const std::string& fuse) {
    const Outcome outcome = run({"--devices", "2x1MiB", "--engine", "cpu", "--batch", "8",
                                 "--micro-batches", "4", "--json", fuse});
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    return json::parse(outcome.out);
  };
  const json usual = report("--json");
  const json fused = report("--fuse");
  const json single = report("--no-fuse");
  EXPECT_EQ(usual["lower_bound_seconds"], fused["lower_bound_seconds"]);
  EXPECT_LT(fused["lower_bound_seconds"], single["lower_bound_seconds"]);
  EXPECT_NEAR(fused["run"]["steps"][0]["loss"], single["run"]["steps"][0]["loss"], 1e-5);
}

// One rank on an emulated card, one on this computer: in the planned bytes on both.
TEST_F(PipelineRunVerb, MixesEngines) {
  const json report = ran({"--devices", "1x1MiB,1xve20b@1GB/s", "--method", "global", "--schedule",
                           "gpipe", "--steps", "2"});
  ASSERT_EQ(report["ranks"].size(), 2u);
  for (const json& rank : report["ranks"]) {
    EXPECT_EQ(rank["measured_bytes"], rank["planned_bytes"]);
    EXPECT_GT(rank["planned_bytes"], 0);
  }
  const json plain =
      ran({"--devices", "2x1MiB", "--method", "global", "--schedule", "gpipe", "--steps", "2"});
  for (std::size_t s = 0; s < 2; ++s) {
    const double loss = plain["steps"][s]["loss"];
    EXPECT_NEAR(report["steps"][s]["loss"].get<double>(), loss, 1e-4 * loss);
  }
  EXPECT_EQ(run({"--devices", "2x1MiB,1xve99", "--batch", "8"}).exit, 2);
}

// The samples of the golden's two inputs, as raw files.
void write_samples(const fs::path& folder, int count) {
  std::string rows, classes;
  const auto append = [](std::string& text, auto number) {
    text.append(reinterpret_cast<const char*>(&number), sizeof(number));
  };
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < 20; ++j) append(rows, 0.01 * (i - j));
    append(classes, std::int64_t{i % 5});
  }
  testing::write_text(folder / "input.raw", rows);
  testing::write_text(folder / "target._5_Gemm.raw", classes);
}

// 22 samples are 11 micro-batches, but two batches: the rest is left out, and the first comes
// again.
TEST_F(PipelineRunVerb, TakesDataInTheOrderOfTheBatch) {
  write_samples(file("more"), 22);
  write_samples(file("two"), 16);
  write_samples(file("one"), 8);
  const auto digest = [&](const std::string& data) {
    return ran({"--devices", "2x1MiB", "--steps", "3", "--data", file(data)})["states_digest"];
  };
  EXPECT_EQ(digest("more"), digest("two"));
  EXPECT_NE(digest("one"), digest("two"));
  write_samples(file("less"), 6);
  const Outcome less =
      run({"--devices", "2x1MiB", "--batch", "8", "--micro-batches", "4", "--data", file("less")});
  EXPECT_EQ(less.exit, 2);
  EXPECT_THAT(less.err, HasSubstr("has 3 micro-batches, an iteration takes 4"));
}

TEST_F(PipelineRunVerb, GoesOnFromACheckpoint) {
  const Arguments devices = {"--devices", "2x1MiB", "--optimizer", "adam", "--steps"};
  const auto steps = [&](const std::string& count, const Arguments& more) {
    Arguments all = devices;
    all.push_back(count);
    all.insert(all.end(), more.begin(), more.end());
    return ran(all);
  };
  const Arguments checkpoint = {"--checkpoint", file("c")};
  EXPECT_EQ(steps("2", checkpoint)["steps"].size(), 2u);
  const json on = steps("5", checkpoint);
  EXPECT_EQ(on["resumed_step"], 2);
  EXPECT_EQ(on["steps"].size(), 3u);
  EXPECT_EQ(on["states_digest"], steps("5", {})["states_digest"]);
  EXPECT_FALSE(fs::exists(file("c/step-3")));  // two stay
  EXPECT_EQ(steps("5", checkpoint)["steps"].size(), 0u);
}

TEST_F(PipelineRunVerb, RefusesWhatItCannotRun) {
  const auto expect = [](const Outcome& outcome, const std::string& what) {
    EXPECT_EQ(outcome.exit, 2) << what;
    EXPECT_THAT(outcome.err, HasSubstr(what));
  };
  expect(run({"--devices", "2x1MiB"}), "--batch is needed");
  expect(run({"--batch", "8"}), "--devices is needed");
  expect(run({"--batch", "6", "--devices", "2x1MiB", "--replicas", "4"}),
         "in 4 replicas: does not divide the batch of 6");
  expect(run({"--batch", "8", "--devices", "2x1MiB", "--deadline", "0"}), "--deadline: found 0");
  expect(run({"--batch", "8", "--devices", "2x1MiB", "--engine", "warp"}), "unknown engine 'warp'");
  testing::write_text(file("tiny.json"), testing::kTinyModel);
  expect(run_rockmate({"pipeline", file("tiny.json"), "--run", "--micro-batches", "2", "--devices",
                       "2x2000"}),
         "is no ONNX model");
  const Outcome none = run({"--batch", "8", "--micro-batches", "4", "--devices", "2x1000"});
  EXPECT_EQ(none.exit, 1) << none.err;
}

}  // namespace
}  // namespace rockmate
