// One node of an ONNX graph on its way into the graph being built: what an op's importer reads its
// inputs and attributes from, and puts its outputs into. All readers throw InvalidInput; whoever
// runs the importers adds file, node and op to the message.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/onnx/fold.h"
#include "graph/onnx/proto.h"
#include "graph/onnx/tensor_data.h"
#include "graph/onnx/values.h"

namespace rockmate::from_onnx {

class NodeCall {
 public:
  struct Context {
    Values& values;
    const TensorReader& reader;
    const std::unordered_set<std::string>& used;  ///< names that a node or an output reads
    std::int64_t opset = 0;
    const ExportedShapes* exported = nullptr;  ///< of an import at another batch, or none
    ExportedShapes* record = nullptr;          ///< where to keep this import's shapes, or none
  };

  NodeCall(const onnx::NodeProto& proto, std::string name, Context context)
      : proto_(proto), name_(std::move(name)), context_(context) {}

  [[nodiscard]] const std::string& op() const { return proto_.op_type(); }
  [[nodiscard]] std::int64_t opset() const { return context_.opset; }
  [[nodiscard]] Values& values() { return context_.values; }
  /// The builder; the next node is named after this one.
  [[nodiscard]] GraphBuilder& b() { return context_.values.builder().named(name_); }

  // Inputs.
  [[nodiscard]] std::size_t inputs() const { return static_cast<std::size_t>(proto_.input_size()); }
  [[nodiscard]] bool has(std::size_t i) const;
  [[nodiscard]] Value& value(std::size_t i);
  [[nodiscard]] TensorId tensor(std::size_t i) { return values().tensor(value(i)); }
  [[nodiscard]] std::optional<TensorId> optional_tensor(std::size_t i);
  [[nodiscard]] const Shape& shape(std::size_t i) { return values().shape(value(i)); }
  [[nodiscard]] DType dtype(std::size_t i) { return values().dtype(value(i)); }
  /// Puts another value in an input's place, for this node only.
  void replace(std::size_t i, Value value) { replaced_[i] = std::move(value); }
  [[nodiscard]] bool is_replaced(std::size_t i) const { return replaced_.contains(i); }
  /// The elements of a constant that may be folded, else null.
  [[nodiscard]] const Constant* foldable(std::size_t i);
  /// All inputs that are given are foldable.
  [[nodiscard]] bool all_foldable();
  /// The elements of an input that the importer must know: "the axes".
  [[nodiscard]] const Constant& known(std::size_t i, const char* what);
  [[nodiscard]] std::vector<std::int64_t> known_wholes(std::size_t i, const char* what);
  [[nodiscard]] double known_real(std::size_t i, const char* what);
  /// A constant of one element, of no higher rank than `rank`.
  [[nodiscard]] std::optional<double> scalar(std::size_t i, std::size_t rank);

  // Attributes.
  [[nodiscard]] const onnx::AttributeProto* find(std::string_view attribute) const;
  [[nodiscard]] std::int64_t integer(std::string_view attribute, std::int64_t fallback) const;
  [[nodiscard]] double real(std::string_view attribute, double fallback) const;
  [[nodiscard]] std::string text(std::string_view attribute, const std::string& fallback) const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> integers(std::string_view attribute) const;
  [[nodiscard]] std::optional<std::vector<double>> reals(std::string_view attribute) const;
  [[nodiscard]] std::optional<Constant> constant(std::string_view attribute) const;
  /// Numbers of an attribute (up to some opset) or of input `i` (since).
  [[nodiscard]] std::optional<std::vector<std::int64_t>> list(std::string_view attribute,
                                                              std::size_t i);
  /// An axis as an index into `rank` axes.
  [[nodiscard]] std::size_t axis(std::int64_t value, std::size_t rank) const;
  [[nodiscard]] std::vector<std::int64_t> rising_axes(const std::vector<std::int64_t>& axes,
                                                      std::size_t rank) const;

  // Outputs.
  [[nodiscard]] std::size_t outputs() const {
    return static_cast<std::size_t>(proto_.output_size());
  }
  /// Something reads the output.
  [[nodiscard]] bool wants(std::size_t output) const;
  void set(TensorId tensor, std::size_t output = 0);
  void set(Constant constant, std::size_t output = 0);
  void set(Value value, std::size_t output = 0);
  /// Rejects the node where anything reads an output from `first` on.
  void only_outputs(std::size_t first) const;

  // Another batch than the exported one (batch.h).
  [[nodiscard]] const ExportedShapes* exported() const { return context_.exported; }
  [[nodiscard]] ExportedShapes* record() const { return context_.record; }
  [[nodiscard]] std::string input_name(std::size_t i) const {
    return proto_.input(static_cast<int>(i));
  }
  [[nodiscard]] std::string output_name(std::size_t i) const {
    return proto_.output(static_cast<int>(i));
  }

  [[noreturn]] static void reject(const std::string& text);

 private:
  [[nodiscard]] const onnx::AttributeProto* find_typed(
      std::string_view attribute, onnx::AttributeProto::AttributeType type) const;

  const onnx::NodeProto& proto_;
  std::string name_;
  Context context_;
  std::unordered_map<std::size_t, Value> replaced_;
};

}  // namespace rockmate::from_onnx
