// What a training iteration must hold beyond the gradients of its ops (op_gradients_test): what is
// computed, saved, summed and updated, and that plans do not change a bit of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "graph/chain.h"
#include "rockmate/error.h"
#include "rockmate/schedule.h"
#include "rockmate/training_model.h"
#include "support/interpreter.h"
#include "support/models.h"
#include "support/op_examples.h"
#include "support/schedules.h"
#include "support/small_models.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using testing::Interpreter;
using ::testing::ThrowsMessage;

std::vector<std::string> names(const TrainingGraph& graph, const std::vector<ValueId>& values) {
  std::vector<std::string> list;
  for (const ValueId v : values) list.push_back(graph[v].name);
  return list;
}

const Op& op_named(const TrainingGraph& graph, const std::string& name) {
  const auto id = graph.find_op(name);
  if (!id) throw InvalidInput("no op " + name);
  return graph[*id];
}

bool reads(const Op& op, const TrainingGraph& graph, const std::string& value) {
  const auto list = names(graph, op.inputs);
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Does an op of the backward phase read the value?
bool is_saved(const TrainingGraph& graph, const std::string& value) {
  return std::any_of(graph.ops().begin(), graph.ops().end(), [&](const Op& op) {
    return op.phase == Phase::kBackward && reads(op, graph, value);
  });
}

Bytes plain_peak(const TrainingGraph& graph) {
  return simulate(graph, plain_schedule(graph)).value().peak;
}

// Feeds random data; whole numbers where targets and tokens are wanted.
void feed(Interpreter& interpreter, const TrainingModel& model, std::int64_t classes) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> real(-1, 1);
  for (const Source& source : model.sources) {
    if (!source.is_given) continue;
    const TensorType& type = model.types[source.value];
    std::vector<double> data(static_cast<std::size_t>(element_count(type.shape)));
    for (double& element : data) {
      element = type.dtype == DType::kInt64
                    ? static_cast<double>(random() % static_cast<std::uint64_t>(classes))
                    : real(random);
    }
    interpreter.set(source.value, std::move(data));
  }
}

// The bits of losses, parameters, states and statistics after some steps.
std::vector<std::vector<double>> train(const TrainingModel& model,
                                       const std::vector<Schedule>& schedules) {
  Interpreter interpreter(model, 3);
  std::vector<std::vector<double>> bits;
  feed(interpreter, model, 3);
  for (const Schedule& schedule : schedules) {
    interpreter.run(schedule);
    for (const WeightedLoss& loss : model.losses) bits.push_back(interpreter[loss.value].data);
  }
  for (const Source& source : model.sources) bits.push_back(interpreter[source.value].data);
  return bits;
}

// The slope of the loss along a random direction through all parameters at once.
TEST(Autodiff, GradientsOfWholeModelsEqualFiniteDifferences) {
  constexpr double kStep = 1e-6;
  for (const testing::NamedModel& tested : testing::small_models()) {
    const TrainingModel model =
        make_training_model(tested.graph, {.optimizer = OptimizerKind::kNone});
    Interpreter backward(model, 3);
    Interpreter forward(model, 3);
    feed(backward, model, 2);
    feed(forward, model, 2);
    backward.run(plain_schedule(model.graph));
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> uniform(-1, 1);
    double slope = 0;
    std::vector<std::vector<double>> directions;
    for (const TrainedParameter& trained : model.trained) {
      directions.emplace_back();
      for (const double g : backward[trained.gradient].data) {
        directions.back().push_back(uniform(random));
        slope += g * directions.back().back();
      }
    }
    const auto loss_at = [&](double distance) {
      for (std::size_t p = 0; p < directions.size(); ++p) {
        std::vector<double> moved = backward[model.trained[p].parameter].data;
        for (std::size_t e = 0; e < moved.size(); ++e) moved[e] += distance * directions[p][e];
        forward.set(model.trained[p].parameter, std::move(moved));
      }
      forward.run_losses();
      return forward.total_loss();
    };
    const double expected = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
    EXPECT_NEAR(slope, expected, 1e-5 * (1 + std::abs(expected))) << tested.name;
    EXPECT_GT(std::abs(expected), 1e-4) << tested.name;
  }
}

