#include "support/kernel_check.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "support/fused_examples.h"
#include "support/interpreter_engine.h"
#include "support/kernel_rig.h"
#include "support/source_bits.h"

namespace rockmate::testing {
namespace {

void check(const TrainingModel& model, OpId op, const std::vector<Bits>& inputs,
           const std::vector<Bits>& expected, double relative) {
  const auto cpu = make_cpu_engine(2);
  KernelRig rig(*cpu, model, op, inputs);
  const auto found = rig.run();
  EXPECT_EQ(found.complaint, "");
  for (std::size_t o = 0; o < expected.size(); ++o) {
    const TensorType& type = model.types[model.kernels[op].outputs[o]];
    expect_near(found.outputs[o], expected[o], type, 0, relative);
  }
  for (const int threads : {1, 3}) {
    const auto engine = make_cpu_engine(threads);
    EXPECT_EQ(KernelRig(*engine, model, op, inputs).run().outputs, found.outputs) << threads;
  }
  for (const auto& choice : in_place_choices(model, op)) {
    const auto again = rig.run({.in_place = choice});
    EXPECT_EQ(again.complaint, "");
    EXPECT_EQ(again.outputs, found.outputs) << "in place";
  }
}

}  // namespace

int check_kernels(const TrainingModel& model,
                  const std::function<bool(const std::string& parts)>& is_tested, double relative) {
  const auto oracle = make_interpreter_engine();
  std::map<ValueId, Bits> values = source_bits(model);
  int tested = 0;
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    const Kernel& kernel = model.kernels[OpId(o)];
    SCOPED_TRACE(signature(model, OpId(o)));
    std::vector<Bits> inputs;
    for (const ValueId v : kernel.inputs) inputs.push_back(values.at(v));
    const auto expected = KernelRig(*oracle, model, OpId(o), inputs).run();
    for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
      values[kernel.outputs[i]] = expected.outputs[i];
    }
    for (std::size_t i = 0; i < kernel.inputs.size(); ++i) {
      values[kernel.inputs[i]] = expected.inputs[i];  // some are updated
    }
    if (!is_tested(parts_of(kernel))) continue;
    check(model, OpId(o), inputs, expected.outputs, relative);
    ++tested;
    if (::testing::Test::HasFailure()) break;
  }
  return tested;
}

}  // namespace rockmate::testing
