// What the names of an ONNX graph stand for while it is imported: tensors of the graph being built,
// constants, or both.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "graph/onnx/constant.h"
#include "rockmate/graph_builder.h"

namespace rockmate::from_onnx {

struct Value {
  std::optional<TensorId> tensor = std::nullopt;
  std::shared_ptr<const Constant> constant = nullptr;
  /// A parameter: its elements are first values and never folded.
  bool is_variable = false;
};

/// An import at the batch that the file states, which a second one at another batch looks into:
/// shapes of all values, and the numbers that shape inputs held, by the name of the output.
struct ExportedShapes {
  std::unordered_map<std::string, Shape> shapes = {};
  std::unordered_map<std::string, std::vector<std::int64_t>> targets = {};
  std::int64_t batch = 1;      ///< of the file
  std::int64_t new_batch = 1;  ///< wanted
};

class Values {
 public:
  explicit Values(GraphBuilder& builder) : builder_(builder) {}

  [[nodiscard]] GraphBuilder& builder() { return builder_; }
  /// Names that `fresh` stays away from.
  void reserve(const std::string& name) { reserved_.insert(name); }
  [[nodiscard]] std::string fresh(const std::string& stem);

  [[nodiscard]] Value* find(const std::string& name);
  /// Throws InvalidInput where the name is taken.
  void define(const std::string& name, Value value);
  /// The tensor of a value; a constant becomes a source, one for all equal constants.
  [[nodiscard]] TensorId tensor(Value& value);
  [[nodiscard]] const Shape& shape(const Value& value) const;
  [[nodiscard]] DType dtype(const Value& value) const;
  [[nodiscard]] TensorId constant(const std::shared_ptr<const Constant>& constant);
  /// Tensors that are the logarithm of a softmax.
  void mark_log_softmax(TensorId tensor) { log_softmaxes_.insert(tensor.index()); }
  [[nodiscard]] bool is_log_softmax(TensorId tensor) const {
    return log_softmaxes_.contains(tensor.index());
  }
  /// True the first time that it is asked for this tensor.
  [[nodiscard]] bool claim(TensorId tensor) { return claimed_.insert(tensor.index()).second; }

 private:
  GraphBuilder& builder_;
  std::unordered_map<std::string, Value> values_;
  std::unordered_set<std::string> reserved_;
  struct Source {
    std::shared_ptr<const Constant> constant;
    TensorId tensor;
  };
  std::unordered_multimap<std::size_t, Source> constants_;  // by hash
  std::unordered_set<std::size_t> claimed_;
  std::unordered_set<std::size_t> log_softmaxes_;
  std::size_t next_number_ = 0;
};

}  // namespace rockmate::from_onnx
