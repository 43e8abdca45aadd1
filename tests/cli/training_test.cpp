#include "cli/training.h"
#include "cli/op_times.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "support/small_models.h"
#include "support/training_run.h"

namespace rockmate::cli {
namespace {

struct Tiny {
  TrainingModel model = testing::trainable(testing::mixed_net());
  Plan plan = testing::plain_plan(model);
};

TEST(Training, ComparisonSeesWhatDiffers) {
  const Tiny tiny;
  const auto compared = [&](std::uint64_t seed) {
    Trainer a(tiny.model, tiny.plan, {.threads = 1}, true);
    Trainer b(tiny.model, tiny.plan, {.threads = 1, .seed = seed}, true);
    static_cast<void>(a.executor().step());
    static_cast<void>(b.executor().step());
    SameBits same;
    compare(tiny.model, a, b, same);
    return same;
  };
  EXPECT_TRUE(compared(0).all());
  const SameBits other = compared(1);
  EXPECT_FALSE(other.loss);
  EXPECT_FALSE(other.gradients);
  EXPECT_FALSE(other.statistics);
}

TEST(Training, OneBitOfAParameterIsADifference) {
  const Tiny tiny;
  Trainer a(tiny.model, tiny.plan, {.threads = 1}, true);
  Trainer b(tiny.model, tiny.plan, {.threads = 1}, true);
  static_cast<void>(a.executor().step());
  static_cast<void>(b.executor().step());
  const auto bias = b.executor().bytes("linear_1.bias");
  std::vector<std::byte> changed(bias.begin(), bias.end());
  changed.back() ^= std::byte{1};
  b.executor().set("linear_1.bias", changed);
  SameBits same;
  compare(tiny.model, a, b, same);
  EXPECT_TRUE(same.loss);
  EXPECT_FALSE(same.gradients);
  EXPECT_TRUE(same.statistics);
}

TEST(Training, EndsAfterTheStepWhenAskedTo) {
  const Tiny tiny;
  std::stop_source stop;
  TrainingJob job{.model = tiny.model, .plan = tiny.plan, .stop = stop.get_token()};
  job.steps = std::size_t{1} << 40;
  std::thread asks([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop.request_stop();
  });
  const TrainingOutcome outcome = train(job);
  asks.join();
  EXPECT_LT(outcome.steps.size(), job.steps);
  EXPECT_TRUE(train(job).steps.empty()) << "asked before the first";
}

TEST(Training, TheMedianIsTheMiddle) {
  EXPECT_EQ(median({}), Seconds(0));
  EXPECT_EQ(median({Seconds(9), Seconds(1), Seconds(2)}), Seconds(2));
}

}  // namespace
}  // namespace rockmate::cli
