// When a softmax and the dropout behind it are kept as one tensor, and what that saves.
#include "graph/fusion/signed_dropouts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "rockmate/graph_builder.h"
#include "rockmate/schedule.h"
#include "support/fused_examples.h"
#include "support/interpreter_engine.h"
#include "support/models.h"
#include "support/source_bits.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TrainingModel trained(const Graph& graph, bool fuse = true) {
  TrainingOptions options;
  options.fuse = fuse;
  return make_training_model(graph, options);
}

// Of such a shape, made forward and read backward.
std::ptrdiff_t saved(const TrainingModel& model, const Shape& shape) {
  return std::ranges::count_if(model.graph.values(), [&](const Value& value) {
    if (!value.producer || model.graph[*value.producer].phase != Phase::kForward) return false;
    const ValueId id = *model.graph.find_value(value.name);
    return model.types[id].shape == shape && std::ranges::any_of(value.readers, [&](OpId reader) {
             return model.graph[reader].phase == Phase::kBackward;
           });
  });
}

TEST(SignedDropouts, KeepOneTensorPerLayerOfATransformer) {
  const Graph graph =
      testing::gpt(2, 16, {.layers = 3, .heads = 2, .features = 8, .vocabulary = 9});
  const Shape scores = {2, 2, 16, 16};
  EXPECT_EQ(saved(trained(graph, false), scores), 6);
  EXPECT_EQ(saved(trained(graph), scores), 3);
}

TEST(SignedDropouts, TakeFewerBytes) {
  const Graph graph =
      testing::gpt(2, 64, {.layers = 3, .heads = 4, .features = 8, .vocabulary = 9});
  const auto peak = [&](bool fuse) {
    const TrainingModel model = trained(graph, fuse);
    return simulate(model.graph, plain_schedule(model.graph))->peak;
  };
  const Bytes scores(2 * 4 * 64 * 64 * 4);
  EXPECT_LE(peak(true) + scores + scores, peak(false));
}

TEST(SignedDropouts, GiveTheSameGradients) {
  const Graph graph = testing::gpt(2, 7, {.layers = 2, .heads = 2, .features = 6, .vocabulary = 9});
  const auto run = [&](bool fuse) {
    const TrainingModel model = trained(graph, fuse);
    return testing::train(model, testing::plain_plan(model), testing::make_interpreter_engine(), 2);
  };
  const auto single = run(false).back();
  const auto fused = run(true).back();
  ASSERT_FALSE(single.gradients.empty());
  for (const auto& [name, expected] : single.gradients) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(fused.gradients.contains(name));
    const TensorType numbers{DType::kFloat32, {static_cast<std::int64_t>(expected.size() / 4)}};
    testing::expect_near(fused.gradients.at(name), expected, numbers, 0, 1e-6);
  }
}

using Body = std::function<TensorId(GraphBuilder&, TensorId scores, TensorId v)>;

std::vector<std::string> groups_of(const Body& body) {
  GraphBuilder b("net");
  const auto param = [&](const char* name) { return b.parameter(name, {2, 6, 6}); };
  const TensorId scores = b.matmul(param("q"), param("k"), false, true);
  const TensorId y = body(b, scores, param("v"));
  b.loss(b.reduce_mean(b.mul(y, y)));
  std::vector<std::string> list;
  for (const Kernel& kernel : trained(std::move(b).build()).kernels) {
    list.push_back(testing::parts_of(kernel));
  }
  return list;
}

TEST(SignedDropouts, AreReadByProducts) {
  const Body once = [](GraphBuilder& b, TensorId scores, TensorId v) {
    return b.matmul(b.dropout(b.softmax(scores), 0.2), v);
  };
  EXPECT_THAT(groups_of(once), Contains("softmax dropout"));
  EXPECT_THAT(groups_of(once), Contains("relu scale matmul").Times(2));
  const Body twice = [](GraphBuilder& b, TensorId scores, TensorId v) {
    const TensorId d = b.dropout(b.softmax(scores), 0.2);
    return b.add(b.matmul(d, v), b.matmul(b.parameter("w", {2, 6, 6}), d));
  };
  EXPECT_THAT(groups_of(twice), Contains("relu scale matmul").Times(4));
}

TEST(SignedDropouts, AreNotWhereSomebodyElseReads) {
  const Body bodies[] = {
      [](GraphBuilder& b, TensorId scores, TensorId v) {  // what is dropped from
        const TensorId p = b.softmax(scores);
        return b.add(b.matmul(b.dropout(p, 0.2), v), p);
      },
      [](GraphBuilder& b, TensorId scores, TensorId v) {  // what is left
        const TensorId d = b.dropout(b.softmax(scores), 0.2);
        return b.add(b.matmul(d, v), d);
      },
      [](GraphBuilder& b, TensorId scores, TensorId) {  // by itself
        const TensorId d = b.dropout(b.softmax(scores), 0.2);
        return b.matmul(d, d, false, true);
      },
      [](GraphBuilder& b, TensorId scores, TensorId v) {  // a user
        const TensorId d = b.dropout(b.softmax(scores), 0.2);
        b.output(d);
        return b.matmul(d, v);
      },
      [](GraphBuilder& b, TensorId scores, TensorId v) {
        const TensorId p = b.softmax(scores);
        b.output(p);
        return b.matmul(b.dropout(p, 0.2), v);
      },
      [](GraphBuilder& b, TensorId scores, TensorId v) {  // two dropouts of one softmax
        const TensorId p = b.softmax(scores);
        return b.add(b.matmul(b.dropout(p, 0.2), v), b.matmul(b.dropout(p, 0.3), v));
      }};
  for (const Body& body : bodies) {
    EXPECT_THAT(groups_of(body), Not(Contains(HasSubstr("relu"))));
  }
}

// Signs would be lost.
TEST(SignedDropouts, AreOfSoftmaxesAlone) {
  const Body of_any_sign = [](GraphBuilder& b, TensorId scores, TensorId v) {
    return b.matmul(b.dropout(b.tanh(scores), 0.2), v);
  };
  EXPECT_THAT(groups_of(of_any_sign), Not(Contains(HasSubstr("relu"))));
}

}  // namespace
}  // namespace rockmate