TEST(Autodiff, RecomputationAndInPlaceWritesChangeNoBit) {
  for (const testing::NamedModel& tested : testing::small_models()) {
    const TrainingModel model =
        make_training_model(tested.graph, {.optimizer = OptimizerKind::kAdam});
    const Schedule plain = plain_schedule(model.graph);
    const auto expected = train(model, {plain, plain, plain});
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      Schedule other = testing::recomputed_schedule(model.graph, seed);
      if (seed == 0) other = testing::in_place_schedule(model.graph, std::move(other));
      const auto trace = simulate(model.graph, other);
      ASSERT_TRUE(trace.has_value()) << tested.name << ": " << trace.error();
      EXPECT_GT(trace->recomputations, 0U) << tested.name;
      EXPECT_EQ(train(model, {other, plain, other}), expected) << tested.name << " " << seed;
    }
  }
}

TEST(Autodiff, InPlaceWritesSaveMemory) {
  const TrainingGraph graph = make_training_graph(testing::mlp(64, 8, 4));
  const Schedule in_place = testing::in_place_schedule(graph, plain_schedule(graph));
  const auto runs_in_place = [](const Action& action) {
    const auto* compute = std::get_if<Compute>(&action);
    return compute != nullptr && !compute->in_place.empty();
  };
  EXPECT_GT(std::count_if(in_place.begin(), in_place.end(), runs_in_place), 4);
  EXPECT_LT(simulate(graph, in_place).value().peak, plain_peak(graph));
}

// The example models run in place wherever that is declared, with the same gradients: nothing that
// a later op reads is overwritten.
TEST(Autodiff, InPlaceWritesKeepTheGradientsOfEveryOp) {
  for (const testing::OpExample& example : testing::op_examples()) {
    const TrainingModel model =
        make_training_model(testing::example_model(example), {.optimizer = OptimizerKind::kNone});
    const Schedule plain = plain_schedule(model.graph);
    Interpreter expected(model);
    Interpreter actual(model);
    expected.run(plain);
    actual.run(testing::in_place_schedule(model.graph, plain));
    for (const TrainedParameter& trained : model.trained) {
      EXPECT_EQ(actual[trained.gradient].data, expected[trained.gradient].data)
          << to_string(example.kind) << " " << example.name;
    }
  }
}

TEST(Autodiff, DataGetNoGradientAndItsWeightGradientSavesThem) {
  const TrainingGraph graph = make_training_graph(testing::mlp(4, 8, 2));
  EXPECT_FALSE(graph.find_op("linear_1.input_gradient"));
  EXPECT_TRUE(reads(op_named(graph, "linear_1.weight_gradient"), graph, "x"));
}

TEST(Autodiff, FrozenLayersSaveNothingAndGetNoGradient) {
  GraphBuilder b("frozen");
  const TensorId x = b.input("x", {4, 8});
  const TensorId backbone = b.relu(b.linear(b.relu(b.linear(x, 8)), 8));
  b.loss(b.mse(b.linear(backbone, 2), b.input("target", {4, 2})));
  for (const char* layer : {"linear_1", "linear_2"}) {
    for (const char* part : {".weight", ".bias"}) {
      b.freeze(TensorId(*[&]() -> std::optional<std::size_t> {
        for (std::size_t t = 0;; ++t) {
          if (b[TensorId(t)].name == std::string(layer) + part) return t;
        }
      }()));
    }
  }
  const TrainingModel model = make_training_model(std::move(b).build());
  const TrainingGraph& graph = model.graph;
  EXPECT_EQ(model.trained.size(), 2U);
  EXPECT_FALSE(is_saved(graph, "linear_1"));
  EXPECT_FALSE(is_saved(graph, "relu_1"));
  EXPECT_FALSE(is_saved(graph, "relu_1.mask"));
  EXPECT_TRUE(is_saved(graph, "relu_2"));
  EXPECT_FALSE(graph.find_op("linear_3.input_gradient"));
}

