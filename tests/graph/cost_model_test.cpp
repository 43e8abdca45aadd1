#include "rockmate/cost_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "rockmate/error.h"
#include "rockmate/training_model.h"
#include "support/models.h"

namespace rockmate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

Device simple_device() {
  return {.name = "simple",
          .matrix_flops = 1000,
          .half_matrix_flops = 4000,
          .vector_flops = 100,
          .bytes_per_second = 10,
          .flops_efficiency = 0.5,
          .bytes_efficiency = 1,
          .launch = Seconds(1)};
}

double seconds(const Work& work) {
  return CostModel::analytic(simple_device()).cost("op", "op()", work).seconds.count();
}

TEST(CostModel, IsTheLargerOfComputingAndMovingPlusTheLaunch) {
  EXPECT_DOUBLE_EQ(seconds({}), 1);
  EXPECT_DOUBLE_EQ(seconds({.flops = 100, .traffic = Bytes(5)}), 1 + 2);
  EXPECT_DOUBLE_EQ(seconds({.flops = 100, .traffic = Bytes(50)}), 1 + 5);
}

TEST(CostModel, HasARateForMatricesAndOneForHalfPrecision) {
  EXPECT_DOUBLE_EQ(seconds({.flops = 1000, .is_matrix = true}), 1 + 2);
  EXPECT_DOUBLE_EQ(seconds({.flops = 1000, .is_matrix = true, .is_half = true}), 1 + 0.5);
}

TEST(CostModel, CountsRoundedOperandsAtTheRateOfHalfPrecision) {
  Device device = simple_device();
  device.bytes_per_second = 1e12;
  TrainingOptions options{.fuse = true, .costs = CostModel::analytic(device)};
  const Graph graph = testing::resnet(2, {.blocks = {1}, .image = 8, .width = 2, .classes = 3});
  const auto models = {make_training_model(graph, options), make_evaluation_model(graph, options)};
  options.bf16 = true;
  const auto rounded = {make_training_model(graph, options), make_evaluation_model(graph, options)};
  std::set<OpKind> faster;
  for (std::size_t m = 0; m < models.size(); ++m) {
    const TrainingModel& before = models.begin()[m];
    const TrainingModel& after = rounded.begin()[m];
    ASSERT_EQ(before.kernels.size(), after.kernels.size());
    for (std::size_t o = 0; o < before.kernels.size(); ++o) {
      const OpId op(o);
      const auto seconds_of = [&](const TrainingModel& model) {
        return (model.graph[op].seconds() - device.launch).count();
      };
      const bool is_rounded = signature(before, op) != signature(after, op);
      EXPECT_NEAR(seconds_of(after), seconds_of(before) / (is_rounded ? 4 : 1), 1e-9);
      if (is_rounded) faster.insert(before.kernels[op].kind);
    }
  }
  using enum OpKind;
  EXPECT_THAT(faster, ::testing::UnorderedElementsAre(kConv, kConvTranspose, kConvWeightGradient,
                                                      kLinear, kLinearWeightGradient, kFused));
}

TEST(CostModel, HasTheDeclaredPresets) {
  for (const char* name : {"v100", "a100", "h100", "cpu", "ve10b", "ve20b", "ve30b"}) {
    EXPECT_EQ(device_preset(name).name, name);
    EXPECT_GT(CostModel::analytic(name).cost("op", "op()", {.flops = 1}).seconds, Seconds(0));
  }
  EXPECT_THAT([] { static_cast<void>(device_preset("tpu")); },
              ThrowsMessage<InvalidInput>(HasSubstr("unknown device 'tpu', expected one of v100")));
}

TEST(CostModel, RejectsADeviceThatComputesNothing) {
  Device device = simple_device();
  device.vector_flops = 0;
  EXPECT_THAT([&] { static_cast<void>(CostModel::analytic(device)); },
              ThrowsMessage<InvalidInput>(HasSubstr("'simple': vector_flops is 0")));
}

TEST(CostModel, MeasurementsComeFirst) {
  CostModel costs = CostModel::analytic(simple_device());
  costs.parse(R"json({"format": "rockmate.costs/1", "device": "free text", "costs": [
                       {"op": "a()", "seconds": 0.25},
                       {"op": "b()", "seconds": 0.5, "workspace": 7, "implementations":
                        [{"name": "fast", "seconds": 0.1, "workspace": 9, "bits": "w"}]}]})json",
              "costs.json");
  EXPECT_EQ(costs.cost("op", "a()", {}).seconds, Seconds(0.25));
  const OpCost b = costs.cost("op", "b()", {});
  EXPECT_EQ(b.workspace, Bytes(7));
  ASSERT_EQ(b.implementations.size(), 1U);
  EXPECT_EQ(b.implementations[0].name, "fast");
  EXPECT_EQ(b.implementations[0].workspace, Bytes(9));
  EXPECT_EQ(b.implementations[0].bits, "w");
  EXPECT_EQ(costs.cost("op", "c()", {}).seconds, Seconds(1));
}

