// A forward pass whose large images are made slice by slice: outputs are near to those of single
// ops, the same on any number of threads, in the bytes that were planned, with parts whose weights
// are packed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/sliced_parts.h"
#include "rockmate/executor.h"
#include "rockmate/graph_builder.h"
#include "rockmate/plan.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using testing::Bits;
using testing::plain_plan;

constexpr std::int64_t kBatch = 5;  // in slices of one or two

TensorId network(GraphBuilder& b) {
  const ConvOptions plain{.bias = false};
  TensorId x = b.relu(b.conv(b.input("x", {kBatch, 3, 128, 128}), 64, {3}, {.padding = {1}}));
  for (int block = 0; block < 2; ++block) {
    const TensorId y = b.relu(b.batch_norm(b.conv(x, 32, {1}, plain)));
    x = b.relu(b.add(b.batch_norm(b.conv(y, 64, {1}, plain)), x));
  }
  x = b.max_pool(x, {2});
  return b.max_pool(b.concat({x, b.conv(x, 16, {1})}, 1), {8});
}

TrainingModel model(bool slices, bool packs = true) {
  GraphBuilder b("net");
  b.output(network(b));
  TrainingOptions options;
  aim_at_engine(options, "cpu", 2);
  options.fuse = slices;
  if (!packs) options.packings = nullptr;
  return make_inference_model(std::move(b).build(), options);
}

const Kernel* sliced(const TrainingModel& used) {
  for (const Kernel& kernel : used.kernels) {
    if (is_sliced(kernel.attributes)) return &kernel;
  }
  return nullptr;
}

Bits output(const TrainingModel& used, int threads, bool guard = false) {
  const Plan plan = plain_plan(used);
  Executor executor(used, plan, {.engine = "cpu", .threads = threads, .seed = 5, .guard = guard});
  const StepReport report = executor.step();
  constexpr Bytes kGaps{1 << 16};  // of the arena
  EXPECT_LE(report.measured, plan.needed());
  EXPECT_GE(report.measured + kGaps, plan.needed());
  const auto bytes = executor.bytes(used.graph[used.outputs.front()].name);
  return {bytes.begin(), bytes.end()};
}

std::vector<float> floats(const Bits& bits) {
  const auto* const data = reinterpret_cast<const float*>(bits.data());
  return {data, data + bits.size() / sizeof(float)};
}

TEST(SlicedRun, GivesWhatSingleOpsGive) {
  const TrainingModel in_slices = model(true), whole = model(false);
  ASSERT_NE(sliced(in_slices), nullptr);
  ASSERT_EQ(sliced(whole), nullptr);
  const Bits bits = output(in_slices, 2);
  const std::vector<float> got = floats(bits), expected = floats(output(whole, 2));
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t e = 0; e < got.size(); ++e) {
    ASSERT_NEAR(got[e], expected[e], 1e-4F * std::max(1.0F, std::abs(expected[e]))) << e;
  }
  EXPECT_EQ(output(in_slices, 1), bits);
  EXPECT_EQ(output(in_slices, 3, true), bits);
}

TEST(SlicedRun, PacksWhatItsPartsRead) {
  const TrainingModel packed = model(true), plain = model(true, false);
  const Kernel* const kernel = sliced(packed);
  ASSERT_NE(kernel, nullptr);
  EXPECT_TRUE(std::ranges::any_of(
      kernel->inputs, [&](ValueId v) { return packed.types[v].format == MemoryFormat::kPacked; }));
  ASSERT_NE(sliced(plain), nullptr);
  const std::vector<float> a = floats(output(packed, 2)), b = floats(output(plain, 2));
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t e = 0; e < a.size(); ++e) ASSERT_NEAR(a[e], b[e], 1e-4F) << e;
}

TEST(SlicedRun, NeedsFewerBytes) {
  const auto least = [](const TrainingModel& used) {
    const auto found = plan(used.graph, Budget::parse("min"), {.work_limit = 100});
    EXPECT_TRUE(found.has_value());
    return found->needed();
  };
  EXPECT_LT(least(model(true, false)), least(model(false, false)));
}

TEST(SlicedRun, IsForNetworksInUseAlone) {
  GraphBuilder b("net");
  const TensorId target = b.input("target", {kBatch}, DType::kInt64);
  b.loss(b.cross_entropy(b.linear(b.flatten(network(b)), 3), target));
  TrainingOptions options;
  aim_at_engine(options, "cpu", 2);
  options.fuse = true;
  const Graph graph = std::move(b).build();
  EXPECT_EQ(sliced(make_evaluation_model(graph, options)), nullptr);
  EXPECT_EQ(sliced(make_training_model(graph, options)), nullptr);
}

}  // namespace
}  // namespace rockmate
