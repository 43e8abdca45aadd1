// A plan whose layout met its budget at once is packed on until it is nearly as small as its peak.
#include "plan/finish.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace rockmate {
namespace {

// Each op makes a value of its own size and reads some made shortly before it and some made any
// time before.
TrainingGraph tangled_graph(std::uint64_t seed, std::size_t ops) {
  std::mt19937_64 random(seed);
  TrainingGraphBuilder builder("tangled");
  for (std::size_t i = 0; i < ops; ++i) {
    const std::string made = fmt::format("v{}", i);
    builder.value(
        {.name = made, .bytes = Bytes(10 * static_cast<std::int64_t>(2 + random() % 460))});
    OpSpec op{.name = fmt::format("op{}", i), .seconds = Seconds(1), .outputs = {made}};
    if (i > 0) {
      std::vector<std::size_t> read = {i - 1 - random() % std::min<std::size_t>(i, 12)};
      for (std::size_t far = random() % 4; far > 0; --far) read.push_back(random() % i);
      std::sort(read.begin(), read.end());
      read.erase(std::unique(read.begin(), read.end()), read.end());
      for (const std::size_t r : read) op.inputs.push_back(fmt::format("v{}", r));
    }
    builder.op(op);
  }
  builder.result(fmt::format("v{}", ops - 1));
  return std::move(builder).build();
}

double gap(const Plan& plan) {
  return static_cast<double>(plan.layout->arena_bytes.count()) /
             static_cast<double>((plan.peak - plan.static_bytes).count()) -
         1;
}

TEST(Tighten, PacksOnWhereTheBudgetIsMet) {
  int loose = 0, tight = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const TrainingGraph graph = tangled_graph(seed, 150);
    auto plan = finish(graph, program_order(graph), TakeOver::kNever, 1_GiB, {});
    ASSERT_TRUE(plan);
    const Plan before = *plan;
    tighten(graph, *plan, {}, 50'000'000);
    EXPECT_EQ(plan->schedule.size(), before.schedule.size()) << "graph " << seed;
    EXPECT_EQ(plan->peak, before.peak) << "graph " << seed;
    EXPECT_LE(plan->layout->arena_bytes, before.layout->arena_bytes) << "graph " << seed;
    EXPECT_EQ(plan->budget, before.budget);
    const PlanDocument document{graph.name(), plan->schedule, plan->layout, {}, plan->planner};
    const auto verdict = judge(graph, document, plan->needed());
    EXPECT_TRUE(verdict.has_value()) << "graph " << seed;
    loose += gap(before) > 0.01;
    tight += gap(*plan) <= 0.005;
  }
  EXPECT_GE(loose, 5);
  EXPECT_EQ(tight, 10);
}

TEST(Tighten, StopsWhenAsked) {
  const TrainingGraph graph = tangled_graph(1, 400);
  auto plan = finish(graph, program_order(graph), TakeOver::kNever, 1_GiB, {});
  ASSERT_TRUE(plan);
  std::stop_source source;
  source.request_stop();
  PlanOptions options;
  options.stop = source.get_token();
  const Bytes before = plan->layout->arena_bytes;
  tighten(graph, *plan, options, std::uint64_t{1} << 62);
  EXPECT_LE(plan->layout->arena_bytes, before);
}

}  // namespace
}  // namespace rockmate
