// The budget is a promise: what a step writes is what the plan said, and nothing that grows with
// the model is allocated beside it. This program counts its own large allocations.
#include <gtest/gtest.h>

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <fstream>

#include "rockmate/executor.h"
#include "rockmate/plan.h"
#include "support/models.h"
#include "support/random_plan.h"
#include "support/schedules.h"
#include "support/small_models.h"
#include "support/training_run.h"

namespace {

constexpr std::size_t kLarge = std::size_t{64} << 10;
std::atomic<int> large_allocations = 0;

void count(std::size_t bytes) {
  if (bytes > kLarge) ++large_allocations;
}

}  // namespace

// The sanitizers have an allocator of their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ROCKMATE_COUNTS_ALLOCATIONS
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) {
  count(bytes);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t items, std::size_t bytes) {
  count(items * bytes);
  return __libc_calloc(items, bytes);
}
void* realloc(void* old, std::size_t bytes) {
  count(bytes);
  return __libc_realloc(old, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  count(bytes);
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** result, std::size_t alignment, std::size_t bytes) {
  count(bytes);
  *result = __libc_memalign(alignment, bytes);
  return *result == nullptr ? ENOMEM : 0;
}
}
#endif

namespace rockmate {
namespace {

// Values of some 100 KiB, so that a copy of any of them would be counted.
TrainingModel large_model() {
  return testing::trainable(
      testing::resnet(2, {.blocks = {1, 1}, .image = 64, .width = 16, .classes = 10}),
      OptimizerKind::kAdam);
}

TEST(Memory, MeasuredIsPlannedIsWithinTheBudget) {
  for (const testing::NamedModel& named : testing::small_models()) {
    const TrainingModel model = testing::trainable(named.graph, OptimizerKind::kAdam);
    for (const char* text : {"100%", "90%"}) {
      SCOPED_TRACE(named.name + " " + text);
      const Budget budget = Budget::parse(text);
      const auto found = plan(model.graph, budget, {.threads = 1, .work_limit = 20});
      if (!found) continue;
      Executor executor(model, *found);
      EXPECT_EQ(executor.planned(), found->needed());
      EXPECT_LE(executor.planned(), budget.on(model.graph).value_or(found->budget));
      for (int step = 0; step < 2; ++step) {
        EXPECT_EQ(executor.step().measured, found->needed());
      }
    }
  }
}

TEST(Memory, MeasuredIsPlannedAtTheLeastPeak) {
  for (const testing::NamedModel& named : testing::small_models()) {
    const TrainingModel model = testing::trainable(named.graph);
    const auto least =
        plan(model.graph, Budget::minimum(), {.layout = false, .threads = 1, .work_limit = 100})
            .value();
    const Plan with_addresses = testing::plan_of(model.graph, least.schedule);
    EXPECT_EQ(Executor(model, with_addresses).step().measured, with_addresses.needed())
        << named.name;
  }
}

TEST(Memory, ThePartOfAPlanThatNeverRunsIsNotMeasured) {
  const TrainingModel model = testing::trainable(testing::mlp(4, 8, 2));
  Plan roomy = testing::plain_plan(model);
  for (LayoutRow& row : roomy.layout->rows) row.offset += Bytes(640);
  LayoutRow& top = *std::max_element(roomy.layout->rows.begin(), roomy.layout->rows.end(),
                                     [](const LayoutRow& a, const LayoutRow& b) {
                                       return a.offset + a.bytes < b.offset + b.bytes;
                                     });
  top.bytes += Bytes(6400);
  roomy.layout->arena_bytes += Bytes(640 + 6400);
  roomy.budget = roomy.needed();
  Executor executor(model, roomy);
  EXPECT_EQ(executor.planned(), roomy.needed());
  EXPECT_EQ(executor.step().measured, roomy.needed() - Bytes(6400));
}

#ifdef ROCKMATE_COUNTS_ALLOCATIONS
TEST(Memory, LargeAllocationsAreCounted) {
  const int before = large_allocations;
  const std::vector<char> large(kLarge + 1);
  EXPECT_EQ(large_allocations, before + 1) << large.size();
}

TEST(Memory, StepsAllocateNothingLarge) {
  const TrainingModel model = large_model();
  const Schedule schedule = testing::recomputed_schedule(model.graph, 1);
  Executor executor(model, testing::plan_of(model.graph, schedule), {.threads = 1});
  const int before = large_allocations;
  for (int step = 0; step < 2; ++step) static_cast<void>(executor.step());
  EXPECT_EQ(large_allocations, before);
}
#endif

TEST(Memory, DoesNotGrowWithTheSteps) {
  const TrainingModel model = testing::trainable(testing::mixed_net());
  Executor executor(model, testing::plain_plan(model), {.threads = 1});
  for (int step = 0; step < 5; ++step) static_cast<void>(executor.step());
  const std::size_t before = mallinfo2().uordblks;
  for (int step = 0; step < 100; ++step) static_cast<void>(executor.step());
  EXPECT_EQ(mallinfo2().uordblks, before);
}

// What the system says: pages of the arena, of stacks, and of whatever an engine keeps.
TEST(Memory, TheProcessDoesNotGrowWithTheSteps) {
  const auto resident_pages = [] {
    std::ifstream statm("/proc/self/statm");
    std::int64_t all = 0, resident = 0;
    statm >> all >> resident;
    return resident;
  };
  if (resident_pages() == 0) GTEST_SKIP() << "no /proc/self/statm";
  const TrainingModel model = testing::trainable(testing::mixed_net());
  Executor executor(model, testing::plain_plan(model), {.threads = 2});
  for (int step = 0; step < 5; ++step) static_cast<void>(executor.step());
  const std::int64_t before = resident_pages();
  for (int step = 0; step < 100; ++step) static_cast<void>(executor.step());
  EXPECT_LE(resident_pages(), before + 50) << "half a page per step";
}

}  // namespace
}  // namespace rockmate
