#include "graph/onnx/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "graph/onnx/ops/importers.h"
#include "rockmate/error.h"

namespace rockmate::from_onnx {
namespace {

std::int64_t opset_of(const onnx::ModelProto& proto) {
  std::int64_t opset = 1;
  for (const auto& import : proto.opset_import()) {
    if (import.domain().empty() || import.domain() == "ai.onnx") opset = import.version();
  }
  if (opset < 1) throw InvalidInput(fmt::format("opset {}, expected 1 or higher", opset));
  return opset;
}

void index_initializers(Model& model) {
  if (model.graph().sparse_initializer_size() > 0) {
    throw InvalidInput("sparse initializers are not supported");
  }
  for (const auto& tensor : model.graph().initializer()) {
    if (!model.initializers.emplace(tensor.name(), &tensor).second) {
      throw InvalidInput(fmt::format("initializer '{}' is given twice", shown_name(tensor.name())));
    }
  }
}

// Backwards from the outputs. Nodes stand in an order in which they can run, so one pass is enough.
void find_live_nodes(Model& model) {
  for (const auto& output : model.graph().output()) model.used.insert(output.name());
  const auto& nodes = model.graph().node();
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const auto reads = [&](const std::string& name) {
      return !name.empty() && model.used.contains(name);
    };
    if (std::none_of(node->output().begin(), node->output().end(), reads)) continue;
    model.nodes.push_back(&*node);
    for (const std::string& input : node->input()) model.used.insert(input);
  }
  std::reverse(model.nodes.begin(), model.nodes.end());
}

// In reverse, so that the first reader wins and what reads the copy of a value is known before its
// Identity is reached.
void find_readers(Model& model) {
  for (auto at = model.nodes.rbegin(); at != model.nodes.rend(); ++at) {
    const onnx::NodeProto& node = **at;
    for (int i = node.input_size(); i-- > 0;) {
      Reader reader{&node, i};
      if (node.op_type() == "Identity" && node.output_size() == 1) {
        const auto next = model.readers.find(node.output(0));
        if (next != model.readers.end()) reader = next->second;
      }
      model.readers[node.input(i)] = reader;
    }
  }
}

bool is_supported(const onnx::NodeProto& node) {
  const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
  return standard && find_importer(node.op_type()) != nullptr;
}

void require_supported(const Model& model) {
  struct Missing {
    std::string first;
    std::size_t count = 0;
  };
  std::map<std::string, Missing> missing;
  for (const onnx::NodeProto* node : model.nodes) {
    if (is_supported(*node)) continue;
    const std::string op =
        node->domain().empty() ? node->op_type() : node->domain() + "." + node->op_type();
    Missing& entry = missing[op];
    if (entry.count++ == 0) entry.first = node_name(model, *node);
  }
  if (missing.empty()) return;
  std::string list;
  for (const auto& [op, entry] : missing) {
    if (list.size() > 1000) {
      list += ", ...";
      break;
    }
    list += fmt::format("{}{} (node '{}'{})", list.empty() ? "" : ", ", shown(op), entry.first,
                        entry.count > 1 ? fmt::format(" and {} more", entry.count - 1) : "");
  }
  throw InvalidInput(fmt::format("ops that are not supported (opset {}): {}", model.opset, list));
}

}  // namespace

std::string node_name(const Model& model, const onnx::NodeProto& node) {
  if (!node.name().empty()) return shown_name(node.name());
  if (node.input_size() > 1) {
    const std::string& weight = node.input(1);
    constexpr std::string_view kSuffix = ".weight";
    const bool is_graph_input = weight.size() > kSuffix.size() && weight.ends_with(kSuffix) &&
                                model.readers.contains(weight) &&
                                model.readers.at(weight).node == &node;
    if (is_graph_input) return shown_name(weight.substr(0, weight.size() - kSuffix.size()));
  }
  const std::string output = node.output_size() > 0 ? node.output(0) : std::string();
  return shown_name(fmt::format("{}_{}", node.op_type(), output));
}

Model parse_model(std::string_view bytes) {
  Model model;
  const bool fits = bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max());
  if (!fits || !model.proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw InvalidInput("found no ONNX model: the file is damaged, cut off or of another format");
  }
  if (!model.proto.has_graph() || model.graph().output_size() == 0) {
    throw InvalidInput("the model has no outputs; expected an ONNX model with at least one");
  }
  model.opset = opset_of(model.proto);
  index_initializers(model);
  find_live_nodes(model);
  find_readers(model);
  require_supported(model);
  return model;
}

}  // namespace rockmate::from_onnx