TEST(CostModel, WritesWhatItReads) {
  CostModel costs = CostModel::measured();
  costs.set("a(float32[2])", {Seconds(0.125), Bytes(3), {{"x", Seconds(1), Bytes(2), "k"}}});
  costs.set("b()", {Seconds(1e-7), {}, {}, Seconds(1e-8)});
  costs.set_caches(12_MiB);
  CostModel copy = CostModel::measured();
  copy.parse(costs.to_json(), "copy");
  EXPECT_EQ(copy.to_json(), costs.to_json());
  EXPECT_EQ(copy.cost("op", "b()", {}).seconds, Seconds(1e-7));
  EXPECT_EQ(copy.cost("op", "b()", {}).cached, Seconds(1e-8));
  EXPECT_EQ(copy.caches(), 12_MiB);
}

TEST(CostModel, AnUnknownCostIsAnErrorThatNamesTheOp) {
  const TrainingOptions options{.costs = CostModel::measured()};
  EXPECT_THAT([&] { static_cast<void>(make_training_model(testing::mlp(2, 3, 1), options)); },
              ThrowsMessage<InvalidInput>(HasSubstr("op 'linear_1': its cost is unknown")));
}

TEST(CostModel, MeasurementsReachTheGraphBySignature) {
  const Graph graph = testing::mlp(2, 3, 1);
  const TrainingModel analytic = make_training_model(graph);
  TrainingOptions options{.costs = CostModel::measured()};
  for (std::size_t o = 0; o < analytic.graph.ops().size(); ++o) {
    options.costs.set(signature(analytic, OpId(o)),
                      {Seconds(1.5), Bytes(64), {{"other", Seconds(1), Bytes(), ""}}});
  }
  const TrainingModel measured = make_training_model(graph, options);
  for (const Op& op : measured.graph.ops()) {
    EXPECT_EQ(op.seconds(), Seconds(1.5)) << op.name;
    EXPECT_EQ(op.workspace(), Bytes(64));
    EXPECT_EQ(op.implementations.size(), 2U);
  }
}

struct BadCost {
  const char* text;  // of the list of costs
  const char* message;
};

TEST(CostModel, RejectsBrokenFilesInOneLine) {
  const BadCost bad[] = {
      {"3", "$.costs: found 3, expected a list"},
      {"[3]", "$.costs[0]: found 3, expected an object (a cost)"},
      {R"([{"seconds": 1}])", "$.costs[0].op: found nothing"},
      {R"([{"op": "a"}])", "$.costs[0].seconds: found nothing"},
      {R"([{"op": "a", "seconds": "1"}])", R"($.costs[0].seconds: found "1")"},
      {R"([{"op": "a", "seconds": -1}])", "$.costs[0].seconds: found -1"},
      {R"([{"op": "a", "seconds": 1e999}])", "$.costs[0].seconds: found 1e999"},
      {R"([{"op": "a", "seconds": 1, "workspace": 0.5}])", "$.costs[0].workspace: found 0.5"},
      {R"([{"op": "a", "seconds": 1, "implementations": [{"seconds": 1}]}])",
       "$.costs[0].implementations[0].name: found nothing"},
      {R"([{"op": "a", "seconds": 1}, {"op": "a", "seconds": 2}])",
       "$.costs[1].op: found 'a' again, expected each op once"}};
  for (const BadCost& tested : bad) {
    CostModel costs = CostModel::measured();
    const std::string text =
        std::string(R"({"format": "rockmate.costs/1", "costs": )") + tested.text + "}";
    EXPECT_THAT(
        [&] { costs.parse(text, "costs.json"); },
        ThrowsMessage<InvalidInput>(AllOf(HasSubstr("costs.json: "), HasSubstr(tested.message),
                                          ::testing::Not(HasSubstr("\n")))));
    EXPECT_EQ(costs.to_json(), CostModel::measured().to_json());  // nothing was taken
  }
  EXPECT_THAT([] { CostModel::measured().parse(R"({"format": "rockmate.plan/1"})", "f"); },
              ThrowsMessage<InvalidInput>(HasSubstr("$.format: found \"rockmate.plan/1\"")));
}

TEST(CostModel, WarnsOfUnknownKeys) {
  std::vector<std::string> warnings;
  CostModel::measured().parse(R"({"format": "rockmate.costs/1", "costs": [], "extra": 1})", "f",
                              &warnings);
  EXPECT_THAT(warnings, ::testing::ElementsAre(HasSubstr("extra")));
}

TEST(CostModel, SaysWhichFileCannotBeRead) {
  EXPECT_THAT([] { CostModel::measured().read("/nowhere/costs.json"); },
              ThrowsMessage<InvalidInput>(HasSubstr("/nowhere/costs.json")));
}

}  // namespace
}  // namespace rockmate
