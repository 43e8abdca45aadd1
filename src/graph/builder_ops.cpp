// Methods that only turn their arguments into attributes.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "rockmate/error.h"
#include "rockmate/graph_builder.h"

namespace rockmate {
namespace {

std::size_t spatial_rank(const Shape& shape) { return shape.size() < 2 ? 0 : shape.size() - 2; }

// Negative axes count from the end; what lies outside is rejected by the op table.
std::int64_t from_front(std::int64_t axis, std::size_t rank) {
  return axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
}

std::vector<std::int64_t> spread(const Extents& list, std::size_t count) {
  return list.size() == 1 ? std::vector<std::int64_t>(count, list.front()) : list;
}

// All paddings before, then all after.
std::vector<std::int64_t> both_sides(const Extents& padding, std::size_t rank) {
  std::vector<std::int64_t> pads = spread(padding, rank);
  if (pads.size() == rank)
    pads.insert(pads.end(), pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank));
  return pads;
}

Attributes conv_attributes(const ConvOptions& options, std::size_t rank) {
  return {{"strides", spread(options.stride, rank)},
          {"pads", both_sides(options.padding, rank)},
          {"dilations", spread(options.dilation, rank)},
          {"groups", options.groups}};
}

Attributes pool_attributes(const Extents& kernel, const PoolOptions& options, std::size_t rank) {
  Attributes attributes = {
      {"kernel", spread(kernel, rank)},
      {"strides", spread(options.stride.empty() ? kernel : options.stride, rank)},
      {"pads", both_sides(options.padding, rank)}};
  if (options.ceil_mode) attributes.set("ceil_mode", true);
  return attributes;
}

}  // namespace

Extents GraphBuilder::per_dimension(TensorId x, const Extents& kernel) const {
  return spread(kernel, spatial_rank(shape(x)));
}

TensorId GraphBuilder::layer_parameter(const std::string& name, Shape shape, Fill fill,
                                       DType dtype) {
  return add_source(name, TensorKind::kParameter, {dtype, std::move(shape)}, fill);
}

TensorId GraphBuilder::conv(TensorId x, TensorId weight, std::optional<TensorId> bias,
                            const ConvOptions& options) {
  std::vector<TensorId> inputs = {x, weight};
  if (bias) inputs.push_back(*bias);
  return single(OpKind::kConv, std::move(inputs), conv_attributes(options, spatial_rank(shape(x))));
}

TensorId GraphBuilder::conv_transpose(TensorId x, TensorId weight, std::optional<TensorId> bias,
                                      const ConvOptions& options) {
  std::vector<TensorId> inputs = {x, weight};
  if (bias) inputs.push_back(*bias);
  const std::size_t rank = spatial_rank(shape(x));
  Attributes attributes = conv_attributes(options, rank);
  attributes.set("output_padding", spread(options.output_padding, rank));
  return single(OpKind::kConvTranspose, std::move(inputs), std::move(attributes));
}

TensorId GraphBuilder::linear(TensorId x, TensorId weight, std::optional<TensorId> bias,
                              bool transposed) {
  std::vector<TensorId> inputs = {x, weight};
  if (bias) inputs.push_back(*bias);
  return single(OpKind::kLinear, std::move(inputs), {{"transpose_weight", transposed}});
}

TensorId GraphBuilder::batch_norm(TensorId x, const BatchNormTensors& tensors,
                                  const NormOptions& options) {
  const auto outputs =
      node(OpKind::kBatchNorm, {x, tensors.scale, tensors.bias}, {{"epsilon", options.epsilon}});
  const TensorId y = outputs[0];
  const std::int64_t count = element_count(shape(x)) / std::max<std::int64_t>(shape(x)[1], 1);
  fixed_name_ = unique((*this)[y].name + ".statistics");
  node(OpKind::kRunningStatistics,
       {outputs[1], outputs[2], tensors.running_mean, tensors.running_variance},
       {{"momentum", options.momentum}, {"count", count}});
  return y;
}

TensorId GraphBuilder::layer_norm(TensorId x, TensorId scale, TensorId bias,
                                  std::int64_t first_axis, const NormOptions& options) {
  return single(OpKind::kLayerNorm, {x, scale, bias},
                {{"axis", from_front(first_axis, shape(x).size())}, {"epsilon", options.epsilon}});
}

TensorId GraphBuilder::group_norm(TensorId x, TensorId scale, TensorId bias, std::int64_t groups,
                                  const NormOptions& options) {
  return single(OpKind::kGroupNorm, {x, scale, bias},
                {{"groups", groups}, {"epsilon", options.epsilon}});
}

