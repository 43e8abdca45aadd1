// Convolutions of the cpu engine with what is fused behind them, against the interpreter: lines per
// channel, residuals, activations; many images and single ones, which are cut into strips of rows
// and bands of channels; by Winograd's algorithm, too, and of operands that are rounded to
// bfloat16.

#include <gtest/gtest.h>

#include <functional>

#include "rockmate/graph_builder.h"
#include "support/fused_examples.h"
#include "support/kernel_check.h"

namespace rockmate {
namespace {

struct Case {
  std::string name;
  std::string parts;  // of the fused kernel that is expected
  std::function<TensorId(GraphBuilder&)> body;
  bool rounds = false;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

TensorId image(GraphBuilder& b, const std::string& name, const Shape& shape) {
  return b.parameter(name, shape, {Fill::Kind::kUniform, 2});
}

// A batch norm with fixed statistics.
TensorId line(GraphBuilder& b, TensorId x, const std::string& name) {
  const Shape channels = {1, b.shape(x)[1], 1, 1};
  const auto numbers = [&](const char* which) { return image(b, name + which, channels); };
  return b.add(b.mul(b.sub(x, numbers(".mean")), numbers(".factor")), numbers(".bias"));
}

ConvOptions depthwise(std::int64_t channels, ConvOptions options) {
  options.groups = channels;
  options.bias = false;
  return options;
}

// In bands of rows; the parts behind one another.
std::vector<Case> banded_cases() {
  return {
      {"band_block", "conv sub mul add clip conv sub mul add clip conv sub mul add add",
       [](GraphBuilder& b) {
         const TensorId x = image(b, "x", {2, 5, 9, 7});
         TensorId y = b.relu6(line(b, b.conv(x, 30, {1}, {.bias = false}), "a"));
         y = b.relu6(line(b, b.conv(y, 30, {3}, depthwise(30, {.padding = {1}})), "b"));
         return b.add(line(b, b.conv(y, 5, {1}, {.bias = false}), "c"), x);
       }},
      {"band_strips_and_rings", "conv relu conv mul conv add clip",
       [](GraphBuilder& b) {
         const TensorId r = image(b, "r", {1, 8, 31, 38});
         const TensorId x = image(b, "x", {1, 6, 31, 38});
         TensorId y = b.relu(b.conv(x, 105, {1}));
         y = b.conv(y, 105, {3, 5}, depthwise(105, {.padding = {1, 2}}));
         y = b.mul(image(b, "s", {1}), y);
         return b.relu6(b.add(r, b.conv(y, 8, {1})));
       }},
      {"band_of_strides_and_uneven_pads", "conv relu conv relu conv",
       [](GraphBuilder& b) {
         const TensorId x = image(b, "x", {3, 8, 21, 26});
         TensorId y = b.relu(b.conv(x, 48, {1}));
         const ConvOptions strided{.stride = {2}, .padding = {2, 1, 0, 3}};
         y = b.relu(b.conv(y, 48, {5}, depthwise(48, strided)));
         return b.conv(y, 33, {1});
       }},
      {"band_of_dilations", "conv add conv sub mul add add relu",
       [](GraphBuilder& b) {
         const TensorId r = b.max_pool(image(b, "r", {2, 10, 18, 34}), {2});
         const ConvOptions wide{.stride = {2, 1}, .padding = {2}, .dilation = {2, 2}};
         TensorId y = b.conv(image(b, "x", {2, 40, 18, 17}), 40, {3}, depthwise(40, wide));
         y = b.add(y, image(b, "s", {1, 40, 1, 1}));
         return b.relu(b.add(line(b, b.conv(y, 10, {1}, {.bias = false}), "n"), r));
       }},
      {"band_of_colours", "conv sub mul add relu conv relu conv add",
       [](GraphBuilder& b) {
         const ConvOptions strided{.stride = {2, 3}, .padding = {2, 1, 0, 3}, .bias = false};
         TensorId y = b.conv(image(b, "x", {2, 3, 60, 51}), 40, {5, 4}, strided);
         y = b.relu(line(b, y, "n"));
         y = b.relu(b.conv(y, 40, {3}, depthwise(40, {.padding = {1}})));
         return b.add(b.conv(y, 12, {1}), image(b, "s", {1}));
       }},
      {"band_of_dilated_colours", "conv relu conv",
       [](GraphBuilder& b) {
         const ConvOptions wide{.padding = {2}, .dilation = {1, 2}};
         const TensorId y = b.relu(b.conv(image(b, "x", {2, 3, 20, 23}), 24, {3}, wide));
         return b.conv(y, 24, {3}, depthwise(24, {.padding = {1}}));
       }},
      {"band_of_the_same_size_but_other_pixels", "conv relu conv",
       [](GraphBuilder& b) {
         const ConvOptions strided{.stride = {2}, .padding = {6}};
         const TensorId y = b.relu(b.conv(image(b, "x", {2, 4, 13, 13}), 24, {1}, strided));
         return b.conv(y, 24, {3}, depthwise(24, {.padding = {1}}));
       }},
      {"band_without_projection", "conv clip conv sub mul add clip",
       [](GraphBuilder& b) {
         TensorId y = b.clip(b.conv(image(b, "x", {2, 3, 12, 33}), 70, {1}), -0.5, 0.75);
         const ConvOptions strided{.stride = {1, 2}, .padding = {1}};
         return b.relu6(line(b, b.conv(y, 70, {3}, depthwise(70, strided)), "n"));
       }},
      {"band_of_windows_wider_than_the_image", "conv relu conv relu conv",
       [](GraphBuilder& b) {
         TensorId y = b.relu(b.conv(image(b, "x", {2, 6, 23, 2}), 49, {1}));
         y = b.relu(b.conv(y, 49, {5}, depthwise(49, {.padding = {2}})));
         return b.conv(y, 18, {1});
       }},
      {"band_of_strides_in_runs_that_overlap", "conv relu conv clip",
       [](GraphBuilder& b) {
         const TensorId y = b.relu(b.conv(image(b, "x", {1, 4, 20, 35}), 17, {1}));
         const ConvOptions strided{.stride = {1, 2}, .padding = {1, 0, 0, 2}};
         return b.relu6(b.conv(y, 17, {3}, depthwise(17, strided)));
       }},
      {"band_of_colours_side_by_side", "conv relu conv relu",
       [](GraphBuilder& b) {
         const TensorId x = b.silu(b.conv(image(b, "x", {3, 4, 15, 19}), 3, {3}));
         const ConvOptions wide{.stride = {1, 2}, .padding = {1, 3, 2, 0}, .dilation = {1, 3}};
         const TensorId y = b.relu(b.conv(x, 19, {2, 3}, wide));
         return b.relu(b.conv(y, 19, {3}, depthwise(19, {.padding = {1}})));
       }},
      {"pooled_colours", "conv sub mul add relu max_pool",
       [](GraphBuilder& b) {
         const ConvOptions strided{.stride = {2}, .padding = {1}, .bias = false};
         const TensorId x = b.conv(image(b, "x", {2, 3, 37, 46}), 24, {3}, strided);
         return b.max_pool(b.relu(line(b, x, "n")), {3}, {.stride = {2}, .padding = {1}});
       }},
      {"pooled_colours_side_by_side", "conv clip max_pool",
       [](GraphBuilder& b) {
         const TensorId x = b.silu(b.conv(image(b, "x", {1, 4, 33, 41}), 3, {3}));
         const ConvOptions wide{.stride = {1, 3}, .padding = {2, 0, 0, 4}, .dilation = {2, 1}};
         PoolOptions options{.stride = {1, 2}, .padding = {0, 1}, .dilation = {2, 1}};
         options.ceil_mode = true;
         return b.max_pool(b.clip(b.conv(x, 50, {3, 5}, wide), -0.5, 2), {2, 3}, options);
       }},
      {"pooled_grey", "conv max_pool",
       [](GraphBuilder& b) {
         const ConvOptions strided{.stride = {4}, .padding = {0, 5, 1, 0}};
         return b.max_pool(b.conv(image(b, "x", {3, 1, 40, 31}), 7, {5, 7}, strided), {2});
       }},
      {"band_with_rows_of_pads_alone", "conv relu conv relu conv",
       [](GraphBuilder& b) {
         TensorId y = b.relu(b.conv(image(b, "x", {2, 4, 6, 5}), 24, {1}));
         y = b.relu(b.conv(y, 24, {3}, depthwise(24, {.stride = {5, 1}, .padding = {4}})));
         return b.conv(y, 4, {1});
       }},
  };
}

std::vector<Case> cases() {
  const ConvOptions same = {.padding = {1}, .bias = false};
  std::vector<Case> list = {
      {"bias_relu", "conv relu",
       [](GraphBuilder& b) {
         return b.relu(b.conv(image(b, "x", {3, 5, 9, 7}), 6, {3}, {.padding = {1}}));
       }},
      {"biased_line_relu6", "conv sub mul add clip",
       [](GraphBuilder& b) {
         return b.relu6(line(b, b.conv(image(b, "x", {9, 16, 8, 8}), 33, {1}), "n"));
       }},
      {"depthwise_line_silu", "conv sub mul add silu",
       [](GraphBuilder& b) {
         ConvOptions options{.stride = {2}, .padding = {1}, .dilation = {1}};
         options.groups = 24;
         options.bias = false;
         return b.silu(line(b, b.conv(image(b, "x", {2, 24, 11, 9}), 24, {3}, options), "n"));
       }},
      {"groups_scalar_hard_swish", "conv mul hard_swish",
       [](GraphBuilder& b) {
         ConvOptions options{.padding = {1}};
         options.groups = 2;
         const TensorId x = b.conv(image(b, "x", {2, 8, 7, 6}), 32, {3}, options);
         return b.hard_swish(b.mul(image(b, "s", {1}), x));
       }},
      {"small_groups_line_relu6", "conv sub mul add clip",
       [](GraphBuilder& b) {
         ConvOptions options{.stride = {1, 2}, .padding = {1}};
         options.groups = 9;
         return b.relu6(line(b, b.conv(image(b, "x", {2, 36, 40, 45}), 36, {3}, options), "n"));
       }},
      {"small_groups_of_one_image", "conv sub mul add relu",
       [](GraphBuilder& b) {
         ConvOptions options{.padding = {1}, .bias = false};
         options.groups = 30;
         return b.relu(line(b, b.conv(image(b, "x", {1, 60, 19, 18}), 60, {3}, options), "n"));
       }},
      {"residual", "conv sub mul add add relu",
       [=](GraphBuilder& b) {
         const TensorId r = b.max_pool(image(b, "r", {2, 8, 20, 24}), {2});
         const TensorId x = line(b, b.conv(image(b, "x", {2, 16, 10, 12}), 8, {3}, same), "n");
         return b.relu(b.add(r, x));
       }},
      {"strided_pointwise_residual", "conv sub mul add add relu",
       [](GraphBuilder& b) {
         const ConvOptions options{.stride = {2, 3}};
         const TensorId r = b.max_pool(image(b, "r", {3, 70, 8, 8}), {2});
         const TensorId x = b.conv(image(b, "x", {3, 40, 7, 12}), 70, {1}, options);
         return b.relu(b.add(line(b, x, "n"), r));
       }},
      {"pointwise_of_many_pixels", "conv sub mul add clip",
       [](GraphBuilder& b) {
         return b.relu6(line(b, b.conv(image(b, "x", {2, 6, 40, 40}), 18, {1}), "n"));
       }},
      {"residual_of_its_own_input", "conv add relu",
       [=](GraphBuilder& b) {
         const TensorId x = image(b, "x", {2, 8, 10, 12});
         return b.relu(b.add(b.conv(x, 8, {3}, same), x));
       }},
      {"difference_the_other_way", "conv sub relu",
       [=](GraphBuilder& b) {
         const TensorId x = image(b, "x", {2, 8, 10, 12});
         return b.relu(b.sub(image(b, "c", {1, 8, 1, 1}), b.conv(x, 8, {3}, same)));
       }},
      {"strips", "conv sub mul add add relu",
       [](GraphBuilder& b) {
         const ConvOptions options{.stride = {2, 1}, .padding = {2, 1, 0, 1}, .bias = false};
         const TensorId r = image(b, "r", {1, 12, 31, 40});
         const TensorId x = b.conv(image(b, "x", {1, 3, 63, 40}), 12, {5, 3}, options);
         return b.relu(b.add(line(b, x, "n"), r));
       }},
      {"bands", "conv sub mul add add relu",
       [=](GraphBuilder& b) {
         const TensorId r = image(b, "r", {1, 272, 7, 7});
         const TensorId x = line(b, b.conv(image(b, "x", {1, 33, 7, 7}), 272, {3}, same), "n");
         return b.relu(b.add(x, r));
       }},
      {"winograd", "conv sub mul add add relu",
       [=](GraphBuilder& b) {
         const TensorId r = image(b, "r", {1, 32, 54, 55});
         const TensorId x = line(b, b.conv(image(b, "x", {1, 32, 54, 55}), 32, {3}, same), "n");
         return b.relu(b.add(x, r));
       }},
      {"winograd_in_bands", "conv sub mul add add clip",
       [=](GraphBuilder& b) {
         const TensorId r = image(b, "r", {1, 112, 14, 16});
         const TensorId x = line(b, b.conv(image(b, "x", {1, 96, 14, 16}), 112, {3}, same), "n");
         return b.relu6(b.add(x, r));
       }},
      {"winograd_without_a_clamp", "conv sub mul add silu",
       [=](GraphBuilder& b) {
         return b.silu(line(b, b.conv(image(b, "x", {1, 32, 20, 24}), 32, {3}, same), "n"));
       }},
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].rounds || list[i].name == "winograd") continue;
    list.push_back({list[i].name + "_rounded", list[i].parts, list[i].body, true});
  }
  return list;
}

class FusedConvolution : public ::testing::TestWithParam<Case> {
 protected:
  static TrainingModel model() {
    GraphBuilder b("fused");
    b.output(b.average_pool(GetParam().body(b), {2}));  // so that what is fused ends before
    TrainingOptions options;
    options.fuse = options.channels_last = options.winograd = true;
    options.bf16 = GetParam().rounds;
    return make_inference_model(std::move(b).build(), options);
  }
};

TEST_P(FusedConvolution, IsRightOnAnyThreadsAndInPlace) {
  constexpr double kRounding = 0x1p-8;  // of a number, at most half of that
  const TrainingModel made = model();
  std::string all;
  for (const Kernel& kernel : made.kernels) all += testing::parts_of(kernel) + "\n";
  const auto is_expected = [](const std::string& parts) { return parts == GetParam().parts; };
  EXPECT_EQ(testing::check_kernels(made, is_expected, GetParam().rounds ? kRounding : 4e-6), 1)
      << all;
}

INSTANTIATE_TEST_SUITE_P(All, FusedConvolution, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.name; });
INSTANTIATE_TEST_SUITE_P(Bands, FusedConvolution, ::testing::ValuesIn(banded_cases()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace rockmate
