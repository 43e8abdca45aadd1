// What the reference engine does at the edges: values that overflow, indices that do not exist,
// types that it does not take.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "rockmate/graph_builder.h"
#include "rockmate/schedule.h"
#include "support/engine_machine.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::ElementsAre;
using testing::EngineMachine;
using ::testing::HasSubstr;
using testing::message_of;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The elements of what `add` makes of a tensor of this type with these elements.
template <class Add>
std::vector<double> result_of(const TensorType& type, const std::vector<double>& elements,
                              const Add& add) {
  GraphBuilder b("edge");
  const TensorId w = b.parameter("w", {}, {Fill::Kind::kConstant, 1});
  const TensorId x = b.input("x", type.shape, type.dtype);
  const TensorId y = add(b, x);
  b.output(y);
  const TensorId real = b[y].type.dtype == DType::kFloat32 ? y : b.cast(y, DType::kFloat32);
  b.loss(b.reduce_sum(b.mul(real, w)));
  const TrainingModel model = make_training_model(std::move(b).build());
  const auto engine = make_reference_engine(2);
  EngineMachine machine(model, *engine);
  machine.set(*model.graph.find_value("x"), elements);
  machine.run_losses();
  return machine[model.outputs.at(0)].data;
}

TEST(ReferenceEngine, DividesWholeNumbersWithoutTrapping) {
  const TensorType type{DType::kInt32, {4}};
  const double least = std::numeric_limits<std::int32_t>::min();
  const auto divide = [&](GraphBuilder& b, TensorId x) {
    return b.div(x, b.constant("d", {DType::kInt32, {4}}, {2, 0, -1, -3}));
  };
  EXPECT_THAT(result_of(type, {7, 5, least, 7}, divide), ElementsAre(3, 0, least, -2));
}

TEST(ReferenceEngine, WrapsSumsAndProductsOfWholeNumbers) {
  const TensorType type{DType::kInt32, {1}};
  const double most = std::numeric_limits<std::int32_t>::max();
  const auto sum = [](GraphBuilder& b, TensorId x) { return b.add(x, x); };
  EXPECT_THAT(result_of(type, {most}, sum), ElementsAre(-2));
  const auto square = [](GraphBuilder& b, TensorId x) { return b.mul(x, x); };
  EXPECT_THAT(result_of({DType::kUInt8, {1}}, {20}, square), ElementsAre(400 % 256));
}

TEST(ReferenceEngine, CastsToTheNearestNumberThatExists) {
  const auto cast = [](GraphBuilder& b, TensorId x) { return b.cast(x, DType::kUInt8); };
  EXPECT_THAT(result_of({DType::kFloat32, {6}}, {2.7, -3, 300, kInfinity, -kInfinity, NAN}, cast),
              ElementsAre(2, 0, 255, 255, 0, 0));
  const auto to_bool = [](GraphBuilder& b, TensorId x) { return b.cast(x, DType::kBool); };
  EXPECT_THAT(result_of({DType::kFloat32, {3}}, {0, 0.25, -8}, to_bool), ElementsAre(0, 1, 1));
}

TEST(ReferenceEngine, DoesNotOverflowWhereTheResultDoesNot) {
  const TensorType type{DType::kFloat32, {1, 3}};
  const auto softmax = [](GraphBuilder& b, TensorId x) { return b.softmax(x); };
  EXPECT_THAT(result_of(type, {1000, -kInfinity, 1000}, softmax), ElementsAre(0.5, 0, 0.5));
  const auto softplus = [](GraphBuilder& b, TensorId x) { return b.softplus(x); };
  EXPECT_THAT(result_of(type, {1000, -1000, 500}, softplus), ElementsAre(1000, 0, 500));
  const auto loss = [](GraphBuilder& b, TensorId x) {
    return b.binary_cross_entropy(x, b.constant("t", {DType::kFloat32, {1, 3}}, {1, 0, 0}));
  };
  EXPECT_THAT(result_of(type, {1000, -1000, 300}, loss), ElementsAre(100));
}