TEST(Autodiff, AFrozenLayerInTheMiddlePassesItsGradientOn) {
  GraphBuilder b("middle");
  const TensorId first = b.linear(b.input("x", {4, 8}), 8, false);
  const TensorId frozen = b.parameter("frozen", {8, 8});
  b.freeze(frozen);
  b.loss(b.reduce_mean(b.linear(first, frozen, std::nullopt)));
  const TrainingModel model = make_training_model(std::move(b).build());
  EXPECT_EQ(model.trained.size(), 1U);
  EXPECT_TRUE(model.graph.find_op("linear_2.input_gradient"));
  EXPECT_FALSE(model.graph.find_op("linear_2.weight_gradient"));
  EXPECT_FALSE(is_saved(model.graph, "linear_1"));
}

TEST(Autodiff, DropoutSavesNothing) {
  GraphBuilder b("dropout");
  const TensorId h = b.linear(b.input("x", {4, 8}), 8);
  b.loss(b.reduce_mean(b.dropout(h, 0.5)));
  const TrainingGraph graph = make_training_graph(std::move(b).build());
  EXPECT_FALSE(is_saved(graph, "dropout_1"));
  EXPECT_FALSE(is_saved(graph, "linear_1"));
}

TEST(Autodiff, ReluSavesItsOutputWhereOthersDoAndElseAMask) {
  GraphBuilder b("relu");
  const TensorId x = b.input("x", {4, 8});
  const TensorId read_again = b.relu(b.linear(x, 8));
  const TensorId not_read = b.relu(b.linear(read_again, 8));
  b.loss(b.reduce_mean(not_read));
  const TrainingModel model = make_training_model(std::move(b).build());
  const TrainingGraph& graph = model.graph;
  EXPECT_THAT(names(graph, op_named(graph, "relu_1.backward").inputs),
              ::testing::Contains("relu_1"));
  EXPECT_THAT(names(graph, op_named(graph, "relu_2.backward").inputs),
              ::testing::Contains("relu_2.mask"));
  const ValueId mask = *graph.find_value("relu_2.mask");
  EXPECT_EQ(model.types[mask].bytes(), Bytes(4));  // 32 elements, one bit each
  EXPECT_EQ(graph[mask].bytes, kAlignment);
  EXPECT_FALSE(is_saved(graph, "relu_2"));
}

// conv - norm - relu - max pool - linear: saved are the input, the convolution's result, one bit
// per element for the ReLU, one byte per pooled element, and the pooled tensor.
TEST(Autodiff, SavesWhatAHandCalculationSays) {
  GraphBuilder b("hand");
  const TensorId image = b.input("image", {2, 3, 32, 32});
  TensorId x = b.conv(image, 16, {3}, {.padding = {1}, .bias = false});
  x = b.max_pool(b.relu(b.batch_norm(x)), {2});
  b.loss(b.reduce_mean(b.linear(b.flatten(x), 10)));
  const TrainingGraph graph = make_training_graph(std::move(b).build());
  const std::int64_t pixels = 2 * 16 * 32 * 32;
  const std::int64_t pooled = pixels / 4;
  const std::int64_t statistics = 2 * 16 * 4;
  const std::int64_t saved = 4 * pixels + pixels / 8 + pooled + statistics;
  // What is left when each backward op runs, with the gradients that it reads and makes.
  const std::int64_t at_pool = saved + 4 * pooled + 4 * pixels;
  const std::int64_t at_relu = saved - pooled + 2 * 4 * pixels;
  const std::int64_t at_norm = 4 * pixels + statistics + 2 * 4 * pixels + 2 * 16 * 4;
  const std::int64_t loss = 64;  // four bytes in a row of kAlignment
  EXPECT_EQ(plain_peak(graph) - graph.static_bytes(),
            Bytes(std::max({at_pool, at_relu, at_norm}) + loss));
}

TEST(Autodiff, DropsWhatNoLossDependsOn) {
  GraphBuilder b("dead");
  const TensorId h = b.linear(b.input("x", {4, 8}), 8);
  b.output(b.softmax(h));
  b.batch_norm(h);
  b.loss(b.reduce_mean(h));
  const TrainingModel model = make_training_model(std::move(b).build());
  EXPECT_FALSE(model.graph.find_op("softmax_1"));
  EXPECT_FALSE(model.graph.find_op("batch_norm_1"));
  EXPECT_FALSE(model.graph.find_op("batch_norm_1.statistics"));
  EXPECT_TRUE(model.outputs.empty());
}

