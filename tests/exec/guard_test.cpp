// Engines that break one rule of the contract each, and the guard that names it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "rockmate/plan.h"
#include "support/interpreter_engine.h"
#include "support/random_plan.h"
#include "support/schedules.h"
#include "support/small_models.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using ::testing::AllOf;
using testing::Bits;
using ::testing::HasSubstr;
using testing::InterpreterEngineOptions;
using testing::Mischief;

constexpr Bytes kWorkspace{128};

const TrainingModel& model() {
  static const TrainingModel made =
      testing::trainable(testing::mixed_net(), OptimizerKind::kMomentum, kWorkspace);
  return made;
}

std::string error_of(const InterpreterEngineOptions& options, const Plan& plan) {
  try {
    Executor executor(model(), plan, testing::make_interpreter_engine(options), {.guard = true});
    for (int step = 0; step < 2; ++step) static_cast<void>(executor.step());
  } catch (const InternalError& error) {
    return error.what();
  }
  return "no error";
}
std::string error_of(const InterpreterEngineOptions& options, const Schedule& schedule) {
  return error_of(options, testing::plan_of(model().graph, schedule));
}

// `mischief` is done to every run of the op of that name, before or after it.
InterpreterEngineOptions bad(const std::string& name, Mischief mischief, bool before = false) {
  InterpreterEngineOptions options{.workspace = kWorkspace};
  (before ? options.before : options.after) = [name, mischief](const std::string& op,
                                                               const Invocation& call) {
    if (op == name) mischief(op, call);
  };
  return options;
}
std::string error_of(const InterpreterEngineOptions& options) {
  return error_of(options, plain_schedule(model().graph));
}

void flip(std::byte* at) { *at ^= std::byte{0x10}; }

TEST(Guard, LetsAGoodEnginePass) {
  const InterpreterEngineOptions good{.workspace = kWorkspace};
  EXPECT_EQ(error_of(good), "no error");
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const Schedule schedule = testing::recomputed_schedule(model().graph, seed);
    EXPECT_EQ(error_of(good, schedule), "no error");
    EXPECT_EQ(error_of(good, testing::in_place_schedule(model().graph, schedule)), "no error");
  }
}

TEST(Guard, ChangesNoBit) {
  const Plan plan = testing::plain_plan(model());
  const auto run = [&](bool guard) {
    return testing::train(model(), plan,
                          testing::make_interpreter_engine({.workspace = kWorkspace}), 2,
                          {.guard = guard});
  };
  EXPECT_EQ(run(false), run(true));
}

TEST(Guard, LetsTheReferenceEnginePass) {
  for (const testing::NamedModel& named : testing::small_models()) {
    const TrainingModel trained = testing::trainable(named.graph, OptimizerKind::kAdamW);
    const Schedule schedule =
        testing::in_place_schedule(trained.graph, testing::recomputed_schedule(trained.graph, 2));
    Executor executor(trained, testing::plan_of(trained.graph, schedule),
                      {.threads = 2, .guard = true});
    EXPECT_NO_THROW(static_cast<void>(executor.step())) << named.name;
  }
}

TEST(Guard, FindsAnInputThatIsWritten) {
  EXPECT_THAT(
      error_of(bad("conv_2", [](auto&, const Invocation& call) { flip(call.inputs[0].data); })),
      AllOf(HasSubstr("op 'conv_2' (conv)"), HasSubstr("wrote to byte 0 of")));
}

TEST(Guard, FindsAParameterThatIsWritten) {
  EXPECT_THAT(
      error_of(bad("conv_2", [](auto&, const Invocation& call) { flip(call.inputs[1].data + 7); })),
      HasSubstr("wrote to byte 7 of 'conv_2.weight'"));
}

TEST(Guard, FindsAWriteBehindAnOutput) {
  EXPECT_THAT(error_of(bad("linear_1",
                           [](auto&, const Invocation& call) {
                             flip(call.outputs[0].data + call.outputs[0].type->bytes().count());
                           })),
              HasSubstr("op 'linear_1' (linear)"));
}

