// The modelled times of the vector engine: counted from shapes alone, under the roofs, and with the
// published figures of link and launch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exec/vector/counting.h"
#include "rockmate/graph_builder.h"
#include "rockmate/plan.h"
#include "rockmate/vector_engine.h"
#include "support/fused_examples.h"
#include "support/interpreter.h"
#include "support/large_examples.h"
#include "support/op_examples.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;

// Runs on one core that counts.
class CountingRun : public vector::Launcher {
 public:
  [[nodiscard]] bool executes() const override { return true; }
  void launch(const char*, ve::Entry entry, const void* arguments, long tasks) override {
    ve::core = {};
    entry(arguments, 0, tasks);
    counters.push_back(ve::core.counters);
    ve::core = {};
  }
  std::vector<ve::Counters> counters;
};

TrainingModel model_of(const testing::OpExample& example, std::size_t turn) {
  TrainingOptions options;
  options.fuse = example.kind == OpKind::kFused;
  options.optimizer = turn % 2 == 0 ? OptimizerKind::kAdam : OptimizerKind::kMomentum;
  return make_training_model(testing::example_model(example), options);
}

// What an op issues when it runs, launch by launch, on zeros.
std::vector<ve::Counters> counters_of_run(const KernelSpec& spec) {
  std::vector<std::vector<std::uint64_t>> buffers;
  const auto buffer = [&](Bytes bytes) {
    buffers.emplace_back(static_cast<std::size_t>(bytes.count() / 8 + 2));
    return reinterpret_cast<std::byte*>(buffers.back().data());
  };
  std::vector<TensorRef> inputs;
  std::vector<TensorRef> outputs;
  for (const TensorType& type : spec.inputs) inputs.push_back({buffer(type.bytes()), &type});
  for (const TensorType& type : spec.outputs) outputs.push_back({buffer(type.bytes()), &type});
  const vector::Prepared prepared = vector::prepare(spec);
  const auto size = static_cast<std::size_t>(prepared.workspace.count());
  std::byte* const workspace = buffer(prepared.workspace);
  CountingRun run;
  prepared.body(vector::Call({inputs, outputs, {workspace, size}, 3, 1},
                             spec.kernel.attributes.flag("adds"), run));
  return run.counters;
}

TEST(VectorCounts, AreThoseOfARealRun) {
  std::vector<testing::OpExample> examples = testing::op_examples();
  const auto& large = testing::large_examples();
  const auto& fused = testing::fused_examples();
  examples.insert(examples.end(), large.begin(), large.end());
  examples.insert(examples.end(), fused.begin(), fused.end());
  int checked = 0;
  for (std::size_t e = 0; e < examples.size(); ++e) {
    const TrainingModel model = model_of(examples[e], e);
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      const KernelSpec spec = kernel_spec(model, OpId(o));
      if (vector::in_parts(spec)) continue;
      SCOPED_TRACE(signature(model, OpId(o)));
      const auto counted = vector::count_launches(spec, 1);
      const auto found = counters_of_run(spec);
      ASSERT_EQ(counted.size(), found.size());
      for (std::size_t l = 0; l < found.size(); ++l) {
        EXPECT_EQ(counted[l].cores[0], found[l]) << counted[l].kernel;
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 200);
}

// Cores share the tasks, and what they issue together does not depend on how many there are.
TEST(VectorCounts, AreTheSameOnAnyCores) {
  for (const testing::OpExample& example : testing::large_examples()) {
    const TrainingModel model = model_of(example, 0);
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      const KernelSpec spec = kernel_spec(model, OpId(o));
      if (vector::in_parts(spec)) continue;
      SCOPED_TRACE(signature(model, OpId(o)));
      const auto one = vector::count_launches(spec, 1);
      const auto eight = vector::count_launches(spec, 8);
      ASSERT_EQ(one.size(), eight.size());
      for (std::size_t l = 0; l < one.size(); ++l) {
        ve::Counters sum;
        for (const ve::Counters& core : eight[l].cores) sum += core;
        EXPECT_EQ(sum.flops, one[l].cores[0].flops) << one[l].kernel;
        EXPECT_EQ(sum.stored_bytes, one[l].cores[0].stored_bytes) << one[l].kernel;
      }
    }
  }
}

