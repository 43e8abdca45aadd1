// Storages, workspaces and addresses of a derived iteration are whole rows of kAlignment.
#include <gtest/gtest.h>

#include "rockmate/plan.h"
#include "rockmate/training_model.h"
#include "support/models.h"

namespace rockmate {
namespace {

constexpr std::int64_t kOdd = 777;

TrainingModel odd_model() {
  return make_training_model(testing::resnet(3, {.blocks = {1, 1}, .image = 45, .width = 5}),
                             {.workspace = [](const KernelSpec& spec) {
                               return spec.kernel.kind == OpKind::kConv ? Bytes(kOdd) : Bytes(0);
                             }});
}

TEST(Alignment, StoragesHoldTheirTensorsInWholeRows) {
  const TrainingModel model = odd_model();
  for (std::size_t i = 0; i < model.graph.values().size(); ++i) {
    const Value& value = model.graph[ValueId(i)];
    if (value.viewed) continue;
    EXPECT_EQ(value.bytes, aligned(value.bytes)) << value.name;
    EXPECT_GE(value.bytes, model.types[ValueId(i)].bytes()) << value.name;
    EXPECT_LT(value.bytes, model.types[ValueId(i)].bytes() + kAlignment) << value.name;
  }
}

TEST(Alignment, TheEngineHasTheWorkspaceThatItAsksFor) {
  const TrainingModel model = odd_model();
  for (std::size_t o = 0; o < model.graph.ops().size(); ++o) {
    const bool is_conv = model.kernels[OpId(o)].kind == OpKind::kConv;
    EXPECT_EQ(model.graph[OpId(o)].workspace(), is_conv ? aligned(Bytes(kOdd)) : Bytes(0));
  }
}

TEST(Alignment, MeasuredWorkspacesAreKeptWhereTheyAreLarger) {
  GraphBuilder b("one");
  const TensorId x = b.relu(b.linear(b.input("x", {4, 8}), 8));
  b.loss(b.reduce_mean(x));
  const Graph graph = std::move(b).build();
  TrainingOptions options;
  options.costs.set(signature(make_training_model(graph), OpId(0)),
                    {Seconds(1), Bytes(100), {{"fast", Seconds(0.5), Bytes(5000), ""}}});
  options.workspace = [](const KernelSpec&) { return Bytes(1000); };
  const TrainingGraph derived = make_training_graph(graph, options);
  EXPECT_EQ(derived[OpId(0)].workspace(), Bytes(1024));
  EXPECT_EQ(derived[OpId(0)].implementations[1].workspace, Bytes(5056));
}

TEST(Alignment, LayoutsOfAnyBudgetGiveAlignedAddresses) {
  const TrainingModel model = odd_model();
  // Odd budgets leave a ceiling that is no address of a row.
  for (const char* budget : {"100%", "83.7%", "71.3%", "64.9%", "58.3%", "min"}) {
    const auto found = plan(model.graph, Budget::parse(budget), {.threads = 1, .work_limit = 3000});
    ASSERT_TRUE(found) << budget;
    for (const LayoutRow& row : found->layout->rows) {
      EXPECT_EQ(row.offset, aligned(row.offset)) << budget;
    }
  }
}

}  // namespace
}  // namespace rockmate
