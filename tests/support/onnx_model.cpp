#include "support/onnx_model.h"

#ifdef ROCKMATE_WITH_ONNX

namespace rockmate::testing {
namespace {

void fill(onnx::TensorProto& tensor, const std::string& name, const Shape& shape,
          const std::vector<float>& elements) {
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : shape) tensor.add_dims(extent);
  for (const float x : elements) tensor.add_float_data(x);
}

}  // namespace

OnnxModel::OnnxModel(std::int64_t opset) {
  proto_.set_ir_version(8);
  proto_.add_opset_import()->set_version(opset);
  graph().set_name("model");
}

OnnxModel& OnnxModel::input(const std::string& name, const Shape& shape, int type) {
  auto& info = *graph().add_input();
  info.set_name(name);
  info.mutable_type()->mutable_tensor_type()->set_elem_type(type);
  auto& list = *info.mutable_type()->mutable_tensor_type()->mutable_shape();
  for (const std::int64_t extent : shape) list.add_dim()->set_dim_value(extent);
  return *this;
}

OnnxModel& OnnxModel::symbolic_input(const std::string& name, const std::string& symbol,
                                     const Shape& rest) {
  Shape shape = {1};
  shape.insert(shape.end(), rest.begin(), rest.end());
  input(name, shape);
  auto& info = *graph().mutable_input(graph().input_size() - 1);
  info.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_param(
      symbol);
  return *this;
}

OnnxModel& OnnxModel::initializer(const std::string& name, const Shape& shape,
                                  const std::vector<float>& elements) {
  fill(*graph().add_initializer(), name, shape, elements);
  return *this;
}

OnnxModel& OnnxModel::wholes(const std::string& name, const std::vector<std::int64_t>& elements) {
  auto& tensor = *graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(elements.size()));
  for (const std::int64_t x : elements) tensor.add_int64_data(x);
  return *this;
}

OnnxModel& OnnxModel::node(const std::string& op, const std::vector<std::string>& inputs,
                           const std::vector<std::string>& outputs) {
  auto& node = *graph().add_node();
  node.set_op_type(op);
  for (const std::string& name : inputs) node.add_input(name);
  for (const std::string& name : outputs) node.add_output(name);
  return *this;
}

onnx::AttributeProto& OnnxModel::add_attribute(const std::string& name,
                                               onnx::AttributeProto::AttributeType type) {
  auto& attribute = *graph().mutable_node(graph().node_size() - 1)->add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

OnnxModel& OnnxModel::attribute(const std::string& name, std::int64_t value) {
  add_attribute(name, onnx::AttributeProto::INT).set_i(value);
  return *this;
}

OnnxModel& OnnxModel::attribute(const std::string& name, double value) {
  add_attribute(name, onnx::AttributeProto::FLOAT).set_f(static_cast<float>(value));
  return *this;
}

OnnxModel& OnnxModel::attribute(const std::string& name, const char* value) {
  add_attribute(name, onnx::AttributeProto::STRING).set_s(value);
  return *this;
}

OnnxModel& OnnxModel::attribute(const std::string& name, const std::vector<std::int64_t>& value) {
  auto& attribute = add_attribute(name, onnx::AttributeProto::INTS);
  for (const std::int64_t x : value) attribute.add_ints(x);
  return *this;
}

OnnxModel& OnnxModel::constant(const std::string& name, const Shape& shape,
                               const std::vector<float>& elements) {
  node("Constant", {}, {name});
  fill(*add_attribute("value", onnx::AttributeProto::TENSOR).mutable_t(), "", shape, elements);
  return *this;
}

OnnxModel& OnnxModel::output(const std::string& name) {
  graph().add_output()->set_name(name);
  return *this;
}

}  // namespace rockmate::testing

#endif