TEST(Autodiff, LossesComeAfterTheForwardPart) {
  const TrainingGraph graph = make_training_graph(testing::mixed_net());
  const std::vector<OpId> forward = forward_part(graph);
  EXPECT_EQ(graph[OpId(forward.size())].name, "cross_entropy_1");
  for (std::size_t o = forward.size(); o < graph.ops().size(); ++o) {
    EXPECT_NE(graph[OpId(o)].phase, Phase::kForward) << graph[OpId(o)].name;
  }
}

TEST(Autodiff, UpdatesFollowTheLastUseOfParameterAndGradientAtOnce) {
  for (const testing::NamedModel& tested : testing::small_models()) {
    const TrainingModel model = make_training_model(tested.graph);
    for (const TrainedParameter& trained : model.trained) {
      const Value& parameter = model.graph[trained.parameter];
      const std::size_t update = parameter.readers.back().index();
      ASSERT_EQ(model.graph[OpId(update)].phase, Phase::kUpdate);
      std::size_t last = model.graph[trained.gradient].producer->index();
      for (const OpId reader : parameter.readers) {
        if (reader.index() != update) last = std::max(last, reader.index());
      }
      ASSERT_LT(last, update) << parameter.name;
      // Between them stand other updates only.
      for (std::size_t o = last + 1; o < update; ++o) {
        EXPECT_EQ(model.graph[OpId(o)].phase, Phase::kUpdate)
            << tested.name << ": " << parameter.name;
      }
    }
  }
}

TEST(Autodiff, RunningStatisticsAreUpdatedOnceInTheForwardPart) {
  GraphBuilder b("norm");
  const TensorId x = b.input("x", {4, 2});
  b.loss(b.reduce_mean(b.mul(b.batch_norm(x), x)));
  const TrainingModel model = make_training_model(std::move(b).build());
  const OpId update = *model.graph.find_op("batch_norm_1.statistics");
  EXPECT_EQ(update.index(), model.graph.find_op("batch_norm_1")->index() + 1);
  EXPECT_FALSE(model.graph[update].recomputable);
  EXPECT_THAT(names(model.graph, model.graph[update].updates),
              ::testing::ElementsAre("batch_norm_1.running_mean", "batch_norm_1.running_variance"));
  Interpreter interpreter(model);
  interpreter.set(*model.graph.find_value("x"), {1, 10, 3, 10, 5, 10, 7, 10});
  interpreter.run(plain_schedule(model.graph));
  const auto& mean = interpreter[*model.graph.find_value("batch_norm_1.running_mean")];
  const auto& variance = interpreter[*model.graph.find_value("batch_norm_1.running_variance")];
  EXPECT_DOUBLE_EQ(mean.data[0], 0.1 * 4);
  EXPECT_DOUBLE_EQ(mean.data[1], 0.1 * 10);
  EXPECT_DOUBLE_EQ(variance.data[0], 0.9 * 1 + 0.1 * 20.0 / 3);
  EXPECT_DOUBLE_EQ(variance.data[1], 0.9 * 1);
}

TEST(Autodiff, TiedGradientsAreAddedByTheOpsThatMakeThem) {
  const testing::GptSize tiny{
      .layers = 1, .heads = 1, .features = 4, .vocabulary = 9, .positions = 4};
  const TrainingGraph graph = make_training_graph(testing::gpt(1, 4, tiny));
  const Op& scatter = op_named(graph, "gather_1.backward");
  EXPECT_TRUE(reads(scatter, graph, "linear_1.weight_gradient"));
  ASSERT_EQ(scatter.in_place.size(), 1U);
  EXPECT_EQ(graph[scatter.in_place[0].input].name, "linear_1.weight_gradient");
  EXPECT_FALSE(graph.find_op("embedding.gradient_sum"));
}

