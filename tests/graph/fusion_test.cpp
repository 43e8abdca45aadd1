// What fusion makes of models: which groups, that they compute the same gradients, and that they
// never take more bytes.
#include "graph/fusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "rockmate/plan.h"
#include "rockmate/schedule.h"
#include "support/fused_examples.h"
#include "support/gradient_check.h"
#include "support/models.h"
#include "support/small_models.h"

namespace rockmate {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::OpExample;
using testing::parts_of;

TrainingModel derive(const Graph& graph, bool fuse, OptimizerKind optimizer = OptimizerKind::kSgd) {
  TrainingOptions options;
  options.fuse = fuse;
  options.optimizer = optimizer;
  return make_training_model(graph, options);
}

TrainingModel derive(const std::string& example, bool fuse) {
  for (const OpExample& each : testing::fused_examples()) {
    if (each.name == example) return derive(testing::example_model(each), fuse);
  }
  throw InvalidInput("no example " + example);
}

std::vector<std::string> groups(const TrainingModel& model) {
  std::vector<std::string> list;
  for (const Kernel& kernel : model.kernels) list.push_back(parts_of(kernel));
  return list;
}

std::vector<std::string> groups(const std::string& example) {
  return groups(derive(example, true));
}

Bytes plain_peak(const TrainingModel& model) {
  return simulate(model.graph, plain_schedule(model.graph))->peak;
}

TEST(Fusion, IsOffByDefault) {
  EXPECT_FALSE(TrainingOptions().fuse);
  EXPECT_THAT(groups(derive("batch_norm_relu", false)), Not(Contains(HasSubstr(" "))));
}

TEST(Fusion, AppliesABatchNormWithItsActivation) {
  const auto found = groups("batch_norm_relu");
  EXPECT_THAT(found, Contains("batch_norm_statistics"));
  EXPECT_THAT(found, Contains("batch_norm_apply relu"));
  EXPECT_THAT(groups("batch_norm_relu6"), Contains("batch_norm_apply clip"));
  EXPECT_THAT(groups("batch_norm_hard_swish"), Contains("batch_norm_apply hard_swish"));
}

TEST(Fusion, TakesTheSignFromWhatTheBatchNormReads) {
  const TrainingModel model = derive("batch_norm_relu", true);
  EXPECT_THAT(groups(model), Contains("batch_norm_apply relu_gradient batch_norm_gradient"));
  // Neither the output of the activation nor a mask of it.
  const auto y = model.graph.find_value("relu_1");
  ASSERT_TRUE(y.has_value());
  for (const OpId reader : model.graph[*y].readers) {
    EXPECT_THAT(parts_of(model.kernels[reader]), Not(HasSubstr("relu_gradient")));
  }
  EXPECT_FALSE(model.graph.find_value("relu_1.mask"));
}

TEST(Fusion, SavesWhatIsSavedAnywayInsteadOfAnActivationsInput) {
  EXPECT_THAT(groups("batch_norm_hard_swish"),
              Contains("batch_norm_apply hard_swish_gradient batch_norm_gradient"));
  EXPECT_FALSE(derive("batch_norm_hard_swish", true).graph.find_value("batch_norm_1"));
}

TEST(Fusion, AddsAndActivates) {
  EXPECT_THAT(groups("batch_norm_add_relu"), Contains("batch_norm_apply add relu"));
  EXPECT_THAT(groups("two_batch_norms_add_relu"),
              Contains("batch_norm_apply batch_norm_apply add relu"));
}

TEST(Fusion, ActivatesTheOutputOfAConvolution) {
  EXPECT_THAT(groups("conv_relu"), Contains("conv relu"));
}

// A batch norm's gradient needs the convolution's output once more.
TEST(Fusion, LeavesAConvolutionApartFromItsBatchNorm) {
  EXPECT_THAT(groups("batch_norm_relu"), Contains("conv"));
}

TEST(Fusion, FusesWhatTransformersAreMadeOf) {
  EXPECT_THAT(groups("bias_gelu"), AllOf(Contains("add gelu"), Contains("add gelu_gradient")));
  EXPECT_THAT(groups("linear_dropout_residual"), Contains("linear dropout add"));
  const auto attention = groups("scale_mask_softmax_dropout");
  EXPECT_THAT(attention, Contains("scale where softmax dropout"));
  EXPECT_THAT(attention, Contains("relu scale matmul").Times(2));
  EXPECT_THAT(attention, Contains("relu_gradient scale softmax_gradient abs_gradient where scale"));
}

// Both are saved: from the probabilities alone the dropout's output is cheap to get.
TEST(Fusion, LeavesSoftmaxApartFromADropoutThatOthersRead) {
  const auto attention = groups("scale_mask_softmax_dropout_read_twice");
  EXPECT_THAT(attention, Contains("scale where softmax"));
  EXPECT_THAT(attention, Contains("dropout"));
}

class FusedExample : public ::testing::TestWithParam<OpExample> {};

TEST_P(FusedExample, HasTheGradientsOfFiniteDifferences) {
  const Graph graph = testing::example_model(GetParam());
  const TrainingModel model = derive(graph, true, OptimizerKind::kNone);
  EXPECT_THAT(groups(model), Contains(HasSubstr(" "))) << "nothing was fused";
  testing::expect_gradients(model, testing::Interpreter(model), testing::Interpreter(model));
}

TEST_P(FusedExample, IsAValidGraphThatTakesNoMoreBytes) {
  for (const OptimizerKind optimizer : {OptimizerKind::kNone, OptimizerKind::kAdam}) {
    const Graph graph = testing::example_model(GetParam());
    const TrainingModel model = derive(graph, true, optimizer);
    ASSERT_TRUE(simulate(model.graph, plain_schedule(model.graph)));
    EXPECT_LE(plain_peak(model), plain_peak(derive(graph, false, optimizer)));
  }
}

INSTANTIATE_TEST_SUITE_P(Patterns, FusedExample, ::testing::ValuesIn(testing::fused_examples()),
                         [](const auto& tested) { return tested.param.name; });

std::vector<testing::NamedModel> models() {
  std::vector<testing::NamedModel> list = testing::small_models();
  list.push_back({"resnet50", testing::resnet(8, {.blocks = {3, 4, 6, 3}, .bottleneck = true})});
  list.push_back({"gpt2", testing::gpt(2, 64, {.layers = 3})});
  list.push_back({"big_unet", testing::unet(2, 64, 4, 16)});
  list.push_back({"vit_b", testing::vision_transformer(2, {.layers = 3})});
  list.push_back({"mlp", testing::mlp(16, 64, 4)});
  return list;
}

TEST(Fusion, TakesNoMoreBytesAndLessTimeInAnyModel) {
  for (const testing::NamedModel& named : models()) {
    SCOPED_TRACE(named.name);
    const TrainingModel single = derive(named.graph, false);
    const TrainingModel fused = derive(named.graph, true);
    EXPECT_LE(plain_peak(fused), plain_peak(single));
    EXPECT_LT(fused.graph.plain_seconds(), single.graph.plain_seconds());
    EXPECT_LT(fused.kernels.size(), single.kernels.size());
    EXPECT_EQ(fused.trained.size(), single.trained.size());
  }
}

// A signature is the key of a measurement: the same for equal groups, another where a part differs.
TEST(Fusion, SignaturesTellThePartsAndNotTheLayer) {
  const TrainingModel model = derive(testing::gpt(1, 8, {.layers = 2, .dropout = 0.1}), true);
  std::map<std::string, std::set<std::string>> signatures;  // by parts
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    if (model.kernels[OpId(o)].kind != OpKind::kFused) continue;
    signatures[parts_of(model.kernels[OpId(o)])].insert(signature(model, OpId(o)));
  }
  ASSERT_TRUE(signatures.contains("linear dropout add"));
  // Two shapes: behind the attention and behind the multi-layer perceptron.
  EXPECT_EQ(signatures["linear dropout add"].size(), 2);
  EXPECT_THAT(*signatures["linear dropout add"].begin(), HasSubstr("=dropout($4) $6=add($3, $5)"));
}

}  // namespace
}  // namespace rockmate
