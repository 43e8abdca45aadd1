// Which steps become sliced ops, that they give what the single steps give, on every engine that
// takes them, and that no more bytes are needed.
#include "graph/fusion/batch_slices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "graph/autodiff.h"
#include "graph/fused_layout.h"
#include "graph/fusion.h"
#include "graph/memory_formats.h"
#include "graph/patterns/patterns.h"
#include "graph/sliced_parts.h"
#include "rockmate/error.h"
#include "rockmate/graph_builder.h"
#include "support/tape_machine.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using testing::message_of;
using testing::run_tape;

// Fit for small images.
constexpr SliceLimits kSmall{Bytes(40'000), 1, Bytes(10)};

TensorId norm(GraphBuilder& b, TensorId x) { return b.batch_norm(x); }
TensorId conv(GraphBuilder& b, TensorId x, std::int64_t channels, std::int64_t window = 3,
              std::int64_t stride = 1) {
  return b.conv(x, channels, {window},
                {.stride = {stride}, .padding = {window / 2}, .bias = false});
}
TensorId block(GraphBuilder& b, TensorId x, std::int64_t channels, std::int64_t stride = 1) {
  return b.relu(norm(b, conv(b, x, channels, 3, stride)));
}

struct Case {
  std::string name;
  std::int64_t batch;
  std::function<TensorId(GraphBuilder& b, TensorId x)> body;
};
void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

std::vector<Case> cases() {
  return {
      {"chain", 8, [](GraphBuilder& b, TensorId x) { return block(b, block(b, x, 16), 16); }},
      {"residual", 8,
       [](GraphBuilder& b, TensorId x) {
         const TensorId y = block(b, x, 16);
         const TensorId z = norm(b, conv(b, block(b, y, 16), 16));
         return block(b, b.relu(b.add(z, y)), 32, 2);
       }},
      {"pooling", 6,
       [](GraphBuilder& b, TensorId x) {
         const TensorId y = b.max_pool(block(b, x, 16), {2});
         return b.average_pool(block(b, y, 32), {2});
       }},
      {"concatenation", 7,
       [](GraphBuilder& b, TensorId x) {
         const TensorId y = block(b, x, 16);
         const TensorId z = conv(b, b.relu(norm(b, b.concat({y, conv(b, y, 16)}, 1))), 16);
         return conv(b, b.relu(norm(b, b.concat({y, z}, 1))), 16, 1);
       }},
      {"dropout", 8,
       [](GraphBuilder& b, TensorId x) { return block(b, b.dropout(block(b, x, 16), 0.3), 16); }},
      {"five", 5, [](GraphBuilder& b, TensorId x) { return block(b, block(b, x, 16), 16, 2); }},
  };
}

// A tape as it is when it is sliced.
struct Lowered {
  explicit Lowered(const Case& each, bool channels_last = false)
      : graph(make(each)), tape(inference_tape(graph)) {
    wanted.visible = wanted.results = graph.outputs();
    if (channels_last) lay_channels_last(tape, graph.outputs());
    fuse(tape, wanted);
  }
  static Graph make(const Case& each) {
    GraphBuilder b("net");
    b.output(b.max_pool(each.body(b, b.input("x", {each.batch, 4, 16, 16})), {2}));
    return evaluation_graph(std::move(b).build());
  }
  [[nodiscard]] const Node* sliced() const {
    for (const Step& step : tape.steps()) {
      if (is_sliced(step.node.attributes)) return &step.node;
    }
    return nullptr;
  }
  Graph graph;
  Tape tape;
  WantedTensors wanted;
};

class BatchSlices : public ::testing::TestWithParam<Case> {};

TEST_P(BatchSlices, ChangeNoBitOfTheReferenceEngine) {
  Lowered net(GetParam());
  const auto engine = make_reference_engine(2);
  const auto before = run_tape(net.tape, *engine, net.graph.outputs());
  slice_batches(net.tape, net.wanted, kSmall);
  ASSERT_NE(net.sliced(), nullptr);
  EXPECT_EQ(run_tape(net.tape, *engine, net.graph.outputs()), before);
  EXPECT_EQ(run_tape(inference_tape(net.graph), *engine, net.graph.outputs()), before);
}

TEST_P(BatchSlices, AreNearToTheWholeBatchOnTheCpuEngine) {
  Lowered net(GetParam(), true);
  const auto before = run_tape(net.tape, *make_cpu_engine(2), net.graph.outputs()).front();
  slice_batches(net.tape, net.wanted, kSmall);
  const auto after = run_tape(net.tape, *make_cpu_engine(2), net.graph.outputs()).front();
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t e = 0; e < before.size(); ++e) {
    ASSERT_NEAR(after[e], before[e], 1e-4F * std::max(1.0F, std::abs(before[e]))) << e;
  }
  EXPECT_EQ(run_tape(net.tape, *make_cpu_engine(1), net.graph.outputs()).front(), after);
}

TEST_P(BatchSlices, TakeNoMoreBytes) {
  Lowered net(GetParam());
  const Bytes before = tape_peak(net.tape, net.tape.steps(), net.wanted, true).bytes;
  slice_batches(net.tape, net.wanted, kSmall);
  EXPECT_LT(tape_peak(net.tape, net.tape.steps(), net.wanted, true).bytes, before);
}

// The table derives the same types, and each step reads what was made before it.
TEST_P(BatchSlices, AreOpsOfTheTable) {
  Lowered net(GetParam());
  slice_batches(net.tape, net.wanted, kSmall);
  for (const Step& step : net.tape.steps()) {
    OpView view{step.node.name, step.node.kind, step.node.attributes, {}};
    Types outputs;
    for (const TensorId t : step.node.inputs) view.inputs.push_back(&net.tape[t].tensor.type);
    for (const TensorId t : step.node.outputs) outputs.push_back(net.tape[t].tensor.type);
    EXPECT_THAT(infer_types(view), ElementsAreArray(outputs)) << step.node.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, BatchSlices, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.name; });

TEST(BatchSlices, NeedABatchAndImagesThatExceedTheCaches) {
  for (const auto& [batch, limits] :
       std::vector<std::pair<std::int64_t, SliceLimits>>{{1, kSmall}, {8, SliceLimits()}}) {
    Case each = cases().front();
    each.batch = batch;
    Lowered net(each);
    const std::size_t steps = net.tape.steps().size();
    slice_batches(net.tape, net.wanted, limits);
    EXPECT_EQ(net.sliced(), nullptr);
    EXPECT_EQ(net.tape.steps().size(), steps);
  }
}

TEST(BatchSlices, HaveTheFewestPixelsOfAConvolution) {
  Lowered net(cases().front());
  slice_batches(net.tape, net.wanted, {kSmall.cache, 2 * 16 * 16, kSmall.call});
  ASSERT_NE(net.sliced(), nullptr);
  EXPECT_GE(net.sliced()->attributes.integer("slice"), 2);
}

TEST(BatchSlices, ShowInTheSignature) {
  Lowered net(cases().front());
  slice_batches(net.tape, net.wanted, kSmall);
  ASSERT_NE(net.sliced(), nullptr);
  Node node = *net.sliced();
  OpView view{node.name, node.kind, node.attributes, {}};
  for (const TensorId t : node.inputs) view.inputs.push_back(&net.tape[t].tensor.type);
  const std::string before = signature_of(view);
  EXPECT_THAT(before, HasSubstr("slice="));
  node.attributes.set("slice", node.attributes.integer("slice") + 1);
  EXPECT_NE(signature_of(view), before);
}

TEST(BatchSlices, RejectSlicesThatAreNone) {
  Lowered net(cases().front());
  slice_batches(net.tape, net.wanted, kSmall);
  ASSERT_NE(net.sliced(), nullptr);
  Node node = *net.sliced();
  node.attributes.set("slice", std::int64_t{9});
  OpView view{node.name, node.kind, node.attributes, {}};
  for (const TensorId t : node.inputs) view.inputs.push_back(&net.tape[t].tensor.type);
  EXPECT_THAT(message_of([&] { static_cast<void>(infer_types(view)); }),
              HasSubstr("a slice of 9 of input"));
}

}  // namespace
}  // namespace rockmate
