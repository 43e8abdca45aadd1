#include "graph/onnx/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "rockmate/error.h"

namespace rockmate::from_onnx {
namespace {

// Parameters of at most so many elements keep them for ops that want to know them.
constexpr std::int64_t kFewElements = 64;

bool holds_whole_numbers(const onnx::ValueInfoProto& input) {
  const std::int32_t type = input.type().tensor_type().elem_type();
  using Proto = onnx::TensorProto;
  return type != Proto::FLOAT && type != Proto::DOUBLE && type != Proto::FLOAT16 &&
         type != Proto::BFLOAT16 && type != Proto::UNDEFINED;
}

bool is_data(const Model& model, const OnnxOptions& options, const onnx::ValueInfoProto& input) {
  const auto& named = options.data_inputs;
  if (!named.empty()) return std::find(named.begin(), named.end(), input.name()) != named.end();
  if (model.initializers.contains(input.name())) return false;
  if (holds_whole_numbers(input)) return true;
  for (const auto& other : model.graph().input()) {
    if (!model.initializers.contains(other.name())) return &other == &input;
  }
  return false;
}

// The first data input: its first axis is the batch.
const onnx::ValueInfoProto* first_data(const Model& model, const OnnxOptions& options) {
  for (const auto& input : model.graph().input()) {
    if (is_data(model, options, input)) return &input;
  }
  return nullptr;
}

using Dimension = onnx::TensorShapeProto::Dimension;

const Dimension* batch_dimension(const Model& model, const OnnxOptions& options) {
  const auto* input = first_data(model, options);
  if (input == nullptr || input->type().tensor_type().shape().dim_size() == 0) return nullptr;
  return &input->type().tensor_type().shape().dim(0);
}

bool is_fixed(const Dimension& dimension) {
  return dimension.value_case() == Dimension::kDimValue && dimension.dim_value() > 0;
}

std::int64_t extent_of(const Dimension& dimension, bool is_batch, const Dimension* batch,
                       const OnnxOptions& options, const std::string& where) {
  const bool same_symbol = batch != nullptr && !dimension.dim_param().empty() &&
                           dimension.dim_param() == batch->dim_param();
  if (is_batch || same_symbol) {
    return options.batch ? *options.batch : (is_fixed(dimension) ? dimension.dim_value() : 1);
  }
  if (is_fixed(dimension) ||
      (dimension.value_case() == Dimension::kDimValue && dimension.dim_value() == 0)) {
    return dimension.dim_value();
  }
  const auto given = options.extents.find(dimension.dim_param());
  if (given != options.extents.end()) return given->second;
  throw InvalidInput(fmt::format(
      "{} is {}, expected a number (give its extent, or export with a fixed one)", where,
      dimension.dim_param().empty() ? "unknown"
                                    : fmt::format("'{}'", shown_name(dimension.dim_param()))));
}

void replace_sample(Shape& shape, const OnnxOptions& options) {
  const Shape& sample = options.sample_shape;
  if (sample.empty()) return;
  if (shape.size() != sample.size() + 1) {
    throw InvalidInput(fmt::format(
        "{}: a sample of shape {} was asked for, expected one of {} axes", to_string(shape),
        to_string(sample), std::max<std::size_t>(shape.size(), 1) - 1));
  }
  std::copy(sample.begin(), sample.end(), shape.begin() + 1);
}

TensorType input_type(const Model& model, const OnnxOptions& options,
                      const onnx::ValueInfoProto& input, bool data) {
  if (!input.type().has_tensor_type() || !input.type().tensor_type().has_shape()) {
    throw InvalidInput("no shape, expected a tensor of known extents");
  }
  const auto& shape = input.type().tensor_type().shape();
  const Dimension* batch = batch_dimension(model, options);
  TensorType type{dtype_of(input.type().tensor_type().elem_type()), {}};
  for (int a = 0; a < shape.dim_size(); ++a) {
    // A second data input with another first extent is no batch of samples.
    const bool is_batch = data && a == 0 &&
                          (batch == nullptr || !is_fixed(shape.dim(a)) || !is_fixed(*batch) ||
                           shape.dim(a).dim_value() == batch->dim_value());
    type.shape.push_back(extent_of(shape.dim(a), is_batch, data ? batch : nullptr, options,
                                   fmt::format("axis {}", a)));
  }
  if (data && &input == first_data(model, options)) replace_sample(type.shape, options);
  check_shape(type.shape);
  return type;
}

// ---- what a source is for

struct Role {
  std::string_view op = "";
  int input = 0;
  const onnx::NodeProto* node = nullptr;
  [[nodiscard]] bool is(std::string_view o, int i) const { return op == o && input == i; }
};

Role role_of(const Model& model, const std::string& name) {
  const auto reader = model.readers.find(name);
  if (reader == model.readers.end()) return {};
  return {reader->second.node->op_type(), reader->second.input, reader->second.node};
}

bool is_normalization(std::string_view op) {
  return op == "BatchNormalization" || op == "LayerNormalization" ||
         op == "InstanceNormalization" || op == "GroupNormalization";
}

// Numbers that steer an op and that nobody learns.
bool is_setting(const Role& role) {
  return (role.op == "Resize" && role.input > 0) || role.is("Upsample", 1) ||
         (role.op == "Clip" && role.input > 0) || role.is("Pad", 2) || role.is("Dropout", 1) ||
         role.is("Pow", 1) || role.op == "Range" || role.is("OneHot", 2);
}

bool is_statistics(const Role& role) { return role.op == "BatchNormalization" && role.input >= 3; }

Fill uniform_of(std::int64_t fan_in) {
  return {Fill::Kind::kUniform,
          1 / std::sqrt(static_cast<double>(std::max<std::int64_t>(fan_in, 1)))};
}

bool has_flag(const onnx::NodeProto& node, std::string_view name) {
  const auto& list = node.attribute();
  return std::any_of(list.begin(), list.end(), [&](const onnx::AttributeProto& attribute) {
    return attribute.name() == name && attribute.i() != 0;
  });
}

// First values, as the builder's layers have them.
Fill fill_of(const Role& role, const Shape& shape) {
  constexpr Fill kOnes = {Fill::Kind::kConstant, 1};
  if (is_normalization(role.op) && role.input != 2) {
    return role.input == 3 ? Fill{} : kOnes;
  }
  if (role.is("PRelu", 1)) return {Fill::Kind::kConstant, 0.25};
  if (shape.size() < 2) return role.op == "Mul" || role.op == "Div" ? kOnes : Fill{};
  if (role.is("Gather", 0)) return {Fill::Kind::kNormal, 0.02};
  const std::int64_t elements = element_count(shape);
  const bool out_in = role.op == "Conv" || role.op == "Transpose" ||
                      (role.op == "Gemm" && has_flag(*role.node, "transB"));
  const std::int64_t out = out_in || shape.size() > 2 ? shape.front() : shape.back();
  return uniform_of(elements / std::max<std::int64_t>(out, 1));
}

// ---- definitions

void define_variable(const Model& model, Values& values, const std::string& name,
                     const TensorType& type) {
  const Role role = role_of(model, name);
  GraphBuilder& builder = values.builder();
  const Fill fill = fill_of(role, type.shape);
  const TensorId id = is_statistics(role)
                          ? builder.statistics(shown_name(name), type.shape, fill.value)
                          : builder.parameter(shown_name(name), type.shape, fill, type.dtype);
  values.define(name, {.tensor = id, .is_variable = true});
}

void define_tensor(const Model& model, const TensorReader& reader, Values& values,
                   const std::string& name, const onnx::TensorProto& tensor) {
  const TensorType type = type_of(tensor);
  const Role role = role_of(model, name);
  if (!is_floating(type.dtype) || type.shape.empty() || is_setting(role)) {
    return values.define(name, {.constant = std::make_shared<const Constant>(reader.read(tensor))});
  }
  reader.check(tensor);
  define_variable(model, values, name, type);
  if (element_count(type.shape) <= kFewElements) {
    values.find(name)->constant = std::make_shared<const Constant>(reader.read(tensor));
  }
}

// Data stay even where nobody reads them; an initializer's input is defined with the initializer.
void define_input(const Model& model, const OnnxOptions& options, Values& values,
                  const onnx::ValueInfoProto& input) {
  const bool data = is_data(model, options, input);
  const bool is_needed =
      model.used.contains(input.name()) && !model.initializers.contains(input.name());
  if (!data && !is_needed) return;
  const TensorType type = input_type(model, options, input, data);
  if (!data) return define_variable(model, values, input.name(), type);
  const TensorId id = values.builder().input(shown_name(input.name()), type.shape, type.dtype);
  values.define(input.name(), {.tensor = id, .is_variable = true});
}

// Adds whose definition failed to the message.
template <class Define>
void named(const char* kind, const std::string& name, Define define) {
  try {
    define();
  } catch (const InvalidInput& error) {
    throw InvalidInput(fmt::format("{} '{}': {}", kind, shown_name(name), error.what()));
  }
}

const onnx::TensorProto* value_of(const onnx::NodeProto& constant) {
  for (const auto& attribute : constant.attribute()) {
    if (attribute.name() == "value" && attribute.has_t()) return &attribute.t();
  }
  return nullptr;
}

void require_named_inputs(const Model& model, const OnnxOptions& options) {
  for (const std::string& name : options.data_inputs) {
    const auto& inputs = model.graph().input();
    const auto is_named = [&](const onnx::ValueInfoProto& input) { return input.name() == name; };
    if (std::any_of(inputs.begin(), inputs.end(), is_named)) continue;
    std::string known;
    for (const auto& input : inputs) {
      if (known.size() > 400) break;
      known += fmt::format("{}'{}'", known.empty() ? "" : ", ", shown_name(input.name()));
    }
    throw InvalidInput(
        fmt::format("the model has no input '{}'; its inputs are {}", shown_name(name), known));
  }
}

}  // namespace

std::optional<std::int64_t> stated_batch(const Model& model, const OnnxOptions& options) {
  const Dimension* batch = batch_dimension(model, options);
  if (batch == nullptr || !is_fixed(*batch)) return std::nullopt;
  return batch->dim_value();
}

void define_sources(const Model& model, const OnnxOptions& options, const TensorReader& reader,
                    Values& values) {
  require_named_inputs(model, options);
  for (const auto& input : model.graph().input()) {
    named("input", input.name(), [&] { define_input(model, options, values, input); });
  }
  for (const auto& tensor : model.graph().initializer()) {
    if (!model.used.contains(tensor.name()) || values.find(tensor.name()) != nullptr) continue;
    named("initializer", tensor.name(),
          [&] { define_tensor(model, reader, values, tensor.name(), tensor); });
  }
}

Graph attach_weights(Graph graph, const Model& model, const TensorReader& reader) {
  std::unordered_map<std::string, TensorId> variables;
  for (std::size_t t = 0; t < graph.tensors().size(); ++t) {
    const Tensor& tensor = graph[TensorId(t)];
    const bool is_variable =
        tensor.kind == TensorKind::kParameter || tensor.kind == TensorKind::kStatistics;
    if (is_variable) variables.emplace(tensor.name, TensorId(t));
  }
  GraphBuilder builder(std::move(graph));
  const auto attach = [&](const std::string& name, const onnx::TensorProto& proto) {
    const auto at = variables.find(shown_name(name));
    if (at == variables.end() || type_of(proto).shape != builder.shape(at->second)) return;
    if (element_count(builder.shape(at->second)) == 0) return;
    builder.set_data(at->second, reader.read(proto).reals());
  };
  for (const auto& [name, tensor] : model.initializers) attach(name, *tensor);
  for (const onnx::NodeProto* node : model.nodes) {
    if (!is_weight(model, *node)) continue;
    if (const auto* tensor = value_of(*node)) attach(node->output(0), *tensor);
  }
  return std::move(builder).build();
}

bool is_weight(const Model& model, const onnx::NodeProto& constant) {
  if (constant.op_type() != "Constant" || constant.output_size() == 0) return false;
  const Role role = role_of(model, constant.output(0));
  const bool slot =
      ((role.op == "Conv" || role.op == "ConvTranspose" || role.op == "Gemm") && role.input > 0) ||
      (role.op == "BatchNormalization" && role.input > 0) || role.is("MatMul", 1) ||
      role.is("PRelu", 1) || role.is("Gather", 0);
  if (!slot) return false;
  const onnx::TensorProto* value = value_of(constant);
  return value != nullptr && value->dims_size() > 0 && is_floating(dtype_of(value->data_type()));
}

void define_weight(const Model& model, const TensorReader& reader, Values& values,
                   const onnx::NodeProto& constant) {
  define_tensor(model, reader, values, constant.output(0), *value_of(constant));
}

}  // namespace rockmate::from_onnx
