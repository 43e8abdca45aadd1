// One training iteration as a graph of ops and values: what the planner reads.
// A TrainingGraph is immutable and valid: every name is resolved, program order is an order in
// which the ops can run, sizes add up without overflow. The meaning of each field, and of the file
// format `rockmate.graph/1`, is in docs/formats.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rockmate/ids.h"
#include "rockmate/units.h"

namespace rockmate {

enum class Phase : std::uint8_t { kForward, kLoss, kBackward, kUpdate };
enum class ValueKind : std::uint8_t {
  kInput,
  kParameter,
  kActivation,
  kGradient,
  kParameterGradient,
  kOptimizerState,
  kStatistics,
  kLoss
};

/// The words of the file format: "forward", "parameter_gradient", ...
[[nodiscard]] std::string_view to_string(Phase phase);
[[nodiscard]] std::string_view to_string(ValueKind kind);
[[nodiscard]] std::optional<Phase> parse_phase(std::string_view word);
[[nodiscard]] std::optional<ValueKind> parse_value_kind(std::string_view word);

/// One way to run an op. `bits` names a numeric class: two classes may differ in the last bits.
struct Implementation {
  std::string name;
  Seconds seconds{std::numeric_limits<double>::quiet_NaN()};  ///< required: finite, >= 0
  Bytes workspace;
  std::string bits;
};

/// A value as a user describes it; references are by name.
struct ValueSpec {
  std::string name;
  Bytes bytes = {};  ///< of its storage; meaningless for a view
  ValueKind kind = ValueKind::kActivation;
  std::optional<std::string> alias_of = std::nullopt;  ///< a view: no bytes of its own
  std::vector<std::int64_t> shape = {};                ///< for people and engines; may be empty
  std::string dtype = {};
};

/// An op as a user describes it; references are by name.
struct OpSpec {
  std::string name;
  Phase phase = Phase::kForward;
  Seconds seconds{std::numeric_limits<double>::quiet_NaN()};  ///< required: finite, >= 0
  Bytes workspace = {};
  std::vector<std::string> inputs = {};
  std::vector<std::string> outputs = {};
  std::vector<std::string> optional = {};
  std::vector<std::string> accumulates = {};
  std::vector<std::string> updates = {};
  std::vector<std::pair<std::string, std::string>> in_place = {};  ///< (output, input)
  std::vector<Implementation> implementations = {};                ///< besides the default
  std::optional<bool> recomputable = std::nullopt;  ///< default: the phase is forward
};

/// A resolved value. A *source* has neither a producer nor contributors and is no view.
struct Value {
  std::string name;
  Bytes bytes;  ///< of its storage; 0 for a view
  ValueKind kind = ValueKind::kActivation;
  ValueId storage;                ///< the value that owns the bytes; itself, unless it is a view
  std::optional<ValueId> viewed;  ///< what `alias_of` names
  std::optional<OpId> producer;
  std::vector<OpId> contributors;  ///< ops that add into it, in program order
  std::vector<OpId> readers;       ///< ops whose `inputs` or `needs` hold it, in program order
  bool is_source = false;
  bool is_result = false;
  std::vector<std::int64_t> shape;
  std::string dtype;
};

/// `output` may take over the storage of `input`, which then ceases to exist.
struct InPlace {
  ValueId output;
  ValueId input;
};

/// A resolved op.
struct Op {
  std::string name;
  Phase phase = Phase::kForward;
  std::vector<ValueId> inputs;   ///< without duplicates, in the order of the file
  std::vector<ValueId> needs;    ///< inputs, and the storages that its views are made on
  std::vector<ValueId> outputs;  ///< in the order of the file
  std::vector<ValueId> optional;
  std::vector<ValueId> accumulates;
  std::vector<ValueId> updates;
  std::vector<InPlace> in_place;
  std::vector<Implementation> implementations;  ///< [0] is the default, its name is empty
  bool recomputable = false;                    ///< may run more than once