TrainingModel convolution(std::int64_t batch) {
  GraphBuilder b("conv");
  const TensorId x = b.input("x", {batch, 64, 56, 56});
  const TensorId y = b.conv(x, 64, {3}, {.padding = {1}});
  b.loss(b.reduce_mean(b.mul(y, y), {}, false));
  return make_training_model(std::move(b).build());
}

Seconds seconds_of(const TrainingModel& model, OpKind kind, const VectorDevice& device) {
  Seconds seconds;
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    if (model.kernels[OpId(o)].kind != kind) continue;
    for (const ModelledLaunch& launch : model_launches(kernel_spec(model, OpId(o)), device)) {
      seconds += launch.seconds - device.launch - device.start_up;
    }
  }
  return seconds;
}

TEST(VectorModel, TakesTwiceAsLongForTwiceTheWork) {
  const VectorDevice& device = vector_device("ve20b");
  const TrainingModel once = convolution(8);
  const TrainingModel twice = convolution(16);
  for (const OpKind kind : {OpKind::kConv, OpKind::kConvWeightGradient, OpKind::kMul}) {
    const double ratio =
        seconds_of(twice, kind, device).count() / seconds_of(once, kind, device).count();
    EXPECT_NEAR(ratio, 2, 0.35) << to_string(kind);  // the memory's share, once the cache is full
  }
}

TEST(VectorModel, StaysUnderTheRoofs) {
  const TrainingModel model = convolution(8);
  for (const VectorDevice& device : vector_devices()) {
    const double peak = device_preset(device.name).matrix_flops;
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      const KernelSpec spec = kernel_spec(model, OpId(o));
      for (const ModelledLaunch& launch : model_launches(spec, device)) {
        SCOPED_TRACE(device.name + " " + launch.kernel);
        EXPECT_LE(launch.flops / launch.seconds.count(), peak);
        EXPECT_LE(
            static_cast<double>(launch.moved.count()) / launch.seconds.count(),
            launch.fits_cache ? device.cache_bytes_per_second : device.memory_bytes_per_second);
        EXPECT_LE(launch.mean_length, 256);
        EXPECT_GE(launch.seconds, device.launch);
      }
    }
  }
}

// A convolution like those of ResNets is worth the machine.
TEST(VectorModel, FindsConvolutionsBusy) {
  const TrainingModel model = convolution(8);
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    if (model.kernels[OpId(o)].kind != OpKind::kConv) continue;
    const auto launches = model_launches(kernel_spec(model, OpId(o)), vector_device("ve20b"));
    ASSERT_EQ(launches.size(), 1u);
    EXPECT_GT(launches[0].pipes.fma, 0.3);
    EXPECT_GT(launches[0].mean_length, 150);
  }
}

TEST(VectorModel, HasThePublishedTimesOfTheLink) {
  EXPECT_DOUBLE_EQ(copy_down(Bytes(1)).count(), 11.9e-6);
  EXPECT_DOUBLE_EQ(copy_up(Bytes(1)).count(), 12.9e-6);
  for (const auto copy : {copy_down, copy_up}) {
    const auto rate = [&](std::int64_t bytes) {
      return static_cast<double>(bytes) / copy(Bytes(bytes)).count();
    };
    EXPECT_NEAR(rate(1'000'000), 4.4e9, 1e6);
    EXPECT_NEAR(rate(4'000'000), 8e9, 1e6);
    EXPECT_NEAR(rate(16'000'000), 10e9, 1e6);
    for (const std::int64_t bytes : {32'000'000, 102'000'000, 400'000'000}) {
      EXPECT_GT(rate(bytes), 8.599e9) << bytes;
      EXPECT_LT(rate(bytes), 10.5e9) << bytes;
    }
  }
  EXPECT_NEAR(copy_down(Bytes(102'000'000)).count(), 12e-3, 0.5e-3);
  EXPECT_NEAR(copy_up(Bytes(102'000'000)).count(), 10e-3, 0.5e-3);
  EXPECT_EQ(vector_device("ve20b").launch, Seconds(5.6e-6));
  EXPECT_EQ(vector_device("ve20b").launch_and_wait, Seconds(10e-6));
}

