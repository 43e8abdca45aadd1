// The import in one view: parse, define the sources, run the importer of each node in file order,
// add losses, tidy up. Each step only reads what the steps before it made.

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/input_file.h"
#include "graph/onnx/losses.h"
#include "graph/onnx/model.h"
#include "graph/onnx/ops/importers.h"
#include "graph/onnx/sources.h"
#include "graph/patterns/patterns.h"
#include "rockmate/error.h"
#include "rockmate/onnx.h"

namespace rockmate {
namespace from_onnx {
namespace {

// The builder names its op itself; the node's name says more.
std::string without_op(std::string message) {
  const std::size_t end = message.find("): ");
  if (message.starts_with("op '") && end != std::string::npos) message.erase(0, end + 3);
  return message;
}

void import_nodes(const Model& model, const TensorReader& reader, Values& values,
                  NodeCall::Context context) {
  for (const onnx::NodeProto* node : model.nodes) {
    const std::string name = node_name(model, *node);
    try {
      if (is_weight(model, *node)) {
        define_weight(model, reader, values, *node);
        continue;
      }
      NodeCall call(*node, name, context);
      find_importer(node->op_type())(call);
    } catch (const InvalidInput& error) {
      throw InvalidInput(fmt::format("node '{}' ({}): {}", name, shown(node->op_type()),
                                     without_op(error.what())));
    }
  }
}

void reserve_names(const Model& model, Values& values) {
  for (const std::string& name : model.used) values.reserve(shown_name(name));
  for (const onnx::NodeProto* node : model.nodes) {
    values.reserve(node_name(model, *node));
    for (const std::string& output : node->output()) values.reserve(shown_name(output));
  }
}

std::vector<TensorId> outputs_of(const Model& model, Values& values) {
  std::vector<TensorId> outputs;
  for (const auto& output : model.graph().output()) {
    Value* value = values.find(output.name());
    if (value == nullptr) {
      throw InvalidInput(fmt::format("output '{}' is made by no node", shown_name(output.name())));
    }
    outputs.push_back(values.tensor(*value));
  }
  return outputs;
}

Graph build(const Model& model, const OnnxOptions& options, const TensorReader& reader,
            const ExportedShapes* exported, ExportedShapes* record) {
  GraphBuilder builder(shown_name(model.graph().name()));
  Values values(builder);
  reserve_names(model, values);
  define_sources(model, options, reader, values);
  if (record != nullptr) {
    for (const std::string& name : model.used) {
      if (const Value* value = values.find(name)) record->shapes[name] = values.shape(*value);
    }
  }
  import_nodes(model, reader, values, {values, reader, model.used, model.opset, exported, record});
  add_losses(builder, outputs_of(model, values), options);
  return std::move(builder).build();
}

// See batch.h for the two imports.
Graph build_at_batch(const Model& model, const OnnxOptions& options, const TensorReader& reader) {
  const auto stated = stated_batch(model, options);
  if (!options.batch || !stated || *options.batch == *stated) {
    return build(model, options, reader, nullptr, nullptr);
  }
  ExportedShapes exported;
  exported.batch = *stated;
  exported.new_batch = *options.batch;
  OnnxOptions as_stated = options;
  as_stated.batch = stated;
  static_cast<void>(build(model, as_stated, reader, nullptr, &exported));
  try {
    return build(model, options, reader, &exported, nullptr);
  } catch (const InvalidInput& error) {
    throw InvalidInput(
        fmt::format("{} (the model was exported with a batch of {}, and does not "
                    "follow one of {})",
                    error.what(), *stated, *options.batch));
  }
}

Graph import_model(std::string_view bytes, const TensorReader& reader, const std::string& origin,
                   const std::string& name, const OnnxOptions& options) {
  try {
    if (options.batch && (*options.batch < 1 || *options.batch > kMostElements)) {
      throw InvalidInput(fmt::format("a batch of {}, expected 1 or more", *options.batch));
    }
    Model model = parse_model(bytes);
    if (!name.empty()) model.proto.mutable_graph()->set_name(name);
    Graph graph = simplify(build_at_batch(model, options, reader));
    return options.weights ? attach_weights(std::move(graph), model, reader) : graph;
  } catch (const InvalidInput& error) {
    throw InvalidInput(shown(fmt::format("{}: {}", origin, error.what()), 1900));
  }
}

}  // namespace
}  // namespace from_onnx

Graph import_onnx(const std::filesystem::path& file, const OnnxOptions& options) {
  const std::string bytes = read_file(file, std::numeric_limits<std::int32_t>::max());
  const from_onnx::TensorReader reader(file.parent_path());
  return from_onnx::import_model(bytes, reader, shown(file.string(), 400), file.stem().string(),
                                 options);
}

Graph import_onnx_bytes(std::string_view bytes, const std::string& origin,
                        const OnnxOptions& options) {
  const from_onnx::TensorReader reader(std::nullopt);
  return from_onnx::import_model(bytes, reader, origin, {}, options);
}

}  // namespace rockmate
