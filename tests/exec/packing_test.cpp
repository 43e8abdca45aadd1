// Parameters that never change are packed once: outputs are those of the kernels that bring them
// into their format in every run, bit for bit where the kernel is the same one; what has been set
// since is packed again; originals that nobody reads are gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "rockmate/checkpoint.h"
#include "rockmate/error.h"
#include "rockmate/graph_builder.h"
#include "support/files.h"
#include "support/source_bits.h"
#include "support/throws.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using testing::Bits;
using ::testing::HasSubstr;
using testing::message_of;
using testing::plain_plan;

struct Case {
  std::string name;
  std::function<void(GraphBuilder& b)> body;
  std::size_t packed;          ///< operands
  bool is_same_kernel = true;  ///< as without packing
};
void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

TensorId norm(GraphBuilder& b, TensorId x) { return b.relu(b.batch_norm(x)); }

std::vector<Case> cases() {
  ConvOptions same{.padding = {1}, .bias = false};
  ConvOptions two_apart{.stride = {2}};
  ConvOptions by_two{.stride = {2}, .padding = {1}};
  return {
      {"direct",
       [=](GraphBuilder& b) {
         TensorId x = norm(b, b.conv(b.input("x", {3, 5, 19, 23}), 21, {3}, same));
         b.output(norm(b, b.conv(x, 37, {3}, by_two)));
       },
       2},
      {"residual",
       [=](GraphBuilder& b) {
         const TensorId x = b.max_pool(b.input("x", {2, 18, 12, 16}), {2});
         b.output(b.relu(b.add(b.batch_norm(b.conv(x, 18, {3}, by_two)), b.max_pool(x, {2}))));
       },
       1},
      {"bands_of_channels",
       [=](GraphBuilder& b) {
         b.output(norm(b, b.conv(b.input("x", {1, 40, 9, 7}), 270, {3}, by_two)));
       },
       1},
      {"groups",
       [=](GraphBuilder& b) {
         ConvOptions grouped = by_two;
         grouped.groups = 3;
         b.output(norm(b, b.conv(b.input("x", {2, 24, 11, 9}), 48, {3}, grouped)));
       },
       1},
      {"transposed",
       [](GraphBuilder& b) {
         b.output(b.conv_transpose(b.input("x", {2, 20, 9, 7}), 17, {3}, {.stride = {2}}));
       },
       1},
      {"few_pixels",
       [=](GraphBuilder& b) {
         const TensorId x = norm(b, b.conv(b.input("x", {1, 9, 14, 14}), 130, {3}, by_two));
         const TensorId y = norm(b, b.conv(x, 258, {1}, {.bias = false}));
         const TensorId z = b.conv(y, 70, {1}, {.stride = {2}});
         b.output(b.max_pool(b.relu(b.add(z, b.conv(z, 70, {1}))), {2}));
       },
       4, false},
      {"winograd_tiles",
       [=](GraphBuilder& b) {
         b.output(norm(b, b.conv(b.input("x", {1, 40, 61, 47}), 37, {3}, same)));
       },
       1},
      {"winograd_bands",
       [=](GraphBuilder& b) {
         b.output(norm(b, b.conv(b.input("x", {1, 96, 19, 21}), 101, {3}, same)));
       },
       1, false},
      {"winograd_many_tiles",
       [=](GraphBuilder& b) {
         b.output(norm(b, b.conv(b.input("x", {2, 24, 63, 65}), 24, {3}, same)));
       },
       0},
      {"pieces",
       [=](GraphBuilder& b) {
         const TensorId x = b.input("x", {1, 3, 70, 66});
         const TensorId all = b.concat({b.conv(x, 40, {1}), norm(b, b.conv(x, 31, {3}, same))}, 1);
         b.output(b.add(norm(b, b.conv(all, 21, {3}, by_two)), b.conv(all, 21, {1}, two_apart)));
       },
       4},
      {"linear",
       [](GraphBuilder& b) {
         const TensorId x = b.relu(b.linear(b.input("x", {37, 70}), 133));
         b.output(b.linear(b.gelu(b.linear(x, 65, false)), 19));
       },
       3, false},
  };
}

class PackedOperands : public ::testing::TestWithParam<Case> {
 protected:
  static TrainingModel model(bool packs, bool bf16 = false) {
    GraphBuilder b("net");
    GetParam().body(b);
    TrainingOptions options;
    aim_at_engine(options, "cpu", 2);
    if (!packs) options.packings = nullptr;
    options.bf16 = bf16;
    return make_inference_model(std::move(b).build(), options);
  }
  static std::size_t packed(const TrainingModel& model) {
    return static_cast<std::size_t>(std::ranges::count_if(
        model.types, [](const TensorType& t) { return t.format == MemoryFormat::kPacked; }));
  }
  static Bits outputs(const TrainingModel& model, int threads, bool guard = false) {
    Executor executor(model, plain_plan(model),
                      {.engine = "cpu", .threads = threads, .seed = 5, .guard = guard});
    static_cast<void>(executor.step());
    const auto bytes = executor.bytes(model.graph[model.outputs.front()].name);
    return {bytes.begin(), bytes.end()};
  }
};

