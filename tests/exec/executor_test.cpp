// The executor as its users see it: values by name, data, errors, and the numbers of the oracle.
#include "rockmate/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "rockmate/error.h"
#include "rockmate/plan.h"
#include "support/interpreter.h"
#include "support/interpreter_engine.h"
#include "support/models.h"
#include "support/random_plan.h"
#include "support/schedules.h"
#include "support/small_models.h"
#include "support/throws.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::message_of;
using testing::to_doubles;

constexpr std::int64_t kBatch = 3;
constexpr std::int64_t kWidth = 8;

class OnAnMlp : public ::testing::Test {
 protected:
  Executor executor(const ExecutorOptions& options = {}) {
    return {model_, plan_, testing::make_interpreter_engine(), options};
  }
  static std::vector<float> pixels() {
    std::vector<float> elements(kBatch * kWidth);
    for (std::size_t e = 0; e < elements.size(); ++e) elements[e] = static_cast<float>(e) / 10;
    return elements;
  }
  const TrainingModel model_ = testing::trainable(testing::mlp(kBatch, kWidth, 2));
  Plan plan_ = testing::plain_plan(model_);
};

TEST_F(OnAnMlp, TrainsOnTheSameDataUntilTheLossFalls) {
  Executor run = executor();
  run.set<float>("x", pixels());
  run.set<std::int64_t>("target", std::vector<std::int64_t>{1, 2, 9});
  const StepReport first = run.step();
  EXPECT_EQ(first.step, 0u);
  EXPECT_GE(first.seconds, Seconds(0));
  EXPECT_EQ(first.losses.size(), 1u);
  EXPECT_EQ(first.loss, first.losses[0]);
  StepReport last;
  for (int step = 0; step < 50; ++step) last = run.step();
  EXPECT_EQ(last.step, 50u);
  EXPECT_LT(last.loss, first.loss);
  EXPECT_EQ(run.values<float>("x")[5], 0.5F) << "data stay until they are set again";
}

TEST_F(OnAnMlp, SyntheticDataAreNewInEveryStepAndInRange) {
  Executor run = executor();
  static_cast<void>(run.step());
  const auto copy = [&] {
    const auto x = run.values<float>("x");
    return std::vector<float>(x.begin(), x.end());
  };
  const std::vector<float> first = copy();
  EXPECT_THAT(run.values<std::int64_t>("target"), Each(AllOf(::testing::Ge(0), ::testing::Lt(10))));
  static_cast<void>(run.step());
  EXPECT_NE(copy(), first);
}

TEST_F(OnAnMlp, TimesEveryRunWhereAsked) {
  Executor silent = executor();
  static_cast<void>(silent.step());
  EXPECT_TRUE(silent.op_times().empty());
  Executor timed = executor({.time_ops = true});
  const StepReport report = timed.step();
  std::size_t runs = 0;
  Seconds sum;
  for (const Action& action : plan_.schedule) {
    const auto* compute = std::get_if<Compute>(&action);
    if (compute == nullptr || model_.graph[compute->op].seconds() == Seconds()) continue;
    ASSERT_LT(runs, timed.op_times().size());
    const OpTime& time = timed.op_times()[runs++];
    EXPECT_EQ(time.op, compute->op);
    EXPECT_GT(time.seconds, Seconds());
    sum += time.seconds;
  }
  EXPECT_EQ(runs, timed.op_times().size());
  EXPECT_LE(sum, report.seconds);
}

TEST_F(OnAnMlp, TheSeedDecidesAndNothingElse) {
  const auto losses = [&](std::uint64_t seed, int threads) {
    Executor run = executor({.threads = threads, .seed = seed});
    return std::pair(run.step().loss, run.step().loss);
  };
  EXPECT_EQ(losses(1, 1), losses(1, 2));
  EXPECT_NE(losses(1, 1), losses(2, 1));
}

TEST_F(OnAnMlp, TheTotalLossIsWeighted) {
  const TrainingModel model = testing::trainable(testing::mixed_net());
  Executor run(model, testing::plain_plan(model), testing::make_interpreter_engine());
  const StepReport report = run.step();
  ASSERT_EQ(report.losses.size(), 2u);
  EXPECT_DOUBLE_EQ(report.loss, 0.3 * report.losses[0] + report.losses[1]);
}

TEST_F(OnAnMlp, WrongDataAreRefused) {
  Executor run = executor();
  EXPECT_EQ(message_of([&] { run.set<float>("y", pixels()); }), "'mlp' has no value 'y'");
  EXPECT_EQ(message_of([&] { run.set<float>("relu_1", pixels()); }),
            "'relu_1' is made by op 'relu_1' and cannot be set; expected a source");
  EXPECT_EQ(message_of([&] { run.set<double>("x", std::vector<double>(24)); }),
            "'x' is float32[3, 8], not float64");
  EXPECT_EQ(message_of([&] { run.set<float>("x", std::vector<float>(23)); }),
            "'x': 92 bytes were given, expected 96 for float32[3, 8]");
  EXPECT_EQ(message_of([&] {
              run.set<std::int64_t>("target", std::vector<std::int64_t>{0, -100, 10});
            }),
            "'target': element 2 is 10, expected 0 to 9 (or -100)");
}