TEST(Autodiff, WritesOverTheOperandThatDies) {
  GraphBuilder b("residual");
  const TensorId x = b.linear(b.input("x", {4, 8}), 8);
  b.loss(b.reduce_mean(b.add(x, b.linear(x, 8))));  // x is saved, the branch is not
  const TrainingGraph graph = make_training_graph(std::move(b).build());
  const Op& add = op_named(graph, "add_1");
  ASSERT_EQ(add.in_place.size(), 1U);
  EXPECT_EQ(graph[add.in_place[0].input].name, "linear_2");
}

TEST(Autodiff, WithoutAnOptimizerGradientsAreTheResults) {
  const TrainingModel model =
      make_training_model(testing::mlp(4, 8, 1), {.optimizer = OptimizerKind::kNone});
  EXPECT_EQ(model.graph.results().size(), 1 + model.trained.size());
  for (const TrainedParameter& trained : model.trained) {
    EXPECT_TRUE(model.graph[trained.gradient].is_result);
    EXPECT_EQ(model.graph[trained.gradient].kind, ValueKind::kParameterGradient);
  }
}

TEST(Autodiff, OptimizerStatesAreSources) {
  const Graph graph = testing::mlp(4, 8, 1);
  const Bytes none = make_training_graph(graph, {.optimizer = OptimizerKind::kNone}).static_bytes();
  Bytes parameters;
  for (const Tensor& tensor : graph.tensors()) {
    if (tensor.kind == TensorKind::kParameter) parameters += aligned(tensor.type.bytes());
  }
  const auto extra = [&](OptimizerKind optimizer) {
    return make_training_graph(graph, {.optimizer = optimizer}).static_bytes() - none;
  };
  EXPECT_EQ(extra(OptimizerKind::kSgd), Bytes(0));
  EXPECT_EQ(extra(OptimizerKind::kMomentum), parameters);
  EXPECT_EQ(extra(OptimizerKind::kAdam), parameters + parameters);
  EXPECT_EQ(extra(OptimizerKind::kAdamW), parameters + parameters);
}

TEST(Autodiff, SumsWeightedLosses) {
  GraphBuilder b("losses");
  const TensorId w = b.parameter("w", {1});
  b.set_data(w, {3});
  const TensorId square = b.mul(w, w);
  b.loss(square, 0.5);
  b.loss(square, 0.25);  // the same tensor twice
  b.loss(w, 2);          // a parameter
  const TrainingModel model =
      make_training_model(std::move(b).build(), {.optimizer = OptimizerKind::kNone});
  Interpreter interpreter(model);
  interpreter.run(plain_schedule(model.graph));
  EXPECT_DOUBLE_EQ(interpreter.total_loss(), 0.75 * 9 + 2 * 3);
  EXPECT_DOUBLE_EQ(interpreter[model.trained.at(0).gradient].data[0], 0.75 * 2 * 3 + 2);
}

void expect_rejected(GraphBuilder b, const std::string& message) {
  const Graph graph = std::move(b).build();
  EXPECT_THAT([&] { static_cast<void>(make_training_model(graph)); },
              ThrowsMessage<InvalidInput>(HasSubstr(message)));
}

TEST(Autodiff, RejectsWhatCannotBeTrained) {
  GraphBuilder no_loss("lossless");
  no_loss.linear(no_loss.input("x", {4, 8}), 8);
  expect_rejected(std::move(no_loss), "model 'lossless' has no loss");

  GraphBuilder no_parameter("bare");
  no_parameter.loss(no_parameter.reduce_mean(no_parameter.input("x", {4, 8})));
  expect_rejected(std::move(no_parameter),
                  "the loss 'reduce_mean_1' depends on no parameter that is trained");

  GraphBuilder no_gradient("sign");
  const TensorId h = no_gradient.linear(no_gradient.input("x", {4, 8}), 8);
  no_gradient.loss(no_gradient.reduce_mean(no_gradient.node(OpKind::kReluGradient, {h, h})[0]));
  expect_rejected(std::move(no_gradient), "op 'relu_gradient_1' (relu_gradient) has no gradient");
}

}  // namespace
}  // namespace rockmate
