#include "cli/interrupt.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>

#include "cli/planning_flags.h"

namespace rockmate::cli {
namespace {

constexpr const char* kPromise = "stopping at once";

// Signals reach another thread: soon, but not at once.
bool becomes_true(const std::stop_token& token) {
  for (int i = 0; i < 10'000 && !token.stop_requested(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return token.stop_requested();
}

TEST(Interrupt, TheFirstAsksTheSearchToStop) {
  StopOnInterrupt interrupt(kPromise);
  EXPECT_FALSE(interrupt.token().stop_requested());
  kill(getpid(), SIGINT);
  EXPECT_TRUE(becomes_true(interrupt.token()));
}

// As one that a library started before main.
TEST(Interrupt, MayReachAThreadThatWasThereBefore) {
  std::atomic<bool> is_over = false;
  std::thread other([&] {
    while (!is_over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  {
    StopOnInterrupt interrupt(kPromise);
    pthread_kill(other.native_handle(), SIGINT);
    EXPECT_TRUE(becomes_true(interrupt.token()));
  }
  is_over = true;
  other.join();
}

TEST(Interrupt, ReachesThePlanner) {
  bool stopped = false;
  run_search({}, [&](const PlanOptions& options) {
    kill(getpid(), SIGINT);
    stopped = becomes_true(options.stop);
  });
  EXPECT_TRUE(stopped);
}

TEST(InterruptDeathTest, TheSecondEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        StopOnInterrupt interrupt(kPromise);
        kill(getpid(), SIGINT);
        if (becomes_true(interrupt.token())) {
          kill(getpid(), SIGINT);
          pause();
        }
      },
      ::testing::KilledBySignal(SIGINT), "stopping at once; once more");
}

TEST(InterruptDeathTest, AfterwardsItIsAnOrdinarySignal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        { const StopOnInterrupt interrupt(kPromise); }
        { const StopOnInterrupt another(kPromise); }
        kill(getpid(), SIGINT);
        pause();
      },
      ::testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace rockmate::cli
