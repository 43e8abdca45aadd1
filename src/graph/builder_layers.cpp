// Layers that make their own parameters. The first values are PyTorch's defaults: uniform within
// 1 / sqrt(fan in) for convolutions and linear layers, ones and zeros for normalisations.

#include <fmt/format.h>

#include <cmath>

#include "rockmate/error.h"
#include "rockmate/graph_builder.h"

namespace rockmate {
namespace {

Fill uniform_of(std::int64_t fan_in) {
  return {Fill::Kind::kUniform,
          1 / std::sqrt(static_cast<double>(std::max<std::int64_t>(fan_in, 1)))};
}

constexpr Fill kOnes = {Fill::Kind::kConstant, 1};
constexpr Fill kEmbeddingFill = {Fill::Kind::kNormal, 0.02};

// The extent of an axis of x, or InvalidInput that names the layer.
std::int64_t extent(const GraphBuilder& builder, TensorId x, std::size_t axis, const char* layer) {
  const Shape& shape = builder.shape(x);
  if (axis >= shape.size()) {
    throw InvalidInput(fmt::format("{}: input '{}' has the shape {}, expected at least {} axes",
                                   layer, builder[x].name, to_string(shape), axis + 1));
  }
  return shape[axis];
}

}  // namespace

TensorId GraphBuilder::conv(TensorId x, std::int64_t channels, const Extents& kernel,
                            const ConvOptions& options) {
  const std::string name = take_name(OpKind::kConv);
  const std::int64_t in = extent(*this, x, 1, "conv");
  if (options.groups < 1 || in % options.groups != 0) {
    throw InvalidInput(fmt::format("op '{}' (conv): {} input channels do not divide into {} groups",
                                   name, in, options.groups));
  }
  Shape shape = {channels, in / options.groups};
  const Extents full = per_dimension(x, kernel);
  shape.insert(shape.end(), full.begin(), full.end());
  const DType dtype = (*this)[x].type.dtype;
  const Fill fill = uniform_of(element_count(shape) / std::max<std::int64_t>(channels, 1));
  const TensorId weight = layer_parameter(name + ".weight", shape, fill, dtype);
  std::optional<TensorId> bias;
  if (options.bias) bias = layer_parameter(name + ".bias", {channels}, fill, dtype);
  fixed_name_ = name;
  return conv(x, weight, bias, options);
}

TensorId GraphBuilder::conv_transpose(TensorId x, std::int64_t channels, const Extents& kernel,
                                      const ConvOptions& options) {
  const std::string name = take_name(OpKind::kConvTranspose);
  const std::int64_t in = extent(*this, x, 1, "conv_transpose");
  if (options.groups < 1 || channels % options.groups != 0) {
    throw InvalidInput(
        fmt::format("op '{}' (conv_transpose): {} output channels do not divide "
                    "into {} groups",
                    name, channels, options.groups));
  }
  Shape shape = {in, channels / options.groups};
  const Extents full = per_dimension(x, kernel);
  shape.insert(shape.end(), full.begin(), full.end());
  const DType dtype = (*this)[x].type.dtype;
  const Fill fill = uniform_of(element_count(shape) / std::max<std::int64_t>(in, 1));
  const TensorId weight = layer_parameter(name + ".weight", shape, fill, dtype);
  std::optional<TensorId> bias;
  if (options.bias) bias = layer_parameter(name + ".bias", {channels}, fill, dtype);
  fixed_name_ = name;
  return conv_transpose(x, weight, bias, options);
}

TensorId GraphBuilder::linear(TensorId x, std::int64_t features, bool bias) {
  const std::string name = take_name(OpKind::kLinear);
  const std::size_t rank = shape(x).size();
  const std::int64_t in = extent(*this, x, rank == 0 ? 0 : rank - 1, "linear");
  const DType dtype = (*this)[x].type.dtype;
  const Fill fill = uniform_of(in);
  const TensorId weight = layer_parameter(name + ".weight", {features, in}, fill, dtype);
  std::optional<TensorId> bias_id;
  if (bias) bias_id = layer_parameter(name + ".bias", {features}, fill, dtype);
  fixed_name_ = name;
  return linear(x, weight, bias_id);
}

TensorId GraphBuilder::batch_norm(TensorId x, const NormOptions& options) {
  const std::string name = take_name(OpKind::kBatchNorm);
  const Shape channels = {extent(*this, x, 1, "batch_norm")};
  const DType dtype = (*this)[x].type.dtype;
  const TensorId scale = layer_parameter(name + ".weight", channels, kOnes, dtype);
  const TensorId bias = layer_parameter(name + ".bias", channels, {}, dtype);
  const TensorId mean =
      add_source(name + ".running_mean", TensorKind::kStatistics, {dtype, channels}, {});
  const TensorId variance =
      add_source(name + ".running_variance", TensorKind::kStatistics, {dtype, channels}, kOnes);
  fixed_name_ = name;
  return batch_norm(x, {scale, bias, mean, variance}, options);
}

TensorId GraphBuilder::layer_norm(TensorId x, const NormOptions& options) {
  const std::string name = take_name(OpKind::kLayerNorm);
  const std::size_t rank = shape(x).size();
  const Shape features = {extent(*this, x, rank == 0 ? 0 : rank - 1, "layer_norm")};
  const DType dtype = (*this)[x].type.dtype;
  const TensorId scale = layer_parameter(name + ".weight", features, kOnes, dtype);
  const TensorId bias = layer_parameter(name + ".bias", features, {}, dtype);
  fixed_name_ = name;
  return layer_norm(x, scale, bias, -1, options);
}

TensorId GraphBuilder::group_norm(TensorId x, std::int64_t groups, const NormOptions& options) {
  const std::string name = take_name(OpKind::kGroupNorm);
  const Shape channels = {extent(*this, x, 1, "group_norm")};
  const DType dtype = (*this)[x].type.dtype;
  const TensorId scale = layer_parameter(name + ".weight", channels, kOnes, dtype);
  const TensorId bias = layer_parameter(name + ".bias", channels, {}, dtype);
  fixed_name_ = name;
  return group_norm(x, scale, bias, groups, options);
}

TensorId GraphBuilder::instance_norm(TensorId x, const NormOptions& options) {
  return group_norm(x, extent(*this, x, 1, "instance_norm"), options);
}

TensorId GraphBuilder::embedding(TensorId indices, std::int64_t rows, std::int64_t features) {
  const std::string name = take_name(OpKind::kGather);
  const TensorId table =
      layer_parameter(name + ".weight", {rows, features}, kEmbeddingFill, DType::kFloat32);
  fixed_name_ = name;
  return gather(table, indices);
}

}  // namespace rockmate
