#include <gtest/gtest.h>

#include "rockmate/graph_builder.h"
#include "rockmate/training_model.h"
#include "support/models.h"

namespace rockmate {
namespace {

std::optional<IndexRange> range_of(const TrainingModel& model, const std::string& name) {
  for (const Source& source : model.sources) {
    if (model.graph[source.value].name == name) return source.indices;
  }
  ADD_FAILURE() << "no source is called " << name;
  return std::nullopt;
}

TEST(IndexRanges, AreThoseOfClassesAndRows) {
  const TrainingModel model = make_training_model(
      testing::gpt(2, 4, {.layers = 1, .heads = 2, .features = 8, .vocabulary = 50}));
  EXPECT_EQ(range_of(model, "tokens"), (IndexRange{50, std::nullopt}));
  EXPECT_EQ(range_of(model, "target"), (IndexRange{50, -100}));
  EXPECT_EQ(range_of(model, "embedding"), std::nullopt) << "no data";
}

TEST(IndexRanges, TheSmallestCounts) {
  GraphBuilder b("two-tables");
  const TensorId x = b.input("x", {6}, DType::kInt64);
  const TensorId large = b.gather(b.parameter("large", {9, 4}), x);
  const TensorId small = b.gather(b.parameter("small", {7, 4}), x);
  b.loss(b.cross_entropy(b.add(large, small), x));
  const TrainingModel model = make_training_model(std::move(b).build());
  EXPECT_EQ(range_of(model, "x"), (IndexRange{4, std::nullopt}))
      << "a table cannot ignore what the loss does";
}

TEST(IndexRanges, AreFollowedThroughMovement) {
  GraphBuilder b("moved");
  const TensorId pairs = b.input("pairs", {2, 6}, DType::kInt32);
  const TensorId labels = b.input("labels", {3, 4});
  const TensorId columns =
      b.cast(b.reshape(b.transpose(b.slice(pairs, 0, 1, 2), {1, 0}), {2, 3}), DType::kInt64);
  const TensorId h = b.gather(b.parameter("table", {5, 2}), columns, 0);
  b.loss(b.binary_cross_entropy(b.reshape(h, {3, 4}), labels));
  const TrainingModel model = make_training_model(std::move(b).build());
  EXPECT_EQ(range_of(model, "pairs"), (IndexRange{5, std::nullopt}));
  EXPECT_EQ(range_of(model, "labels"), (IndexRange{2, std::nullopt}));
}

TEST(IndexRanges, OtherDataHaveNone) {
  const TrainingModel model = make_training_model(testing::mlp(2, 8, 1));
  EXPECT_EQ(range_of(model, "x"), std::nullopt);
  EXPECT_EQ(range_of(model, "target"), (IndexRange{10, -100}));
}

}  // namespace
}  // namespace rockmate
