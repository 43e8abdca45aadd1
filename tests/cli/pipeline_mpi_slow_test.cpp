// `mpirun -n N rockmate pipeline MODEL --run`: the same bits as one rank alone, also as a user who
// is not root; what happens to ranks that are killed or hang, and to files that are cut short.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/files.h"
#include "support/run_command.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::run_shell;

constexpr const char* kFamilies[] = {"gpipe", "1f1b", "interleaved", "zb-h1"};

// More ranks than cores, in a container, as whoever we are. One thread each.
constexpr const char* kEnvironment =
    "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "
    "OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 "
    "OMPI_MCA_btl_vader_single_copy_mechanism=none OMP_NUM_THREADS=1; ";

std::string model(const std::string& name) {
  return (testing::source_dir() / "tests/goldens" / (name + ".onnx")).string();
}

std::string run_of(const std::string& name, std::size_t devices, const std::string& more) {
  return fmt::format(
      "pipeline {} --batch 8 --micro-batches 4 --max-blocks 16 --devices {}x1GiB "
      "--run --json {}",
      model(name), devices, more);
}

// `before` runs in the shell of each rank before it becomes the command.
Outcome mpirun(std::size_t ranks, const std::string& arguments, const std::string& before = ":",
               const std::string& as = "") {
  return run_shell(
      fmt::format("{} {} mpirun --bind-to none -n {} sh -c '{}; exec {} {}'", kEnvironment, as,
                  ranks, before, testing::rockmate_command().string(), arguments),
      {.seconds = 120});
}

json run_in(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  if (outcome.exit != 0) return {};
  return json::parse(outcome.out)["run"];
}

json alone(const std::string& name, const std::string& more) {
  return run_in(run_shell("rockmate " + run_of(name, 1, more)));
}

void expect_planned_bytes(const json& run) {
  for (const json& rank : run["ranks"]) EXPECT_EQ(rank["measured_bytes"], rank["planned_bytes"]);
}

void expect_equal(const json& one, const json& many) {
  EXPECT_EQ(one["gradients_digest"], many["gradients_digest"]);
  EXPECT_EQ(one["states_digest"], many["states_digest"]);
}

class PipelineMpi : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef ROCKMATE_WITH_MPI
    GTEST_SKIP() << "built without MPI";
#endif
    if (run_shell("mpirun --version").exit != 0) GTEST_SKIP() << "there is no mpirun";
  }
  // Of two runs, the one that goes on where the other has been stopped.
  [[nodiscard]] std::string checkpoints() const {
    return fmt::format("--checkpoint {} --optimizer adam", (folder_.path() / "c").string());
  }
  // What becomes of rank 1 when there is a checkpoint.
  [[nodiscard]] std::string then(const std::string& signal) const {
    return fmt::format(
        "if [ $OMPI_COMM_WORLD_RANK = 1 ]; then "
        "(until ls {}/c/step-*/complete >/dev/null 2>&1; do sleep 0.1; done; kill -{} $$) & fi",
        folder_.path().string(), signal);
  }
  testing::TemporaryFolder folder_;
};

TEST_F(PipelineMpi, AllSchedulesGiveTheBitsOfOneRank) {
  for (const std::string family : kFamilies) {
    const std::string schedule = "--steps 2 --optimizer adam --schedule ";
    // Interleaving needs two stages on a device at least; alone it is 1F1B.
    const json one = alone("gpt2", schedule + (family == "interleaved" ? "1f1b" : family));
    for (const std::size_t ranks : {2, 4}) {
      for (const char* mode : {"", " --synchronous"}) {
        SCOPED_TRACE(fmt::format("{} on {}{}", family, ranks, mode));
        const json many = run_in(mpirun(ranks, run_of("gpt2", ranks, schedule + family + mode)));
        expect_equal(one, many);
        expect_planned_bytes(many);
      }
    }
  }
}

TEST_F(PipelineMpi, ReplicasShareTheBatch) {
  const std::string more = "--replicas 2 --micro-batches 2 --steps 2 --schedule 1f1b";
  const std::string line =
      fmt::format("pipeline {} --batch 8 --run --json {}", model("gpt2"), more);
  const json plain = run_in(mpirun(2, line + " --devices 1x1GiB"));
  const json piped = run_in(mpirun(4, line + " --devices 2x1GiB"));
  expect_equal(plain, piped);
  expect_planned_bytes(piped);
}