TEST(VectorModel, MakesCostsForThePlanner) {
  TrainingOptions options;
  GraphBuilder b("net");
  const TensorId x = b.input("x", {4, 8, 16, 16});
  const TensorId y = b.relu(b.batch_norm(b.conv(x, 16, {3}, {.padding = {1}})));
  b.loss(b.reduce_mean(b.mul(y, y), {}, false));
  const Graph graph = std::move(b).build();
  const TrainingModel first = make_training_model(graph, options);
  options.costs = vector_costs(first, vector_device("ve10b"));
  const TrainingModel model = make_training_model(graph, options);
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    if (model.kernels[OpId(o)].kind == OpKind::kReshape) continue;  // views run nothing
    Seconds expected;
    const KernelSpec spec = kernel_spec(model, OpId(o));
    for (const auto& launch : model_launches(spec, vector_device("ve10b"))) {
      expected += launch.seconds;
    }
    EXPECT_DOUBLE_EQ(model.graph[OpId(o)].seconds().count(), expected.count());
  }
  EXPECT_TRUE(plan(model.graph, Budget::share(1)));
}

TEST(VectorModel, CountsTheBytesOfBothWaysToOffload) {
  GraphBuilder b("net");
  const TensorId x = b.input("x", {4, 8});
  b.loss(b.reduce_mean(b.linear(x, 16), {}, false));
  const TrainingModel model = make_training_model(std::move(b).build());
  const Offload native = offload(model, OffloadMode::kNative);
  EXPECT_EQ(native.down, Bytes(4 * 8 * 4));
  EXPECT_EQ(native.up, Bytes(4));
  const Offload transparent = offload(model, OffloadMode::kTransparent);
  const Bytes parameters((8 * 16 + 16) * 4);
  EXPECT_EQ(transparent.down, native.down + parameters);
  EXPECT_EQ(transparent.up, native.up + parameters);
  EXPECT_GT(transparent.seconds, native.seconds);
}

TEST(VectorCalibration, ReplacesWhatItStates) {
  const VectorDevice device = parse_vector_device(
      R"({"format": "rockmate.ve/1", "preset": "ve10b", "sustained": 0.5, "start_up": 2e-6,
          "memory": 1000})",
      "mine.json");
  EXPECT_EQ(device.name, "ve10b");
  EXPECT_EQ(device.sustained, 0.5);
  EXPECT_EQ(device.start_up, Seconds(2e-6));
  EXPECT_EQ(device.memory, Bytes(1000));
  EXPECT_EQ(device.hertz, vector_device("ve10b").hertz);
  const auto rejects = [](const char* text, const char* message) {
    EXPECT_THAT(
        testing::message_of([&] { static_cast<void>(parse_vector_device(text, "mine.json")); }),
        HasSubstr(message));
  };
  rejects(R"({"format": "rockmate.ve/1", "preset": "ve10b", "sustained": 2})",
          "mine.json: $.sustained: found 2, expected 0 < it <= 1");
  rejects(R"({"format": "rockmate.ve/1", "preset": "ve9"})", "unknown vector engine 've9'");
  rejects(R"({"format": "rockmate.ve/1"})", "preset");
}

}  // namespace
}  // namespace rockmate
