// Checkpoints hold the whole state, and are refused where they are anything else.
#include "rockmate/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "support/files.h"
#include "support/random_plan.h"
#include "support/schedules.h"
#include "support/small_models.h"
#include "support/throws.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::plain_plan;

constexpr int kStepsBefore = 3;
constexpr int kStepsAfter = 3;

class Checkpoint : public ::testing::Test {
 protected:
  [[nodiscard]] static TrainingModel model_of(OptimizerKind optimizer) {
    return make_training_model(testing::mixed_net(), {.optimizer = optimizer,
                                                      .weight_decay = 0.01,
                                                      .clip_norm = 0.5,
                                                      .accumulate = 2,
                                                      .workspace = engine_workspace("reference")});
  }
  static void run(Executor& executor, int steps) {
    for (int s = 0; s < steps; ++s) static_cast<void>(executor.step());
  }
  // The bits of all sources.
  static std::map<std::string, testing::Bits> state_of(const Executor& executor) {
    std::map<std::string, testing::Bits> state;
    for (const Source& source : executor.model().sources) {
      const std::string& name = executor.model().graph[source.value].name;
      const auto bytes = executor.bytes(name);
      state[name] = testing::Bits(bytes.begin(), bytes.end());
    }
    return state;
  }
  [[nodiscard]] std::string saved(const Executor& executor) const {
    save_checkpoint(executor, file_);
    return testing::read_text(file_);
  }

  testing::TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "state.checkpoint";
  const TrainingModel model_ = model_of(OptimizerKind::kAdamW);
  const Plan plan_ = plain_plan(model_);
};

// In the middle of a sum of gradients, with dropout, batch norm and momenta.
TEST_F(Checkpoint, GoingOnIsNeverHavingStopped) {
  Executor whole(model_, plan_, {.threads = 1, .seed = 4});
  run(whole, kStepsBefore + kStepsAfter);
  {
    Executor first(model_, plan_, {.threads = 1, .seed = 4});
    run(first, kStepsBefore);
    save_checkpoint(first, file_);
  }
  const Plan other = testing::plan_of(
      model_.graph,
      testing::in_place_schedule(model_.graph, testing::recomputed_schedule(model_.graph, 3)));
  Executor second(model_, other, {.threads = 2, .seed = 4});
  load_checkpoint(second, file_);
  EXPECT_EQ(second.next_step(), std::uint64_t{kStepsBefore});
  run(second, kStepsAfter);
  EXPECT_EQ(state_of(second), state_of(whole));
}

TEST_F(Checkpoint, IsTheSameFileForTheSameState) {
  Executor a(model_, plan_), b(model_, plan_, {.threads = 2});
  run(a, 2);
  run(b, 2);
  const std::string content = saved(a);
  EXPECT_EQ(saved(b), content);
  run(b, 1);
  EXPECT_NE(saved(b), content);
}

TEST_F(Checkpoint, AnyDamageIsSeen) {
  Executor executor(model_, plan_);
  run(executor, 1);
  const std::string good = saved(executor);
  const auto before = state_of(executor);
  const auto error = [&](const std::string& bytes) {
    return message_of([&] { load_checkpoint_bytes(executor, bytes, "file"); });
  };
  EXPECT_EQ(error(good), "");
  for (std::size_t i = 0; i < good.size(); i += 1 + i / 20) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_THAT(error(bad), HasSubstr("file: ")) << "byte " << i;
  }
  for (std::size_t size = 0; size < good.size(); size += 1 + size / 20) {
    EXPECT_THAT(error(good.substr(0, size)), HasSubstr("file: ")) << size << " bytes";
  }
  EXPECT_THAT(error(good + "x"), HasSubstr("damaged"));
  EXPECT_THAT(error("PK\3\4 something else altogether"), HasSubstr("is no checkpoint"));
  std::string later = good;
  later[8] = 2;
  EXPECT_THAT(error(later), HasSubstr("version 2, expected 1"));
  EXPECT_EQ(state_of(executor), before) << "what was refused left nothing behind";
  EXPECT_EQ(executor.next_step(), 1u);
}

TEST_F(Checkpoint, OfAnotherTrainingIsRefused) {
  Executor executor(model_, plan_, {.seed = 1});
  save_checkpoint(executor, file_);
  const TrainingModel plainer = model_of(OptimizerKind::kMomentum);
  Executor other(plainer, plain_plan(plainer), {.seed = 1});
  EXPECT_THAT(message_of([&] { load_checkpoint(other, file_); }),
              HasSubstr("is of another model or optimizer: found '"));
  Executor reseeded(model_, plan_, {.seed = 2});
  EXPECT_THAT(message_of([&] { load_checkpoint(reseeded, file_); }),
              HasSubstr("another seed than 2"));
  EXPECT_THAT(message_of([&] { load_checkpoint(executor, folder_.path() / "none"); }),
              HasSubstr("cannot be opened"));
}

// Root may write anywhere, but not where there is no folder, and a full device is full for all.
TEST_F(Checkpoint, WhatCannotBeWrittenIsToldAndTheOldFileStays) {
  Executor executor(model_, plan_);
  const auto error = [&](const std::filesystem::path& file) {
    return message_of([&] { save_checkpoint(executor, file); });
  };
  EXPECT_THAT(error("/dev/full"), HasSubstr("/dev/full: cannot be written: No space left"));
  EXPECT_THAT(error("/proc/state"), HasSubstr("/proc/state: cannot be written"));
  save_checkpoint(executor, file_);
  EXPECT_THAT(error(file_ / "below"), HasSubstr("cannot be written"));
  EXPECT_EQ(error(file_), "");
}

}  // namespace
}  // namespace rockmate
