// The model's own file with other elements in it: whatever a parameter was (an input without
// elements, an initializer, a Constant node), its elements are now those that were trained.

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "graph/onnx/model.h"
#include "graph/onnx/sources.h"
#include "graph/onnx/tensor_data.h"
#include "rockmate/error.h"
#include "rockmate/onnx.h"

namespace rockmate {
namespace from_onnx {
namespace {

using Proto = onnx::TensorProto;
// From this version of the format on an initializer needs no input of its name.
constexpr std::int64_t kFreeInitializers = 4;

void write_elements(const TrainedTensor& from, Proto& to) {
  const std::string name = to.name();
  to.Clear();
  to.set_name(name);
  if (from.type.dtype != DType::kFloat32 && from.type.dtype != DType::kFloat64) {
    throw InvalidInput(fmt::format("'{}' is {}, expected float32 or float64", shown_name(name),
                                   to_string(from.type)));
  }
  to.set_data_type(from.type.dtype == DType::kFloat32 ? Proto::FLOAT : Proto::DOUBLE);
  for (const std::int64_t extent : from.type.shape) to.add_dims(extent);
  to.set_raw_data(from.elements.data(), from.elements.size());
}

// An initializer that stays as it is must not stay in another file.
void move_in(const TensorReader& reader, Proto& tensor) {
  if (tensor.data_location() != Proto::EXTERNAL) return;
  const Constant elements = reader.read(tensor);
  tensor.clear_external_data();
  tensor.clear_data_location();
  if (elements.is_whole()) {
    tensor.set_data_type(Proto::INT64);
    for (std::int64_t i = 0; i < elements.count(); ++i) tensor.add_int64_data(elements.whole(i));
  } else {
    tensor.set_data_type(Proto::FLOAT);
    for (std::int64_t i = 0; i < elements.count(); ++i) {
      tensor.add_float_data(static_cast<float>(elements.real(i)));
    }
  }
}

void write_initializers(const FindTrained& find, const TensorReader& reader,
                        onnx::ModelProto& proto) {
  onnx::GraphProto& graph = *proto.mutable_graph();
  std::unordered_set<std::string> known;
  for (Proto& tensor : *graph.mutable_initializer()) {
    known.insert(tensor.name());
    const auto trained = find(shown_name(tensor.name()));
    trained ? write_elements(*trained, tensor) : move_in(reader, tensor);
  }
  auto& inputs = *graph.mutable_input();
  for (const auto& input : inputs) {
    const auto trained = find(shown_name(input.name()));
    if (!trained || !known.insert(input.name()).second) continue;
    Proto& tensor = *graph.add_initializer();
    tensor.set_name(input.name());
    write_elements(*trained, tensor);
  }
  if (proto.ir_version() < kFreeInitializers) return;
  inputs.erase(std::remove_if(inputs.begin(), inputs.end(),
                              [&](const auto& input) { return known.contains(input.name()); }),
               inputs.end());
}

// Some exporters state weights as Constant nodes.
void write_constants(const FindTrained& find, onnx::GraphProto& graph) {
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    if (node.op_type() != "Constant" || node.output_size() == 0) continue;
    const auto trained = find(shown_name(node.output(0)));
    if (!trained) continue;
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.name() == "value") write_elements(*trained, *attribute.mutable_t());
    }
  }
}

void stop_training(onnx::NodeProto& node, const Model& model) {
  if (node.op_type() == "Dropout" && node.input_size() == 3) {
    node.mutable_input()->RemoveLast();  // training_mode
  }
  if (node.op_type() != "BatchNormalization" || node.output_size() < 2) return;
  const auto is_read = [&](const std::string& output) { return model.used.contains(output); };
  if (std::any_of(node.output().begin() + 1, node.output().end(), is_read)) return;
  while (node.output_size() > 1) node.mutable_output()->RemoveLast();
  for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
    if (attribute.name() == "training_mode") attribute.set_i(0);
  }
}

std::string trained_bytes(std::string_view bytes, const TensorReader& reader,
                          const FindTrained& find) {
  const Model model = parse_model(bytes);
  onnx::ModelProto proto = model.proto;
  write_initializers(find, reader, proto);
  write_constants(find, *proto.mutable_graph());
  for (onnx::NodeProto& node : *proto.mutable_graph()->mutable_node()) stop_training(node, model);
  if (proto.ByteSizeLong() > std::size_t{std::numeric_limits<std::int32_t>::max()}) {
    throw InvalidInput(fmt::format("the trained model has {} bytes, the format allows 2 GiB",
                                   proto.ByteSizeLong()));
  }
  return proto.SerializeAsString();
}

}  // namespace
}  // namespace from_onnx

void export_onnx(const std::filesystem::path& model, const FindTrained& find,
                 const std::filesystem::path& file) {
  std::string content;
  try {
    const std::string bytes = read_file(model, std::numeric_limits<std::int32_t>::max());
    content = from_onnx::trained_bytes(bytes, from_onnx::TensorReader(model.parent_path()), find);
  } catch (const InvalidInput& error) {
    throw InvalidInput(shown(fmt::format("{}: {}", file.string(), error.what()), 1900));
  }
  write_file_atomically(file, content);
}

}  // namespace rockmate