TEST_F(OnAnMlp, ValuesThatAreNotThereAreRefused) {
  Executor run = executor();
  EXPECT_EQ(message_of([&] { static_cast<void>(run.bytes("cross_entropy_1")); }),
            "'cross_entropy_1' does not exist before the first step");
  static_cast<void>(run.step());
  EXPECT_EQ(run.values<float>("cross_entropy_1").size(), 1u);
  EXPECT_THAT(message_of([&] { static_cast<void>(run.bytes("relu_1")); }),
              HasSubstr("'relu_1' is gone when a step ends"));
  EXPECT_EQ(message_of([&] { static_cast<void>(run.values<double>("linear_1.bias")); }),
            "'linear_1.bias' is float32[8], not float64");
}

TEST_F(OnAnMlp, GradientsAreResidentWhereTheyAreResults) {
  const TrainingModel model =
      testing::trainable(testing::mlp(kBatch, kWidth, 2), OptimizerKind::kNone);
  Executor run(model, testing::plain_plan(model), testing::make_interpreter_engine());
  static_cast<void>(run.step());
  for (const TrainedParameter& trained : model.trained) {
    const auto gradient = run.values<float>(model.graph[trained.gradient].name);
    EXPECT_THAT(gradient, ::testing::Contains(::testing::Ne(0)));
  }
}

TEST_F(OnAnMlp, DivergenceIsAnError) {
  Executor run = executor();
  std::vector<float> weight(kWidth * kWidth, NAN);
  run.set<float>("linear_1.weight", weight);
  EXPECT_THAT(message_of([&] { static_cast<void>(run.step()); }),
              AllOf(HasSubstr("step 0: the loss 'cross_entropy_1' is nan"),
                    HasSubstr("smaller learning rate")));
}

TEST_F(OnAnMlp, PlansThatCannotRunAreRefused) {
  const auto error = [&](const Plan& plan) {
    return message_of(
        [&] { const Executor run(model_, plan, testing::make_interpreter_engine()); });
  };
  Plan other = plan_;
  other.graph = "gpt";
  EXPECT_EQ(error(other), "plan for 'mlp': it was made for the graph 'gpt'");
  Plan without = plan_;
  without.layout.reset();
  EXPECT_THAT(error(without), HasSubstr("it has no layout"));
  Plan short_one = plan_;
  short_one.schedule.pop_back();
  short_one.schedule.erase(short_one.schedule.begin());
  EXPECT_THAT(error(short_one), HasSubstr("plan for 'mlp': action 0:"));
  Plan shifted = plan_;
  for (LayoutRow& row : shifted.layout->rows) row.offset += Bytes(4);
  shifted.layout->arena_bytes += Bytes(4);
  EXPECT_THAT(error(shifted), HasSubstr("its budget is"));
  shifted.budget = shifted.needed();
  EXPECT_THAT(error(shifted), HasSubstr("no multiple of 64"));
  Plan overlapping = plan_;
  for (LayoutRow& row : overlapping.layout->rows) row.offset = Bytes(0);
  EXPECT_THAT(error(overlapping), HasSubstr("overlaps"));
}

TEST_F(OnAnMlp, APlanWithoutWorkspaceForTheEngineIsRefused) {
  EXPECT_EQ(message_of([&] {
              const Executor run(model_, plan_,
                                 testing::make_interpreter_engine({.workspace = Bytes(100)}));
            }),
            "plan for 'mlp': action 0: op 'linear_1' has 0 bytes of workspace, engine "
            "'interpreter' needs 100; plan for that engine");
}

TEST(Executor, UnknownEnginesAreRefused) {
  EXPECT_EQ(message_of([] { static_cast<void>(engine_workspace("gpu")); }),
            "unknown engine 'gpu', expected reference, cpu, vector or vector:CARD");
}

// Losses, gradients and updated sources against the oracle in double precision, on the same
// schedule.
TEST(Executor, AgreesWithTheInterpreter) {
  for (const testing::NamedModel& named : testing::small_models()) {
    const TrainingModel model = testing::trainable(named.graph, OptimizerKind::kNone);
    const Schedule schedule = testing::recomputed_schedule(model.graph, 5);
    Executor run(model, testing::plan_of(model.graph, schedule), testing::make_interpreter_engine(),
                 {.seed = 9});
    testing::Interpreter oracle(model, 9);
    const auto elements = [&](ValueId v) {
      return to_doubles(model.types[v], run.bytes(model.graph[v].name).data());
    };
    for (const Source& source : model.sources) {
      if (!source.is_given) oracle.set(source.value, elements(source.value));
    }
    static_cast<void>(run.step());
    for (const Source& source : model.sources) {
      if (source.is_given) oracle.set(source.value, elements(source.value));
    }
    oracle.run(schedule);
    const auto expect_near = [&](ValueId v) {
      const std::vector<double> found = elements(v);
      for (std::size_t e = 0; e < found.size(); ++e) {
        ASSERT_NEAR(found[e], oracle[v].data[e], 1e-4 * (1 + std::abs(found[e])))
            << named.name << ": " << model.graph[v].name;
      }
    };
    for (const WeightedLoss& loss : model.losses) expect_near(loss.value);
    for (const TrainedParameter& trained : model.trained) expect_near(trained.gradient);
    for (const Source& source : model.sources) expect_near(source.value);
  }
}

}  // namespace
}  // namespace rockmate