TEST(Guard, FindsAWriteBehindTheWorkspace) {
  EXPECT_THAT(error_of(bad("batch_norm_1",
                           [](auto&, const Invocation& call) {
                             flip(call.workspace.data() + call.workspace.size());
                           })),
              AllOf(HasSubstr("op 'batch_norm_1'"), HasSubstr("wrote to")));
}

TEST(Guard, FindsAnOutputThatIsNotWritten) {
  Bits kept;
  InterpreterEngineOptions options{.workspace = kWorkspace};
  options.before = [&](const std::string& op, const Invocation& call) {
    if (op == "concat_1") kept.assign(call.outputs[0].data + 20, call.outputs[0].data + 24);
  };
  options.after = [&](const std::string& op, const Invocation& call) {
    if (op == "concat_1") std::copy(kept.begin(), kept.end(), call.outputs[0].data + 20);
  };
  EXPECT_THAT(error_of(options), HasSubstr("left unwritten byte 20 of 'concat_1'"));
}

TEST(Guard, FindsAReadOfTheWorkspaceBeforeItIsWritten) {
  InterpreterEngineOptions options{.workspace = kWorkspace};
  Bits stale;
  options.before = [&](const std::string& op, const Invocation& call) {
    if (op == "silu_1") stale.assign(call.workspace.begin(), call.workspace.end());
  };
  options.after = [&](const std::string& op, const Invocation& call) {
    if (op == "silu_1") call.outputs[0].data[4] = stale[0] ^ std::byte{1};
  };
  EXPECT_THAT(error_of(options),
              HasSubstr("read what is none of its inputs: it shows in byte 4 of 'silu_1'"));
}

// A kernel that keeps the address of a value which the plan has freed since. No address is used
// twice here, so that nothing else lives there.
TEST(Guard, FindsAReadOfFreedMemory) {
  const std::byte* freed = nullptr;
  InterpreterEngineOptions options{.workspace = kWorkspace};
  options.after = [&](const std::string& op, const Invocation& call) {
    if (op == "group_norm_1") freed = call.outputs[0].data;
    if (op != "conv_2.weight_gradient") return;
    float element = 0;
    std::memcpy(&element, freed, sizeof(element));
    element = 0.5F * std::max(0.0F, element);  // hides a NaN
    std::memcpy(call.outputs[0].data, &element, sizeof(element));
  };
  Plan plan = testing::plain_plan(model());
  plan.layout->arena_bytes = Bytes();
  for (LayoutRow& row : plan.layout->rows) {
    row.offset = plan.layout->arena_bytes;
    plan.layout->arena_bytes += row.bytes;
  }
  plan.budget = plan.needed();
  EXPECT_THAT(error_of(options, plan), HasSubstr("read what is none of its inputs"));
}

TEST(Guard, FindsAnEngineThatIsNotDeterministic) {
  int calls = 0;
  EXPECT_THAT(error_of(bad("relu_1",
                           [&](auto&, const Invocation& call) {
                             call.outputs[0].data[0] ^= std::byte(++calls & 1);
                           })),
              HasSubstr("op 'relu_1'"));
}

TEST(Guard, FindsARecomputationThatWritesOtherBits) {
  // gelu_1 runs twice in a row; its second run finds the output resident.
  Schedule schedule = plain_schedule(model().graph);
  const auto gelu = model().graph.find_op("gelu_1").value();
  const auto runs_gelu = [&](const Action& action) {
    const auto* compute = std::get_if<Compute>(&action);
    return compute != nullptr && compute->op == gelu;
  };
  const auto at = std::find_if(schedule.begin(), schedule.end(), runs_gelu);
  schedule.insert(at + 1, *at);
  int runs = 0;
  const auto second = bad("gelu_1", [&](auto&, const Invocation& call) {
    if (++runs > 2) flip(call.outputs[0].data);
  });
  EXPECT_THAT(error_of(second, schedule), HasSubstr("wrote other bits than before to byte 0 of"));
}

}  // namespace
}  // namespace rockmate
