// What an iteration that trains nothing does once: which ops, which operands, and what is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rockmate/graph_builder.h"
#include "rockmate/training_model.h"

namespace rockmate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> source_names(const TrainingModel& model) {
  std::vector<std::string> names;
  for (const Source& source : model.sources) names.push_back(model.graph[source.value].name);
  return names;
}

std::vector<std::string> names_of(const Load& load) {
  std::vector<std::string> names;
  for (const Source& source : load.sources) names.push_back(load.names[source.value]);
  return names;
}

// Packs the weights of linear layers, with their bias.
std::vector<Packing> pack_linear(const KernelSpec& spec) {
  if (spec.kernel.kind != OpKind::kLinear) return {};
  Packing packing{1, {1}, Bytes(1000)};
  if (spec.inputs.size() > 2) packing.reads.push_back(2);
  return {packing};
}

TrainingModel used(GraphBuilder b) {
  TrainingOptions options;
  options.packings = pack_linear;
  return make_inference_model(std::move(b).build(), options);
}

TEST(Load, TakesPackedOperandsAway) {
  GraphBuilder b("net");
  b.output(b.linear(b.relu(b.linear(b.input("x", {4, 3}), 5, false)), 2));
  const TrainingModel model = used(std::move(b));
  ASSERT_NE(model.load, nullptr);
  EXPECT_THAT(source_names(model), ElementsAre("x", "linear_2.bias", "linear_1.weight.packed",
                                               "linear_2.weight.packed"));
  EXPECT_THAT(names_of(*model.load),
              ElementsAre("linear_1.weight", "linear_2.weight", "linear_2.bias"));
  EXPECT_THAT(model.load->kernels, IsEmpty());
  const Load::Made& second = model.load->made.at(1);
  EXPECT_EQ(model.graph[*second.packed_for].name, "linear_2");
  EXPECT_EQ(second.operand, 1u);
  ASSERT_EQ(second.from.size(), 3u);
  EXPECT_FALSE(second.from[0].has_value());
  EXPECT_EQ(model.load->names[*second.from[2]], "linear_2.bias");
  const TensorType& type = model.types[second.source];
  EXPECT_EQ(type.bytes(), Bytes(1000));
  EXPECT_EQ(to_string(type), "float32[2, 5]@packed");
  EXPECT_EQ(model.graph[second.source].bytes, aligned(Bytes(1000)));
}

// A made-up source begins as it would without a load.
TEST(Load, KeepsThePositionsOfSources) {
  GraphBuilder b("net");
  b.output(b.linear(b.linear(b.input("x", {4, 3}), 5, false), 2));
  const TrainingModel model = used(std::move(b));
  EXPECT_EQ(model.load->sources[0].position, 1u);
  EXPECT_EQ(model.load->sources[1].position, 2u);
  EXPECT_EQ(model.sources[1].position, 3u);
}

TEST(Load, LeavesOperandsThatOthersReadToo) {
  GraphBuilder b("net");
  const TensorId weight = b.parameter("w", {3, 3}, {Fill::Kind::kUniform, 1});
  const TensorId x = b.input("x", {4, 3});
  b.output(b.matmul(b.linear(x, weight, std::nullopt), weight));
  EXPECT_EQ(used(std::move(b)).load, nullptr);
}

TEST(Load, LeavesWhatIsGiven) {
  GraphBuilder b("net");
  b.output(b.linear(b.input("x", {4, 3}), b.input("w", {2, 3}), std::nullopt));
  EXPECT_EQ(used(std::move(b)).load, nullptr);
}

// (v + 1)^2 is made once; a copy of it four times as large, and large, is made anew each time.
TEST(Load, MakesOnceWhatTakesLittle) {
  GraphBuilder b("net");
  const TensorId v = b.parameter("v", {1, 6000});
  const TensorId factor = b.pow(b.scale(v, 1, 1), 2);
  b.output(b.mul(b.input("x", {4, 6000}), b.expand(factor, {4, 6000})));
  const TrainingModel model = used(std::move(b));
  ASSERT_NE(model.load, nullptr);
  EXPECT_EQ(model.load->kernels.size(), 2u);
  EXPECT_THAT(names_of(*model.load), ElementsAre("v"));
  EXPECT_FALSE(model.graph.find_value("v").has_value());
  std::vector<OpKind> kinds;
  for (const Kernel& kernel : model.kernels) kinds.push_back(kernel.kind);
  EXPECT_THAT(kinds, ElementsAre(OpKind::kExpand, OpKind::kMul));
}

TEST(Load, IsNoneWithoutPackingsAndInTrainings) {
  GraphBuilder b("net");
  const TensorId y = b.linear(b.input("x", {4, 3}), 5);
  b.output(y);
  b.loss(b.mse(y, b.input("target", {4, 5})));
  const Graph graph = std::move(b).build();
  EXPECT_EQ(make_inference_model(graph).load, nullptr);
  TrainingOptions options;
  options.packings = pack_linear;
  EXPECT_EQ(make_training_model(graph, options).load, nullptr);
  EXPECT_EQ(make_evaluation_model(graph, options).load, nullptr);
}

}  // namespace
}  // namespace rockmate
