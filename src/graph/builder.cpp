// Sources, names, and the one way in which a node enters the graph.

#include <fmt/format.h>

#include <algorithm>

#include "graph/op_table.h"
#include "rockmate/error.h"
#include "rockmate/graph_builder.h"

namespace rockmate {

GraphBuilder::GraphBuilder(std::string name) { graph_.name_ = std::move(name); }

GraphBuilder::GraphBuilder(Graph graph) : graph_(std::move(graph)) {
  for (const Tensor& tensor : graph_.tensors_) names_.insert(tensor.name);
  for (const Node& node : graph_.nodes_) {
    names_.insert(node.name);
    if (node.kind != OpKind::kDropout) continue;
    dropouts_ = std::max(dropouts_, node.attributes.integer("stream") + 1);
  }
}

const Tensor& GraphBuilder::operator[](TensorId id) const {
  if (id.index() >= graph_.tensors_.size()) {
    throw InvalidInput(
        fmt::format("tensor {} of {} is of another builder", id.index(), graph_.tensors_.size()));
  }
  return graph_.tensors_[id];
}

std::string GraphBuilder::unique(const std::string& name) {
  std::string candidate = name;
  while (!names_.insert(candidate).second) {
    candidate = fmt::format("{}_{}", name, ++next_number_[name]);
  }
  return candidate;
}

std::string GraphBuilder::take_name(OpKind kind) {
  if (!fixed_name_.empty()) return std::exchange(fixed_name_, {});
  if (!next_name_.empty()) return unique(prefix_ + std::exchange(next_name_, {}));
  const std::string stem = fmt::format("{}{}", prefix_, to_string(kind));
  return unique(fmt::format("{}_{}", stem, ++next_number_[stem]));
}

GraphBuilder& GraphBuilder::named(std::string name) {
  next_name_ = std::move(name);
  return *this;
}

GraphBuilder::Scope GraphBuilder::scope(const std::string& prefix) { return {*this, prefix}; }

TensorId GraphBuilder::add_source(const std::string& name, TensorKind kind, TensorType type,
                                  Fill fill) {
  if (!names_.insert(name).second) {
    throw InvalidInput(fmt::format("the name '{}' is taken; names of tensors are unique", name));
  }
  if (type.dtype == DType::kBit) {
    throw InvalidInput(
        fmt::format("source '{}' is {}, expected whole bytes per element", name, to_string(type)));
  }
  static_cast<void>(type.bytes());  // rejects negative and overflowing extents
  const TensorId id(graph_.tensors_.size());
  graph_.tensors_.push_back({.name = name,
                             .kind = kind,
                             .type = std::move(type),
                             .fill = fill,
                             .trainable = kind == TensorKind::kParameter});
  return id;
}

TensorId GraphBuilder::input(const std::string& name, Shape shape, DType dtype) {
  return add_source(prefix_ + name, TensorKind::kInput, {dtype, std::move(shape)}, {});
}

TensorId GraphBuilder::parameter(const std::string& name, Shape shape, Fill fill, DType dtype) {
  const TensorId id =
      add_source(prefix_ + name, TensorKind::kParameter, {dtype, std::move(shape)}, fill);
  graph_.tensors_[id].trainable = is_floating(dtype);
  return id;
}

TensorId GraphBuilder::constant(const std::string& name, TensorType type,
                                std::vector<double> data) {
  const TensorId id = add_source(prefix_ + name, TensorKind::kConstant, std::move(type), {});
  set_data(id, std::move(data));
  return id;
}

TensorId GraphBuilder::scalar(double value, DType dtype) {
  const std::string stem = prefix_ + "scalar";
  return add_source(fmt::format("{}_{}", stem, ++next_number_[stem]), TensorKind::kConstant,
                    {dtype, {}}, {Fill::Kind::kConstant, value});
}

TensorId GraphBuilder::statistics(const std::string& name, Shape shape, double value) {
  return add_source(prefix_ + name, TensorKind::kStatistics, {DType::kFloat32, std::move(shape)},
                    {Fill::Kind::kConstant, value});
}

void GraphBuilder::set_data(TensorId source, std::vector<double> data) {
  static_cast<void>((*this)[source]);
  Tensor& tensor = graph_.tensors_[source];
  if (tensor.producer) {
    throw InvalidInput(fmt::format("'{}' is made by a node; only sources take data", tensor.name));
  }
  const std::int64_t elements = element_count(tensor.type.shape);
  if (data.size() == 1) {
    tensor.fill = {Fill::Kind::kConstant, data.front()};
  } else if (static_cast<std::int64_t>(data.size()) == elements) {
    tensor.data = std::make_shared<const std::vector<double>>(std::move(data));
  } else {
    throw InvalidInput(fmt::format("'{}' is given {} elements, expected {} or 1", tensor.name,
                                   data.size(), elements));
  }
}

void GraphBuilder::freeze(TensorId parameter) {
  static_cast<void>((*this)[parameter]);
  Tensor& tensor = graph_.tensors_[parameter];
  if (tensor.kind != TensorKind::kParameter) {
    throw InvalidInput(fmt::format("'{}' is no parameter and cannot be frozen", tensor.name));
  }
  tensor.trainable = false;
}

std::vector<TensorId> GraphBuilder::node(OpKind kind, std::vector<TensorId> inputs,
                                         Attributes attributes) {
  const std::string name = take_name(kind);
  OpView view{name, kind, attributes, {}};
  for (const TensorId input : inputs) {
    view.inputs.push_back(&(*this)[input].type);
  }
  const OpDefinition& entry = definition(kind);
  for (const std::size_t i : entry.updates) {
    if (i < inputs.size() && graph_.tensors_[inputs[i]].producer) {
      view.reject(fmt::format("updates input {}, '{}', which is no source", i,
                              graph_.tensors_[inputs[i]].name));
    }
  }
  Types types = infer_types(view);
  const NodeId id(graph_.nodes_.size());
  std::vector<TensorId> outputs;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const std::string suffix =
        i < entry.outputs.size() ? std::string(entry.outputs[i]) : std::to_string(i);
    outputs.push_back(TensorId(graph_.tensors_.size()));
    graph_.tensors_.push_back({.name = i == 0 ? name : unique(fmt::format("{}.{}", name, suffix)),
                               .type = std::move(types[i]),
                               .producer = id});
  }
  graph_.nodes_.push_back({name, kind, std::move(attributes), std::move(inputs), outputs});
  return outputs;
}

TensorId GraphBuilder::single(OpKind kind, std::vector<TensorId> inputs, Attributes attributes) {
  return node(kind, std::move(inputs), std::move(attributes)).front();
}

void GraphBuilder::loss(TensorId tensor, double weight) {
  const TensorType& type = (*this)[tensor].type;
  if (element_count(type.shape) != 1 || !is_floating(type.dtype)) {
    throw InvalidInput(
        fmt::format("the loss '{}' is {}, expected one floating-point element "
                    "(reduce it)",
                    (*this)[tensor].name, to_string(type)));
  }
  graph_.losses_.push_back({tensor, weight});
}

void GraphBuilder::output(TensorId tensor) {
  static_cast<void>((*this)[tensor]);
  graph_.outputs_.push_back(tensor);
}

Graph GraphBuilder::build() && { return std::move(graph_); }

}  // namespace rockmate
