#include "support/large_examples.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <random>

namespace rockmate::testing {
namespace {

using Ids = std::vector<TensorId>;

TensorId param(GraphBuilder& b, const std::string& name, const Shape& shape) {
  return b.parameter(name, shape, {Fill::Kind::kUniform, 2});
}

void add_products(std::vector<OpExample>& list) {
  using enum OpKind;
  list.push_back({"tiles", kLinear, [](GraphBuilder& b) -> Ids {
                    return {b.linear(param(b, "x", {131, 9}), 133)};
                  }});
  list.push_back(
      {"deep", kMatMul, [](GraphBuilder& b) -> Ids {
         return {b.matmul(param(b, "a", {3, 300}), param(b, "c", {5, 300}), false, true)};
       }});
  list.push_back({"thin", kMatMul, [](GraphBuilder& b) -> Ids {
                    return {b.matmul(param(b, "a", {2, 1, 1, 9}), param(b, "c", {3, 9, 1}))};
                  }});
}

void add_convolutions(std::vector<OpExample>& list) {
  using enum OpKind;
  list.push_back({"deep", kConv, [](GraphBuilder& b) -> Ids {
                    return {b.conv(param(b, "x", {2, 16, 8, 9}), 5, {3}, {.padding = {1}})};
                  }});
}

void add_elementwise(std::vector<OpExample>& list) {
  using enum OpKind;
  list.push_back({"mask_of_many_bytes", kRelu, [](GraphBuilder& b) -> Ids {
                    return {b.relu(param(b, "x", {33, 1021}))};
                  }});
  list.push_back({"many", kDropout, [](GraphBuilder& b) -> Ids {
                    return {b.dropout(param(b, "x", {41, 1009}), 0.25)};
                  }});
  list.push_back({"channels", kMul, [](GraphBuilder& b) -> Ids {
                    return {b.mul(param(b, "a", {2, 3, 101, 67}), param(b, "c", {3, 1, 1}))};
                  }});
  list.push_back({"rows", kSoftmax, [](GraphBuilder& b) -> Ids {
                    return {b.softmax(param(b, "x", {67, 501}))};
                  }});
  list.push_back({"long_rows", kLayerNorm, [](GraphBuilder& b) -> Ids {
                    return {b.layer_norm(param(b, "x", {35, 501}))};
                  }});
  list.push_back({"large", kBatchNorm, [](GraphBuilder& b) -> Ids {
                    return {b.batch_norm(param(b, "x", {3, 5, 37, 41}))};
                  }});
  list.push_back({"large", kGroupNorm, [](GraphBuilder& b) -> Ids {
                    return {b.group_norm(param(b, "x", {3, 6, 31, 33}), 3)};
                  }});
  list.push_back({"pixels", kReduceMean, [](GraphBuilder& b) -> Ids {
                    return {b.reduce_mean(param(b, "x", {5, 7, 33, 29}), {0, 2, 3})};
                  }});
  list.push_back({"columns", kReduceSum, [](GraphBuilder& b) -> Ids {
                    return {b.reduce_sum(param(b, "x", {131, 3, 131}), {0})};
                  }});
  list.push_back({"tall", kReduceSum, [](GraphBuilder& b) -> Ids {
                    return {b.reduce_sum(param(b, "x", {1031, 97}), {0}),
                            b.reduce_mean(param(b, "y", {3, 700, 101}), {1})};
                  }});
  list.push_back({"all", kReduceMax, [](GraphBuilder& b) -> Ids {
                    return {b.reduce_max(param(b, "x", {130, 131}))};
                  }});
  list.push_back({"large", kTranspose, [](GraphBuilder& b) -> Ids {
                    return {b.transpose(param(b, "x", {17, 61, 31}), {2, 1, 0})};
                  }});
  // Rows and columns that are interleaved or gathered, with rests of vectors.
  for (const Shape& shape :
       {Shape{5, 2, 37}, Shape{5, 37, 2}, Shape{3, 1003}, Shape{1003, 3}, Shape{2, 4, 23},
        Shape{2, 23, 4}, Shape{67, 131}, Shape{131, 5}, Shape{40, 3, 24}, Shape{40, 24, 3}}) {
    list.push_back({fmt::format("swap_{}", fmt::join(shape, "_")), kTranspose,
                    [shape](GraphBuilder& b) -> Ids {
                      std::vector<std::int64_t> swapped = {0, 2, 1};
                      if (shape.size() == 2) swapped = {1, 0};
                      return {b.transpose(param(b, "x", shape), swapped)};
                    }});
  }
  list.push_back({"rotation", kTranspose, [](GraphBuilder& b) -> Ids {
                    return {b.transpose(param(b, "x", {3, 5, 4, 19}), {2, 3, 0, 1}),
                            b.transpose(param(b, "y", {2, 3, 5, 19}), {0, 2, 3, 1})};
                  }});
  list.push_back({"large", kMeanSquaredError, [](GraphBuilder& b) -> Ids {
                    return {b.mse(param(b, "x", {301, 251}), param(b, "t", {301, 251}))};
                  }});
  list.push_back({"tokens", kCrossEntropy, [](GraphBuilder& b) -> Ids {
                    std::vector<double> targets(301);
                    for (std::size_t i = 0; i < targets.size(); ++i) {
                      targets[i] = i % 5 == 0 ? -100 : static_cast<double>(i * 7 % 103);
                    }
                    const TensorId t = b.constant("t", {DType::kInt32, {301}}, targets);
                    return {b.cross_entropy(param(b, "x", {301, 103}), t)};
                  }});
}

// No image, no token: the losses are 0, and so are the gradients.
void add_empty(std::vector<OpExample>& list) {
  using enum OpKind;
  list.push_back({"empty", kConv, [](GraphBuilder& b) -> Ids {
                    const TensorId x = b.conv(param(b, "x", {0, 2, 5, 5}), 3, {3});
                    return {b.max_pool(b.relu(x), {2})};
                  }});
  list.push_back({"empty", kLinear, [](GraphBuilder& b) -> Ids {
                    const TensorId x = b.linear(param(b, "x", {0, 4}), 3);
                    return {b.softmax(b.add(b.dropout(b.layer_norm(x), 0.5), x))};
                  }});
  list.push_back({"empty", kConcat, [](GraphBuilder& b) -> Ids {
                    const TensorId x = param(b, "x", {2, 0, 3});
                    const TensorId y = b.concat({x, param(b, "y", {2, 1, 3}), x}, 1);
                    return {b.transpose(b.slice(y, 2, 1, 3), {2, 0, 1})};
                  }});
}

// A convolution with its gradients: every attribute is drawn, on one to three spatial axes.
OpExample random_conv(std::uint64_t seed) {
  return {fmt::format("random_{}", seed), seed % 3 == 2 ? OpKind::kConvTranspose : OpKind::kConv,
          [seed](GraphBuilder& b) -> Ids {
            std::mt19937_64 random(seed);
            const auto draw = [&](std::int64_t low, std::int64_t high) {
              return std::uniform_int_distribution<std::int64_t>(low, high)(random);
            };
            const auto rank = static_cast<std::size_t>(seed % 4 == 3 ? 3 : 1 + seed % 2);
            ConvOptions options{.stride = {}, .padding = {}, .dilation = {}, .output_padding = {}};
            options.groups = draw(1, 3);
            options.bias = draw(0, 1) == 1;
            Extents kernel;
            Shape x = {draw(1, 3), options.groups * draw(1, 4)};
            std::vector<std::int64_t> after;
            for (std::size_t d = 0; d < rank; ++d) {
              options.stride.push_back(draw(1, 3));
              options.dilation.push_back(draw(1, 2));
              kernel.push_back(draw(1, rank == 3 ? 2 : 3));
              options.padding.push_back(draw(0, 2));
              after.push_back(draw(0, 2));
              options.output_padding.push_back(draw(0, options.stride.back() - 1));
              x.push_back(rank == 3 ? draw(3, 5) : draw(5, rank == 1 ? 40 : 9));
            }
            options.padding.insert(options.padding.end(), after.begin(), after.end());
            const std::int64_t channels = options.groups * draw(1, 5);
            const TensorId image = param(b, "x", x);
            return {seed % 3 == 2 ? b.conv_transpose(image, channels, kernel, options)
                                  : b.conv(image, channels, kernel, options)};
          }};
}

OpExample random_pool(std::uint64_t seed) {
  const bool is_max = seed % 2 == 0;
  return {fmt::format("random_{}", seed), is_max ? OpKind::kMaxPool : OpKind::kAveragePool,
          [=](GraphBuilder& b) -> Ids {
            std::mt19937_64 random(seed);
            const auto draw = [&](std::int64_t low, std::int64_t high) {
              return std::uniform_int_distribution<std::int64_t>(low, high)(random);
            };
            const Extents kernel = {draw(1, 4), draw(2, 3)};
            PoolOptions options{.stride = {draw(1, 3), draw(1, 3)}, .padding = {}, .dilation = {1}};
            if (is_max) options.dilation = {draw(1, 2), 1};
            for (std::size_t i = 0; i < 4; ++i) {
              options.padding.push_back(draw(0, kernel[i % 2] - 1));
            }
            options.ceil_mode = draw(0, 1) == 1;
            options.count_include_pad = draw(0, 1) == 1;
            const TensorId x = param(b, "x", {draw(1, 2), draw(1, 3), draw(7, 12), draw(4, 11)});
            return {is_max ? b.max_pool(x, kernel, options) : b.average_pool(x, kernel, options)};
          }};
}

// Point-wise groups that take many tiles: rows longer than one, and many short rows.
void add_fused(std::vector<OpExample>& list) {
  for (const Shape& shape : {Shape{3, 5001}, Shape{701, 37}, Shape{2, 5, 3, 211}}) {
    list.push_back(
        {fmt::format("tiles_{}", shape.back()), OpKind::kFused, [shape](GraphBuilder& b) -> Ids {
           Shape column = shape;
           column.back() = 1;
           const TensorId x = b.dropout(b.add(param(b, "x", shape), param(b, "c", column)), 0.3);
           const TensorId row = param(b, "r", {shape.back()});
           const TensorId y = b.gelu(b.mul(b.scale(x, 1.5, 0.1), row));
           const TensorId allowed = b.less(b.scalar(0), row);
           return {b.tanh(b.where(allowed, b.sub(y, b.scalar(0.5)), b.exp(y)))};
         }});
  }
  // Scores behind a mask: rows that fit into a tile, and longer ones.
  for (const Shape& shape : {Shape{2, 3, 41, 37}, Shape{3, 1, 7, 2048}, Shape{5, 2051}}) {
    for (const bool is_logarithm : {false, true}) {
      list.push_back({fmt::format("scores_{}{}", shape.back(), is_logarithm ? "_log" : ""),
                      OpKind::kFused, [=](GraphBuilder& b) -> Ids {
                        const Shape square(shape.end() - 2, shape.end());
                        TensorId x = b.add(b.scale(param(b, "x", shape), 0.125),
                                           b.scale(param(b, "mask", square), 60));
                        x = is_logarithm ? b.log_softmax(x) : b.softmax(x);
                        return {b.dropout(x, 0.2)};
                      }});
    }
  }
}

}  // namespace

const std::vector<OpExample>& large_examples() {
  static const std::vector<OpExample> examples = [] {
    std::vector<OpExample> list;
    add_products(list);
    add_convolutions(list);
    add_elementwise(list);
    add_empty(list);
    add_fused(list);
    for (std::uint64_t seed = 0; seed < 24; ++seed) list.push_back(random_conv(seed));
    for (std::uint64_t seed = 0; seed < 12; ++seed) list.push_back(random_pool(seed));
    return list;
  }();
  return examples;
}

}  // namespace rockmate::testing
