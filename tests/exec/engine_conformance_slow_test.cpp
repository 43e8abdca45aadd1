// Holds engines to their contract (exec/engine.h), kernel by kernel: on every example of the op
// table and on larger shapes, in float32 and float64, row-major and channels last. To add an
// engine, add it to `engines`.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "graph/op_table.h"
#include "rockmate/error.h"
#include "support/engine_machine.h"
#include "support/fused_examples.h"
#include "support/interpreter_engine.h"
#include "support/interpreter_kernels.h"
#include "support/kernel_rig.h"
#include "support/large_examples.h"
#include "support/op_examples.h"

namespace rockmate {
namespace {

using testing::Array;
using testing::Bits;
using testing::KernelRig;
using testing::OpExample;
using testing::RunOptions;
using testing::RunResult;

struct TestedEngine {
  std::string name;
  std::unique_ptr<Engine> (*make)(int threads);
  // Largest difference from the oracle, of numbers of the size of the largest one of a tensor.
  double float32_tolerance, float64_tolerance;
  bool runs_large_examples;
  bool runs_channels_last;
};

void PrintTo(const TestedEngine& engine, std::ostream* out) { *out << engine.name; }

const std::vector<TestedEngine>& engines() {
  static const std::vector<TestedEngine> list = {
      {"reference", make_reference_engine, 4e-6, 2e-13, true, false},
      {"cpu", make_cpu_engine, 4e-6, 2e-13, true, true},
      {"vector", make_vector_engine, 1e-5, 1e-12, true, false},
      {"interpreter", [](int) { return testing::make_interpreter_engine(); }, 1e-7, 0, false,
       true}};
  return list;
}

Bits bits_of(const Array& array, const TensorType& type) {
  Bits bits(static_cast<std::size_t>(type.bytes().count()));
  testing::from_doubles(array.data, type, bits.data());
  return bits;
}

// A kernel of a model with what it reads and what it must make of it.
struct Task {
  OpId op;
  std::vector<Bits> inputs;
  std::vector<Array> outputs;  // by the oracle, on the same rounded inputs
  std::vector<Array> inputs_after;
};

// All kernels of a model in program order, on what the oracle computes.
std::vector<Task> tasks_of(const TrainingModel& model) {
  const testing::Interpreter sources(model);
  std::map<ValueId, Array> values;
  for (const Source& source : model.sources) values[source.value] = sources[source.value];
  std::vector<Task> tasks;
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    const Kernel& kernel = model.kernels[OpId(o)];
    Task task{OpId(o), {}, {}, {}};
    testing::Call call{kernel.kind, kernel.attributes, {}, {}, {}, KernelRig::kSeed, 0};
    call.step = static_cast<std::int64_t>(KernelRig::kStep);
    for (const ValueId v : kernel.inputs) {
      const TensorType& type = model.types[v];
      task.inputs.push_back(bits_of(values.at(v), type));
      values[v].data = testing::to_doubles(type, task.inputs.back().data());
      call.inputs.push_back(&values[v]);
      call.input_types.push_back(type);
    }
    for (const ValueId v : kernel.outputs) {
      const Shape& shape = model.types[v].shape;
      call.outputs.push_back(
          {shape, std::vector<double>(static_cast<std::size_t>(element_count(shape)))});
    }
    run_kernel(call);
    for (const ValueId v : kernel.inputs) task.inputs_after.push_back(values[v]);
    task.outputs = call.outputs;
    for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
      values[kernel.outputs[i]] = call.outputs[i];
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

void expect_near(const Bits& found, const Array& expected, const TensorType& type,
                 const TestedEngine& engine, const std::string& what) {
  const std::vector<double> elements = testing::to_doubles(type, found.data());
  ASSERT_EQ(elements.size(), expected.data.size());
  double largest = 1;
  for (const double e : expected.data) largest = std::max(largest, std::abs(e));
  double tolerance = 0;
  if (type.dtype == DType::kFloat32) tolerance = engine.float32_tolerance * largest;
  if (type.dtype == DType::kFloat64) tolerance = engine.float64_tolerance * largest;
  for (std::size_t e = 0; e < elements.size(); ++e) {
    ASSERT_NEAR(elements[e], expected.data[e], tolerance) << what << ", element " << e;
  }
}

// The example with one of the optimizers, in turn; with fused ops, if it is about them.
TrainingModel model_of(const OpExample& example, std::size_t turn, bool channels_last = false) {
  constexpr std::array kOptimizers = {OptimizerKind::kNone, OptimizerKind::kSgd,
                                      OptimizerKind::kMomentum, OptimizerKind::kAdam,
                                      OptimizerKind::kAdamW};
  TrainingOptions options;
  options.optimizer = kOptimizers[turn % kOptimizers.size()];
  options.weight_decay = 0.1;
  options.clip_norm = turn % 3 == 1 ? 0.5 : 0;
  options.accumulate = turn % 2 == 1 ? 3 : 1;
  options.fuse = example.kind == OpKind::kFused;
  options.channels_last = channels_last;
  return make_training_model(example_model(example), options);
}

class Conformance : public ::testing::TestWithParam<TestedEngine> {
 protected:
  [[nodiscard]] static std::unique_ptr<Engine> engine(int threads) {
    return GetParam().make(threads);
  }
  static std::vector<TrainingModel> variants(const OpExample& example, std::size_t turn) {
    const TrainingModel single = model_of(example, turn);
    std::vector<TrainingModel> list = {single, testing::in_float64(single)};
    if (!GetParam().runs_channels_last || !has_image(single)) return list;
    list.push_back(model_of(example, turn, true));
    if (example.kind != OpKind::kFused) list.push_back(testing::in_channels_last(single));
    return list;
  }
  static bool has_image(const TrainingModel& model) {
    return std::any_of(model.types.begin(), model.types.end(),
                       [](const TensorType& type) { return type.shape.size() == 4; });
  }
  // Calls check(model, task) for each kernel of the examples, in both types and memory formats.
  template <class Check>
  static void for_each_task(const Check& check) {
    std::vector<OpExample> examples = testing::op_examples();
    const auto& fused = testing::fused_examples();
    examples.insert(examples.end(), fused.begin(), fused.end());
    if (GetParam().runs_large_examples) {
      const auto& large = testing::large_examples();
      examples.insert(examples.end(), large.begin(), large.end());
    }
    for (std::size_t i = 0; i < examples.size(); ++i) {
      for (const TrainingModel& model : variants(examples[i], i)) {
        for (const Task& task : tasks_of(model)) {
          SCOPED_TRACE(fmt::format("{} of the example {} {}", signature(model, task.op),
                                   to_string(examples[i].kind), examples[i].name));
          check(model, task);
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
  }
};

// The oracle's numbers, no byte elsewhere; and nothing shows that lay in outputs, in the workspace,
// or around the buffers.
TEST_P(Conformance, ComputesWhatTheOracleSays) {
  const auto subject = engine(2);
  for_each_task([&](const TrainingModel& model, const Task& task) {
    const KernelSpec spec = kernel_spec(model, task.op);
    KernelRig rig(*subject, model, task.op, task.inputs);
    const RunResult result = rig.run();
    EXPECT_EQ(result.complaint, "");
    for (std::size_t o = 0; o < result.outputs.size(); ++o) {
      expect_near(result.outputs[o], task.outputs[o], spec.outputs[o], GetParam(),
                  fmt::format("output {}", o));
    }
    for (std::size_t i = 0; i < result.inputs.size(); ++i) {
      expect_near(result.inputs[i], task.inputs_after[i], spec.inputs[i], GetParam(),
                  fmt::format("input {} afterwards", i));
    }
    const RunResult other = rig.run({.garbage = std::byte{0x00}, .canary = std::byte{0x5a}});
    EXPECT_EQ(other.outputs, result.outputs) << "a second run amid other garbage";
    EXPECT_EQ(other.inputs, result.inputs) << "a second run amid other garbage";
  });
}

TEST_P(Conformance, HasTheSameBitsOnAnyThreadsAndAddresses) {
  const auto one = engine(1);
  const std::vector<std::unique_ptr<Engine>> others = [] {
    std::vector<std::unique_ptr<Engine>> list;
    for (const int threads : {2, 3, 8}) list.push_back(engine(threads));
    return list;
  }();
  for_each_task([&](const TrainingModel& model, const Task& task) {
    KernelRig rig(*one, model, task.op, task.inputs);
    const RunResult result = rig.run();
    for (const auto& other : others) {
      const RunResult again = KernelRig(*other, model, task.op, task.inputs).run();
      EXPECT_EQ(again.outputs, result.outputs) << "more threads";
      EXPECT_EQ(again.inputs, result.inputs) << "more threads";
    }
    for (const std::size_t shift : {1U, 2U, 7U}) {
      const RunResult again = rig.run({.shift = shift});
      EXPECT_EQ(again.complaint, "");
      EXPECT_EQ(again.outputs, result.outputs) << "other addresses";
    }
  });
}

TEST_P(Conformance, HasTheSameBitsInPlaceAndWithoutOptionalOutputs) {
  const auto subject = engine(2);
  std::set<OpKind> seen_in_place;
  for_each_task([&](const TrainingModel& model, const Task& task) {
    KernelRig rig(*subject, model, task.op, task.inputs);
    const RunResult result = rig.run();
    for (const auto& choice : testing::in_place_choices(model, task.op)) {
      const RunResult again = rig.run({.in_place = choice});
      EXPECT_EQ(again.complaint, "");
      EXPECT_EQ(again.outputs, result.outputs) << "in place";
      seen_in_place.insert(model.kernels[task.op].kind);
    }
    const Kernel& kernel = model.kernels[task.op];
    const auto optional = optional_outputs(kernel.kind, kernel.attributes);
    for (std::size_t set = 1; set < std::size_t{1} << optional.size(); ++set) {
      RunOptions options;
      for (std::size_t i = 0; i < optional.size(); ++i) {
        if ((set >> i & 1) != 0) options.skipped.push_back(optional[i]);
      }
      const RunResult again = rig.run(options);
      EXPECT_EQ(again.complaint, "");
      for (std::size_t o = 0; o < again.outputs.size(); ++o) {
        if (!again.outputs[o].empty()) {
          EXPECT_EQ(again.outputs[o], result.outputs[o]) << "without optional outputs";
        }
      }
    }
  });
  for (std::size_t k = 0; k < kOpKinds; ++k) {
    const auto kind = static_cast<OpKind>(k);
    const bool may_be_in_place = kind == OpKind::kFused || !definition(kind).in_place.empty();
    if (may_be_in_place && !is_communication(kind)) {
      EXPECT_TRUE(seen_in_place.contains(kind)) << to_string(kind) << " never ran in place";
    }
  }
}

// What the tests above iterate over.
TEST(ConformanceExamples, LeaveNoKindOut) {
  std::set<OpKind> kinds;
  const auto& examples = testing::op_examples();
  for (std::size_t i = 0; i < examples.size(); ++i) {
    for (const bool channels_last : {false, true}) {
      for (const Kernel& kernel : model_of(examples[i], i, channels_last).kernels) {
        kinds.insert(kernel.kind);
      }
    }
  }
  for (std::size_t k = 0; k < kOpKinds; ++k) {
    const auto kind = static_cast<OpKind>(k);
    EXPECT_TRUE(is_communication(kind) || kinds.contains(kind)) << to_string(kind);
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, Conformance, ::testing::ValuesIn(engines()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace rockmate