TEST_P(PackedOperands, GiveWhatTheOthersGive) {
  for (const bool bf16 : {false, true}) {
    SCOPED_TRACE(bf16);
    const TrainingModel plain = model(false, bf16);
    const TrainingModel made = model(true, bf16);
    if (!bf16) {
      EXPECT_EQ(packed(made), GetParam().packed);
    }
    EXPECT_EQ(packed(plain), 0u);
    const Bits expected = outputs(plain, 2);
    const Bits found = outputs(made, 2, true);
    testing::expect_near(found, expected, made.types[made.outputs.front()], 1e-6,
                         bf16 ? 0x1p-6 : 4e-6);
    if (GetParam().is_same_kernel && !bf16) {
      EXPECT_EQ(found, expected);
    }
    for (const int threads : {1, 3}) EXPECT_EQ(outputs(made, threads), found) << threads;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, PackedOperands, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.name; });

class PackedNet : public ::testing::Test {
 protected:
  static Graph net() {
    GraphBuilder b("net");
    TensorId x = norm(b, b.conv(b.input("x", {2, 3, 16, 16}), 24, {3}, {.padding = {1}}));
    x = norm(b, b.conv(x, 24, {3}, {.padding = {1}, .bias = false}));
    const TensorId y = b.linear(b.flatten(b.max_pool(x, {2})), 10);
    b.output(y);
    b.loss(b.mse(y, b.input("target", {2, 10})));
    return std::move(b).build();
  }
  static TrainingOptions options(bool packs) {
    TrainingOptions options;
    aim_at_engine(options, "cpu", 2);
    if (!packs) options.packings = nullptr;
    return options;
  }
  static Bits output(Executor& executor) {
    static_cast<void>(executor.step());
    const auto bytes = executor.bytes("linear_1");
    return {bytes.begin(), bytes.end()};
  }
  TrainingModel packed_ = make_inference_model(net(), options(true));
  TrainingModel plain_ = make_inference_model(net(), options(false));
  Executor executor_{packed_, plain_plan(packed_), {.engine = "cpu", .threads = 2}};
  Executor expected_{plain_, plain_plan(plain_), {.engine = "cpu", .threads = 2}};
};

TEST_F(PackedNet, LoadsWhatWasTrained) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "trained.checkpoint";
  const TrainingModel trained = make_training_model(net(), options(false));
  Executor training(trained, plain_plan(trained), {.engine = "cpu", .threads = 2, .seed = 9});
  for (int step = 0; step < 2; ++step) static_cast<void>(training.step());
  save_checkpoint(training, file);
  const Bits before = output(executor_);
  load_weights(executor_, file);
  load_weights(expected_, file);
  expected_.set_next_step(1);
  const Bits after = output(executor_);
  EXPECT_NE(after, before);
  EXPECT_EQ(after, output(expected_));
}

TEST_F(PackedNet, KeepsNoOriginals) {
  EXPECT_FALSE(packed_.graph.find_value("conv_2.weight").has_value());
  EXPECT_TRUE(packed_.graph.find_value("conv_2.weight.packed").has_value());
  EXPECT_THAT(message_of([&] { static_cast<void>(executor_.bytes("conv_2.weight")); }),
              HasSubstr("'conv_2.weight' can be set, not read"));
  const Bits none(static_cast<std::size_t>(
      packed_.types[*packed_.graph.find_value("conv_2.weight.packed")].bytes().count()));
  EXPECT_THAT(message_of([&] { executor_.set("conv_2.weight.packed", none); }),
              HasSubstr("is made of parameters before the first step and cannot be set"));
  EXPECT_THAT(message_of([&] { executor_.set("conv_2.weight", std::span(none).first(4)); }),
              HasSubstr("4 bytes were given"));
}

TEST_F(PackedNet, PacksAgainWhatIsSetAgain) {
  static_cast<void>(executor_.step());
  const std::vector<float> weight(24 * 24 * 9, 0.01F), ones(24, 1), twos(24, 2);
  const auto set_all = [&](Executor& executor) {
    executor.set<float>("conv_2.weight", weight);
    executor.set<float>("batch_norm_2.running_variance", twos);
    executor.set<float>("batch_norm_2.weight", ones);
  };
  set_all(executor_);
  set_all(expected_);
  expected_.set_next_step(1);
  EXPECT_EQ(output(executor_), output(expected_));
}

TEST_F(PackedNet, SaysWhatHasToBeSetToo) {
  static_cast<void>(executor_.step());
  const std::vector<float> weight(24 * 24 * 9, 0.01F), ones(24, 1);
  executor_.set<float>("conv_2.weight", weight);
  static_cast<void>(executor_.step());  // the others are still what they began as
  executor_.set<float>("batch_norm_2.weight", ones);
  EXPECT_THAT(message_of([&] { static_cast<void>(executor_.step()); }),
              HasSubstr("'conv_2.weight' has to be set again"));
}

}  // namespace
}  // namespace rockmate
