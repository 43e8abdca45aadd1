// Normalisations. Batch normalisation always trains: by the batch's own statistics, with running
// statistics that are updated once.

#include <fmt/format.h>

#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

void require_channels(NodeCall& call) {
  if (call.shape(0).size() < 2) {
    NodeCall::reject(fmt::format("the input has the shape {}, expected [batch, channels, ...]",
                                 to_string(call.shape(0))));
  }
}

// Running statistics are updated once: what is no statistics source of the model's own, or has an
// update already, gets a copy.
TensorId statistics(NodeCall& call, std::size_t input, double start) {
  const Value& value = call.value(input);
  GraphBuilder& builder = call.values().builder();
  if (value.tensor && builder[*value.tensor].kind == TensorKind::kStatistics &&
      call.values().claim(*value.tensor)) {
    return *value.tensor;
  }
  const TensorId copy =
      builder.statistics(call.values().fresh("statistics"), call.shape(input), start);
  if (value.constant != nullptr) builder.set_data(copy, value.constant->reals());
  return copy;
}

void import_batch_norm(NodeCall& call) {
  require_channels(call);
  if (call.opset() < 9 && call.integer("spatial", 1) == 0) {
    NodeCall::reject("spatial is 0, expected statistics per channel");
  }
  call.only_outputs(3);
  const TensorId x = call.tensor(0);
  NormOptions options;
  options.epsilon = call.real("epsilon", 1e-5);
  options.momentum = 1 - call.real("momentum", 0.9);
  const GraphBuilder::BatchNormTensors tensors = {call.tensor(1), call.tensor(2),
                                                  statistics(call, 3, 0), statistics(call, 4, 1)};
  call.set(call.b().batch_norm(x, tensors, options));
  if (call.wants(1)) call.set(tensors.running_mean, 1);
  if (call.wants(2)) call.set(tensors.running_variance, 2);
}

void import_layer_norm(NodeCall& call) {
  call.only_outputs(1);
  const std::size_t rank = call.shape(0).size();
  const auto axis = static_cast<std::int64_t>(call.axis(call.integer("axis", -1), rank));
  const Attributes attributes = {{"axis", axis}, {"epsilon", call.real("epsilon", 1e-5)}};
  std::vector<TensorId> inputs = {call.tensor(0), call.tensor(1)};
  if (const auto bias = call.optional_tensor(2)) inputs.push_back(*bias);
  call.set(call.b().node(OpKind::kLayerNorm, inputs, attributes).front());
}

void import_instance_norm(NodeCall& call) {
  require_channels(call);
  const TensorId x = call.tensor(0);
  const TensorId scale = call.tensor(1);
  const TensorId bias = call.tensor(2);
  NormOptions options;
  options.epsilon = call.real("epsilon", 1e-5);
  call.set(call.b().group_norm(x, scale, bias, call.shape(0)[1], options));
}

// Scale and bias per group (opset 18) are spread over the group's channels.
TensorId per_channel(NodeCall& call, std::size_t input, std::int64_t groups,
                     std::int64_t channels) {
  const TensorId x = call.tensor(input);
  if (call.shape(input) == Shape{channels} || call.shape(input) != Shape{groups}) return x;
  const TensorId column = call.b().reshape(x, {groups, 1});
  const TensorId spread = call.b().expand(column, {groups, channels / groups});
  return call.b().reshape(spread, {channels});
}

void import_group_norm(NodeCall& call) {
  require_channels(call);
  const std::int64_t channels = call.shape(0)[1];
  const std::int64_t groups = call.integer("num_groups", 1);
  if (groups < 1 || channels % groups != 0) {
    NodeCall::reject(fmt::format("{} channels do not divide into {} groups", channels, groups));
  }
  const TensorId x = call.tensor(0);
  const TensorId scale = per_channel(call, 1, groups, channels);
  const TensorId bias = per_channel(call, 2, groups, channels);
  NormOptions options;
  options.epsilon = call.real("epsilon", 1e-5);
  call.set(call.b().group_norm(x, scale, bias, groups, options));
}

// The ratio is an attribute before opset 12.
void import_dropout(NodeCall& call) {
  call.only_outputs(1);
  const double rate = call.has(1) ? call.known_real(1, "the ratio") : call.real("ratio", 0.5);
  if (rate == 0) return call.set(call.value(0));
  const TensorId x = call.tensor(0);
  call.set(call.b().dropout(x, rate));
}

}  // namespace

void add_normalization_importers(Importers& importers) {
  importers["BatchNormalization"] = import_batch_norm;
  importers["LayerNormalization"] = import_layer_norm;
  importers["InstanceNormalization"] = import_instance_norm;
  importers["GroupNormalization"] = import_group_norm;
  importers["Dropout"] = import_dropout;
}

}  // namespace rockmate::from_onnx