  [[nodiscard]] Seconds seconds() const { return implementations.front().seconds; }
  [[nodiscard]] Bytes workspace() const { return implementations.front().workspace; }
  [[nodiscard]] bool is_optional(ValueId output) const;
};

class TrainingGraph {
 public:
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const IdVector<ValueId, Value>& values() const { return values_; }
  [[nodiscard]] const IdVector<OpId, Op>& ops() const { return ops_; }
  [[nodiscard]] const Value& operator[](ValueId id) const { return values_[id]; }
  [[nodiscard]] const Op& operator[](OpId id) const { return ops_[id]; }
  [[nodiscard]] const std::vector<ValueId>& results() const { return results_; }

  [[nodiscard]] std::optional<ValueId> find_value(std::string_view name) const;
  [[nodiscard]] std::optional<OpId> find_op(std::string_view name) const;

  /// Bytes of all sources: resident from the first action to the last.
  [[nodiscard]] Bytes static_bytes() const { return static_bytes_; }
  /// Sum of the default seconds of all ops, once each.
  [[nodiscard]] Seconds plain_seconds() const { return plain_seconds_; }
  /// The bytes of the storage on which the value lives, its own or that of the value it views.
  [[nodiscard]] Bytes storage_bytes(ValueId id) const { return values_[values_[id].storage].bytes; }

 private:
  friend class TrainingGraphBuilder;
  TrainingGraph() = default;

  std::string name_;
  IdVector<ValueId, Value> values_;
  IdVector<OpId, Op> ops_;
  std::vector<ValueId> results_;
  std::unordered_map<std::string, ValueId> value_by_name_;
  std::unordered_map<std::string, OpId> op_by_name_;
  Bytes static_bytes_;
  Seconds plain_seconds_;
};

/// Collects values and ops in program order; `build` checks and resolves them.
/// ```cpp
/// TrainingGraphBuilder b("one-layer");
/// b.value({.name = "x", .bytes = 4_KiB, .kind = ValueKind::kInput});
/// b.value({.name = "y", .bytes = 4_KiB});
/// b.op({.name = "relu", .seconds = Seconds(1e-4), .inputs = {"x"}, .outputs = {"y"}});
/// TrainingGraph graph = std::move(b).build();
/// ```
class TrainingGraphBuilder {
 public:
  explicit TrainingGraphBuilder(std::string name) : name_(std::move(name)) {}
  TrainingGraphBuilder& name(std::string name);
  TrainingGraphBuilder& value(ValueSpec spec);
  TrainingGraphBuilder& op(OpSpec spec);
  /// Marks a value as one that must be resident at the end.
  TrainingGraphBuilder& result(std::string name);

  /// Throws InvalidInput that names the op or value at fault. Linear in the size of the graph.
  [[nodiscard]] TrainingGraph build() &&;

 private:
  std::string name_;
  std::vector<ValueSpec> values_;
  std::vector<OpSpec> ops_;
  std::vector<std::string> results_;
};

/// The size of the file that `read_graph` and `read_plan` accept at most.
inline constexpr std::int64_t kLargestFile = std::int64_t{1} << 31;

/// Reads `rockmate.graph/1`. Throws InvalidInput ("file: $.ops[3].seconds: found ..., expected
/// ..."). What it ignored on the way (unknown keys) is appended to `warnings`, if there is such a
/// list.
[[nodiscard]] TrainingGraph read_graph(const std::filesystem::path& file,
                                       std::vector<std::string>* warnings = nullptr);
/// The same from text; `origin` stands for the file in messages.
[[nodiscard]] TrainingGraph parse_graph(std::string_view text, const std::string& origin,
                                        std::vector<std::string>* warnings = nullptr);
/// Writes `rockmate.graph/1`; what `parse_graph` reads from it is the same graph.
[[nodiscard]] std::string graph_to_json(const TrainingGraph& graph);
/// Writes the file whole or not at all. Throws InvalidInput when it cannot be written.
void write_graph(const TrainingGraph& graph, const std::filesystem::path& file);

/// A readable dump: one line per op.
std::ostream& operator<<(std::ostream& out, const TrainingGraph& graph);

}  // namespace rockmate