TEST(ReferenceEngine, LosesNoNanInAPool) {
  const auto pool = [](GraphBuilder& b, TensorId x) { return b.max_pool(x, {3}); };
  const auto y = result_of({DType::kFloat32, {1, 1, 6}}, {1, NAN, 2, -1, -2, -3}, pool);
  EXPECT_TRUE(std::isnan(y.at(0)));
  EXPECT_EQ(y.at(1), -1);
}

TEST(ReferenceEngine, CountsNoTargetThatIsIgnored) {
  const auto loss = [](GraphBuilder& b, TensorId x) {
    return b.cross_entropy(x, b.constant("t", {DType::kInt64, {2}}, {-100, -100}));
  };
  EXPECT_THAT(result_of({DType::kFloat32, {2, 3}}, {1, 2, 3, 4, 5, 6}, loss), ElementsAre(0));
}

TEST(ReferenceEngine, RejectsIndicesThatDoNotExist) {
  const auto gather = [](double index) {
    return [index](GraphBuilder& b, TensorId x) {
      return b.gather(x, b.constant("i", {DType::kInt32, {2}}, {0, index}));
    };
  };
  const TensorType type{DType::kFloat32, {3, 2}};
  const std::vector<double> elements(6, 1);
  for (const double index : {-1.0, 3.0}) {
    EXPECT_THAT(message_of([&] { static_cast<void>(result_of(type, elements, gather(index))); }),
                HasSubstr(fmt::format("index 1 is {}, expected 0 <= index < 3", index)));
  }
  const auto loss = [](GraphBuilder& b, TensorId x) {
    return b.cross_entropy(x, b.constant("t", {DType::kInt64, {3}}, {0, 1, 2}));
  };
  EXPECT_THAT(message_of([&] { static_cast<void>(result_of(type, elements, loss)); }),
              HasSubstr("target 2 is 2, expected 0 <= class < 2, or -100 to ignore it"));
}

// A model of float64 keeps its statistics in float32.
TEST(ReferenceEngine, MixesTypesInRunningStatisticsOnly) {
  GraphBuilder b("mixed");
  const TensorId w = b.parameter("w", {4, 2}, {Fill::Kind::kUniform, 1}, DType::kFloat64);
  const TensorId one = b.constant("one", {DType::kFloat64, {2}}, {1, 1});
  const TensorId mean = b.statistics("mean", {2}, 8);
  b.loss(b.reduce_sum(b.batch_norm(w, {one, one, mean, b.statistics("variance", {2}, 1)})));
  const TrainingModel model = make_training_model(std::move(b).build());
  const auto engine = make_reference_engine();
  EngineMachine machine(model, *engine);
  machine.run(plain_schedule(model.graph));
  const ValueId updated = *model.graph.find_value("mean");
  ASSERT_EQ(model.types[updated].dtype, DType::kFloat32);
  for (const double running : machine[updated].data) EXPECT_NEAR(running, 0.9 * 8, 0.1);
}

// `add` makes an op of a parameter of this type; nothing of it is run.
void prepare(DType dtype, const std::function<TensorId(GraphBuilder&, TensorId)>& add) {
  GraphBuilder b("types");
  b.loss(b.reduce_sum(add(b, b.parameter("w", {2, 2}, {}, dtype))));
  const TrainingModel model = make_training_model(std::move(b).build());
  static_cast<void>(make_reference_engine()->prepare(kernel_spec(model, OpId(0))));
}

TEST(ReferenceEngine, RejectsTypesBeforeARun) {
  const auto relu = [](GraphBuilder& b, TensorId x) { return b.relu(x); };
  EXPECT_NO_THROW(prepare(DType::kFloat64, relu));
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    EXPECT_THAT(message_of([&] { prepare(dtype, relu); }), HasSubstr("float32 and float64"));
  }
  EXPECT_THAT(message_of([] { static_cast<void>(make_reference_engine(-1)); }),
              HasSubstr("-1 threads"));
}

}  // namespace
}  // namespace rockmate