TEST_F(PipelineMpi, RunsForAUserWhoIsNotRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "is not root: all tests run as a user";
  const std::string as = "env HOME=/tmp setpriv --reuid=65534 --regid=65534 --clear-groups";
  const std::string look = fmt::format("{} test -x {} -a -r {}", as,
                                       testing::rockmate_command().string(), model("gpt2"));
  if (run_shell(look).exit != 0) GTEST_SKIP() << "the build is not readable for other users";
  const std::string more = "--schedule 1f1b --steps 2";
  expect_equal(alone("gpt2", more), run_in(mpirun(2, run_of("gpt2", 2, more), ":", as)));
}

TEST_F(PipelineMpi, AMistakeIsToldOnceAndEndsTheJob) {
  const Outcome outcome = mpirun(3, run_of("gpt2", 2, ""));
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_THAT(outcome.err, HasSubstr("found 3 ranks, expected 2"));
  const std::size_t first = outcome.err.find("rockmate: ");
  EXPECT_EQ(outcome.err.find("rockmate: ", first + 1), std::string::npos) << outcome.err;
}

TEST_F(PipelineMpi, AHungRankIsNamed) {
  const Outcome outcome =
      mpirun(2, run_of("gpt2", 2, "--schedule 1f1b --steps 1000000 --deadline 3 " + checkpoints()),
             then("STOP"));
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_THAT(outcome.err, HasSubstr("rockmate: rank 0: "));
  EXPECT_THAT(outcome.err, HasSubstr(": rank 1 has not answered within 3"));
}

// Goes on to one step more than the checkpoint that it finds, and is held against a run that was
// never disturbed.
void expect_to_go_on(const std::string& checkpoints) {
  const json first =
      run_in(mpirun(2, run_of("gpt2", 2, "--steps 1 --schedule 1f1b " + checkpoints)));
  ASSERT_TRUE(first["resumed_step"].is_number());
  const std::size_t steps = first["resumed_step"].get<std::size_t>() + 1;
  const std::string more = fmt::format("--steps {} --schedule 1f1b ", steps);
  const json on = run_in(mpirun(2, run_of("gpt2", 2, more + checkpoints)));
  EXPECT_EQ(on["steps"].size(), 1u);
  expect_equal(alone("gpt2", more + "--optimizer adam"), on);
}

TEST_F(PipelineMpi, AKilledRankEndsTheJobWhichGoesOnFromItsCheckpoint) {
  const Outcome outcome = mpirun(
      2, run_of("gpt2", 2, "--schedule 1f1b --steps 1000000 " + checkpoints()), then("KILL"));
  EXPECT_NE(outcome.exit, 0);
  EXPECT_THAT(outcome.err,
              AnyOf(HasSubstr("process rank 1"), HasSubstr("rank 1 has not answered")));
  expect_to_go_on(checkpoints());
}

TEST_F(PipelineMpi, ACheckpointThatIsCutShortIsPassedOver) {
  const std::string steps = "--schedule 1f1b --steps ";
  run_in(mpirun(2, run_of("gpt2", 2, steps + "3 " + checkpoints())));
  fs::resize_file(folder_.path() / "c/step-3/rank-1", 1000);
  const Outcome outcome = mpirun(2, run_of("gpt2", 2, steps + "4 " + checkpoints()));
  const json on = run_in(outcome);
  EXPECT_EQ(on["resumed_step"], 2);
  EXPECT_THAT(outcome.err, HasSubstr("step-3/rank-1: is damaged, or cut short; passed over"));
  expect_equal(alone("gpt2", steps + "4 --optimizer adam"), on);
  // One that was never completed, and one of another pipeline.
  fs::remove(folder_.path() / "c/step-4/complete");
  EXPECT_EQ(run_in(mpirun(2, run_of("gpt2", 2, steps + "4 " + checkpoints())))["resumed_step"], 3);
  const Outcome other = mpirun(2, run_of("resnet18", 2, steps + "4 " + checkpoints()));
  EXPECT_EQ(other.exit, 2);
  EXPECT_THAT(other.err, HasSubstr("of another pipeline"));
}

}  // namespace
}  // namespace rockmate