TensorId GraphBuilder::matmul(TensorId a, TensorId b, bool transpose_a, bool transpose_b) {
  return single(OpKind::kMatMul, {a, b},
                {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

TensorId GraphBuilder::max_pool(TensorId x, const Extents& kernel, const PoolOptions& options) {
  const std::size_t rank = spatial_rank(shape(x));
  Attributes attributes = pool_attributes(kernel, options, rank);
  attributes.set("dilations", spread(options.dilation, rank));
  return single(OpKind::kMaxPool, {x}, std::move(attributes));
}

TensorId GraphBuilder::average_pool(TensorId x, const Extents& kernel, const PoolOptions& options) {
  Attributes attributes = pool_attributes(kernel, options, spatial_rank(shape(x)));
  attributes.set("count_include_pad", options.count_include_pad);
  return single(OpKind::kAveragePool, {x}, std::move(attributes));
}

TensorId GraphBuilder::global_average_pool(TensorId x) {
  std::vector<std::int64_t> axes(spatial_rank(shape(x)));
  std::iota(axes.begin(), axes.end(), std::int64_t{2});
  return single(OpKind::kReduceMean, {x}, {{"axes", axes}, {"keep", true}});
}

TensorId GraphBuilder::adaptive_average_pool(TensorId x, const Extents& size) {
  const std::size_t rank = spatial_rank(shape(x));
  Extents kernel = spread(size, rank);
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t in = shape(x)[d + 2];
    if (kernel.size() != rank || kernel[d] < 1 || in % kernel[d] != 0) {
      throw InvalidInput(
          fmt::format("adaptive_average_pool: {} spatial elements do not divide "
                      "into {}; resize '{}' first",
                      in, to_string(size), (*this)[x].name));
    }
    kernel[d] = in / kernel[d];
  }
  return average_pool(x, kernel);
}

TensorId GraphBuilder::relu(TensorId x) { return single(OpKind::kRelu, {x}); }
TensorId GraphBuilder::relu6(TensorId x) { return clip(x, 0, 6); }
TensorId GraphBuilder::clip(TensorId x, double low, double high) {
  return single(OpKind::kClip, {x}, {{"low", low}, {"high", high}});
}
TensorId GraphBuilder::leaky_relu(TensorId x, double slope) {
  return single(OpKind::kLeakyRelu, {x}, {{"slope", slope}});
}
TensorId GraphBuilder::elu(TensorId x, double alpha) {
  return single(OpKind::kElu, {x}, {{"alpha", alpha}});
}
TensorId GraphBuilder::gelu(TensorId x, bool tanh_approximation) {
  return single(OpKind::kGelu, {x}, {{"tanh", tanh_approximation}});
}
TensorId GraphBuilder::sigmoid(TensorId x) { return single(OpKind::kSigmoid, {x}); }
TensorId GraphBuilder::tanh(TensorId x) { return single(OpKind::kTanh, {x}); }
TensorId GraphBuilder::hard_sigmoid(TensorId x, double alpha, double beta) {
  return single(OpKind::kHardSigmoid, {x}, {{"alpha", alpha}, {"beta", beta}});
}
TensorId GraphBuilder::hard_swish(TensorId x) { return single(OpKind::kHardSwish, {x}); }
TensorId GraphBuilder::silu(TensorId x) { return single(OpKind::kSilu, {x}); }
TensorId GraphBuilder::softplus(TensorId x) { return single(OpKind::kSoftplus, {x}); }

TensorId GraphBuilder::softmax(TensorId x, std::int64_t axis) {
  return single(OpKind::kSoftmax, {x}, {{"axis", from_front(axis, shape(x).size())}});
}
TensorId GraphBuilder::log_softmax(TensorId x, std::int64_t axis) {
  return single(OpKind::kLogSoftmax, {x}, {{"axis", from_front(axis, shape(x).size())}});
}
TensorId GraphBuilder::dropout(TensorId x, double rate) {
  return single(OpKind::kDropout, {x}, {{"rate", rate}, {"stream", dropouts_++}});
}

TensorId GraphBuilder::gather(TensorId table, TensorId indices, std::int64_t axis) {
  return single(OpKind::kGather, {table, indices},
                {{"axis", from_front(axis, shape(table).size())}});
}

TensorId GraphBuilder::where(TensorId condition, TensorId a, TensorId b) {
  return single(OpKind::kWhere, {condition, a, b});
}
TensorId GraphBuilder::add(TensorId a, TensorId b) { return single(OpKind::kAdd, {a, b}); }
TensorId GraphBuilder::sub(TensorId a, TensorId b) { return single(OpKind::kSub, {a, b}); }
TensorId GraphBuilder::mul(TensorId a, TensorId b) { return single(OpKind::kMul, {a, b}); }
TensorId GraphBuilder::div(TensorId a, TensorId b) { return single(OpKind::kDiv, {a, b}); }
TensorId GraphBuilder::maximum(TensorId a, TensorId b) { return single(OpKind::kMaximum, {a, b}); }
TensorId GraphBuilder::minimum(TensorId a, TensorId b) { return single(OpKind::kMinimum, {a, b}); }
TensorId GraphBuilder::equal(TensorId a, TensorId b) { return single(OpKind::kEqual, {a, b}); }
TensorId GraphBuilder::less(TensorId a, TensorId b) { return single(OpKind::kLess, {a, b}); }
TensorId GraphBuilder::less_or_equal(TensorId a, TensorId b) {
  return single(OpKind::kLessOrEqual, {a, b});
}
TensorId GraphBuilder::greater(TensorId a, TensorId b) { return single(OpKind::kGreater, {a, b}); }
TensorId GraphBuilder::greater_or_equal(TensorId a, TensorId b) {
  return single(OpKind::kGreaterOrEqual, {a, b});
}
TensorId GraphBuilder::logical_and(TensorId a, TensorId b) { return single(OpKind::kAnd, {a, b}); }
TensorId GraphBuilder::logical_or(TensorId a, TensorId b) { return single(OpKind::kOr, {a, b}); }
TensorId GraphBuilder::logical_not(TensorId x) { return single(OpKind::kNot, {x}); }

TensorId GraphBuilder::scale(TensorId x, double factor, double offset) {
  return single(OpKind::kScale, {x}, {{"factor", factor}, {"offset", offset}});
}
TensorId GraphBuilder::exp(TensorId x) { return single(OpKind::kExp, {x}); }
TensorId GraphBuilder::log(TensorId x) { return single(OpKind::kLog, {x}); }
TensorId GraphBuilder::sqrt(TensorId x) { return single(OpKind::kSqrt, {x}); }
TensorId GraphBuilder::pow(TensorId x, double exponent) {
  return single(OpKind::kPow, {x}, {{"exponent", exponent}});
}
TensorId GraphBuilder::erf(TensorId x) { return single(OpKind::kErf, {x}); }
TensorId GraphBuilder::abs(TensorId x) { return single(OpKind::kAbs, {x}); }
TensorId GraphBuilder::sin(TensorId x) { return single(OpKind::kSin, {x}); }
TensorId GraphBuilder::cos(TensorId x) { return single(OpKind::kCos, {x}); }

TensorId GraphBuilder::reduce(OpKind kind, TensorId x, const std::vector<std::int64_t>& axes,
                              bool keep) {
  std::vector<std::int64_t> list = axes;
  for (std::int64_t& axis : list) axis = from_front(axis, shape(x).size());
  if (axes.empty()) {
    list.resize(shape(x).size());
    std::iota(list.begin(), list.end(), std::int64_t{0});
  }
  std::sort(list.begin(), list.end());
  return single(kind, {x}, {{"axes", list}, {"keep", keep}});
}
TensorId GraphBuilder::reduce_sum(TensorId x, const std::vector<std::int64_t>& axes, bool keep) {
  return reduce(OpKind::kReduceSum, x, axes, keep);
}
TensorId GraphBuilder::reduce_mean(TensorId x, const std::vector<std::int64_t>& axes, bool keep) {
  return reduce(OpKind::kReduceMean, x, axes, keep);
}
TensorId GraphBuilder::reduce_max(TensorId x, const std::vector<std::int64_t>& axes, bool keep) {
  return reduce(OpKind::kReduceMax, x, axes, keep);
}
TensorId GraphBuilder::reduce_min(TensorId x, const std::vector<std::int64_t>& axes, bool keep) {
  return reduce(OpKind::kReduceMin, x, axes, keep);
}

TensorId GraphBuilder::cross_entropy(TensorId logits, TensorId targets, std::int64_t axis,
                                     std::int64_t ignore_index) {
  return single(OpKind::kCrossEntropy, {logits, targets},
                {{"axis", from_front(axis, shape(logits).size())}, {"ignore_index", ignore_index}});
}
TensorId GraphBuilder::mse(TensorId prediction, TensorId target) {
  return single(OpKind::kMeanSquaredError, {prediction, target});
}
TensorId GraphBuilder::binary_cross_entropy(TensorId logits, TensorId targets) {
  return single(OpKind::kBinaryCrossEntropy, {logits, targets});
}

}  // namespace rockmate
