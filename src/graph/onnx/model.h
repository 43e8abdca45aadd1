// An ONNX file, parsed and looked over: its opset, the nodes that its outputs depend on, who reads
// what. Nothing is known about shapes yet.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "graph/onnx/proto.h"

namespace rockmate::from_onnx {

/// The first live node that reads a value, and as which input.
struct Reader {
  const onnx::NodeProto* node = nullptr;
  int input = 0;
};

struct Model {
  onnx::ModelProto proto;
  std::int64_t opset = 1;
  std::vector<const onnx::NodeProto*> nodes = {};  ///< that an output depends on, in file order
  std::unordered_set<std::string> used = {};       ///< names that those nodes and outputs read
  std::unordered_map<std::string, Reader> readers = {};  ///< looking through Identity
  std::unordered_map<std::string, const onnx::TensorProto*> initializers = {};

  [[nodiscard]] const onnx::GraphProto& graph() const { return proto.graph(); }
};

/// Throws InvalidInput where the bytes are no ONNX model, names are given twice, or ops are not
/// supported: all of them are named.
[[nodiscard]] Model parse_model(std::string_view bytes);

/// "conv1": what a node is called in messages and in the graph. The node's name, else what its
/// weight is called without ".weight", else op and first output.
[[nodiscard]] std::string node_name(const Model& model, const onnx::NodeProto& node);

}  // namespace rockmate::from_onnx
