// The forward model: tensors and the nodes that compute them, as a user or an importer states it.
// A Graph is immutable and valid: nodes stand in an order in which they can run, and every tensor
// has the type that the op table derives for it. `GraphBuilder` (graph_builder.h) makes one;
// `make_training_model` (training_model.h) derives the training iteration from it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "rockmate/ids.h"
#include "rockmate/units.h"

namespace rockmate {

/// A tensor of a graph: its position in `Graph::tensors()`.
using TensorId = Id<struct TensorTag>;
/// A node of a graph: its position in `Graph::nodes()`.
using NodeId = Id<struct NodeTag>;

enum class DType : std::uint8_t {
  kFloat64,
  kFloat32,
  kFloat16,
  kBFloat16,
  kInt64,
  kInt32,
  kUInt8,
  kBool,  ///< one byte per element
  kBit    ///< masks, eight elements per byte
};
/// "float32", "int64", ...
[[nodiscard]] std::string_view to_string(DType dtype);
[[nodiscard]] std::optional<DType> parse_dtype(std::string_view word);
[[nodiscard]] bool is_floating(DType dtype);

/// Extents, outermost first (row-major); empty for a scalar.
using Shape = std::vector<std::int64_t>;
/// Larger ones are rejected wherever they come from, so that sums of sizes cannot overflow.
inline constexpr std::int64_t kLargestExtent = std::int64_t{1} << 40;
inline constexpr Bytes kLargestTensor{std::int64_t{1} << 56};
/// Throws InvalidInput for negative and for too large extents.
[[nodiscard]] std::int64_t element_count(const Shape& shape);
/// "[8, 3, 224, 224]"
[[nodiscard]] std::string to_string(const Shape& shape);

/// In which order the elements of a tensor lie, without gaps. Shapes do not change with it: that of
/// an image is always [N, C, spatial...].
enum class MemoryFormat : std::uint8_t {
  kRowMajor,
  kChannelsLast,  ///< as row-major [N, spatial..., C]
  kPacked         ///< as the one kernel likes it that reads it: TensorType::packed bytes
};
/// "row_major", "channels_last", "packed"
[[nodiscard]] std::string_view to_string(MemoryFormat format);

struct TensorType {
  DType dtype = DType::kFloat32;
  Shape shape;
  MemoryFormat format = MemoryFormat::kRowMajor;
  Bytes packed = {};  ///< of kPacked; of other formats, they follow from the shape
  [[nodiscard]] Bytes bytes() const;
  friend bool operator==(const TensorType&, const TensorType&) = default;
};
/// "float32[8, 3, 224, 224]", "float32[8, 3, 224, 224]@channels_last"
[[nodiscard]] std::string to_string(const TensorType& type);

enum class TensorKind : std::uint8_t {
  kInput,       ///< data and targets: new in every iteration
  kParameter,   ///< updated by the optimizer, unless frozen
  kConstant,    ///< never changes
  kStatistics,  ///< updated once per iteration by an op of the model
  kActivation   ///< what a node makes
};

/// How the elements of a source begin where no data are given.
struct Fill {
  enum class Kind : std::uint8_t {
    kConstant,  ///< all elements are `value`
    kUniform,   ///< uniform in [-value, value]
    kNormal     ///< mean 0, standard deviation `value`
  };
  Kind kind = Kind::kConstant;
  double value = 0;
};

struct Tensor {
  std::string name;
  TensorKind kind = TensorKind::kActivation;
  TensorType type = {};
  Fill fill = {};                                             ///< of a source without `data`
  std::shared_ptr<const std::vector<double>> data = nullptr;  ///< of a source, row-major
  bool trainable = false;                                     ///< a parameter that is not frozen
  std::optional<NodeId> producer = std::nullopt;              ///< none: a source
};

/// What an op computes. The op table (src/graph/op_table.h) has one entry for each of them: inputs,
/// attributes and outputs are told there. The kinds of the second part are what gradients, fusion
/// and optimizers add; a kind of the first part may stand in a backward pass as well. Those of the
/// last part are of pipelines alone.
enum class OpKind : std::uint8_t {
  kConv,
  kConvTranspose,
  kLinear,
  kMatMul,
  kBatchNorm,
  kRunningStatistics,
  kLayerNorm,
  kGroupNorm,
  kMaxPool,
  kAveragePool,
  kRelu,
  kClip,
  kLeakyRelu,
  kElu,
  kGelu,
  kSigmoid,
  kTanh,
  kHardSigmoid,
  kHardSwish,
  kSilu,
  kSoftplus,
  kSoftmax,
  kLogSoftmax,
  kDropout,
  kGather,
  kConcat,
  kSplit,
  kSlice,
  kReshape,
  kTranspose,
  kPad,
  kExpand,
  kResize,
  kCast,
  kWhere,
  kTrilu,
  kEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kNot,
  kAnd,
  kOr,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMaximum,
  kMinimum,
  kScale,
  kExp,
  kLog,
  kSqrt,
  kPow,
  kErf,
  kAbs,
  kSin,
  kCos,
  kReduceSum,
  kReduceMean,
  kReduceMax,
  kReduceMin,
  kCrossEntropy,
  kMeanSquaredError,
  kBinaryCrossEntropy,

  kFill,
  kBatchNormStatistics,
  kBatchNormApply,
  kFused,
  kReinterpret,
  kConvWeightGradient,
  kLinearWeightGradient,
  kBatchNormGradient,
  kLayerNormGradient,
  kGroupNormGradient,
  kMaxPoolGradient,
  kAveragePoolGradient,
  kReluGradient,
  kClipGradient,
  kLeakyReluGradient,
  kEluGradient,
  kGeluGradient,
  kSigmoidGradient,
  kTanhGradient,
  kHardSigmoidGradient,
  kHardSwishGradient,
  kSiluGradient,
  kSoftplusGradient,
  kPowGradient,
  kErfGradient,
  kAbsGradient,
  kSinGradient,
  kCosGradient,
  kSoftmaxGradient,
  kLogSoftmaxGradient,
  kGatherGradient,
  kSliceGradient,
  kResizeGradient,
  kReduceExtremumGradient,
  kCrossEntropyGradient,
  kMeanSquaredErrorGradient,
  kBinaryCrossEntropyGradient,
  kSgd,
  kMomentum,
  kAdam,
  kSquaredNorm,
  kClipFactor,
  kAccumulate,

  kSend,
  kSent,
  kReceive,
  kReceived,
  kRefresh
};
inline constexpr std::size_t kOpKinds = static_cast<std::size_t>(OpKind::kRefresh) + 1;
/// Moves a value between the ranks of a pipeline, whatever the engine; the others compute.
[[nodiscard]] constexpr bool is_communication(OpKind kind) { return kind >= OpKind::kSend; }
/// "conv", "batch_norm", "relu_gradient", ...
[[nodiscard]] std::string_view to_string(OpKind kind);
[[nodiscard]] std::optional<OpKind> parse_op_kind(std::string_view word);

struct FusedParts;
using Attribute = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                               std::shared_ptr<const FusedParts>>;

/// The attributes of a node, by name. The readers throw InvalidInput where the attribute is absent
/// (and has no fallback) or of another type.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, Attribute>> items);
  Attributes& set(std::string name, Attribute value);

  [[nodiscard]] const Attribute* find(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t fallback) const;
  [[nodiscard]] double real(std::string_view name) const;
  [[nodiscard]] double real(std::string_view name, double fallback) const;
  [[nodiscard]] bool flag(std::string_view name) const;  ///< absent is false
  [[nodiscard]] const std::string& text(std::string_view name) const;
  [[nodiscard]] const std::vector<std::int64_t>& integers(std::string_view name) const;
  /// Of a fused op: attribute "parts".
  [[nodiscard]] const std::shared_ptr<const FusedParts>& shared_parts() const;
  [[nodiscard]] const FusedParts& parts() const { return *shared_parts(); }

  [[nodiscard]] auto begin() const { return items_.begin(); }
  [[nodiscard]] auto end() const { return items_.end(); }
  friend bool operator==(const Attributes&, const Attributes&) = default;

 private:
  std::vector<std::pair<std::string, Attribute>> items_;  // by name
};
/// "axis=1, strides=[2, 2]", by name.
[[nodiscard]] std::string to_string(const Attributes& attributes);

/// One of the ops that a fused op is made of.
struct FusedPart {
  OpKind kind = OpKind::kAdd;
  Attributes attributes;
  std::vector<std::size_t> inputs;  ///< slots
  std::vector<TensorType> outputs;
};

/// What a fused op computes: parts that run one after the other. Tensors are *slots*: first the
/// inputs of the op, then the outputs of all parts, in their order.
struct FusedParts {
  std::size_t inputs = 0;  ///< of the fused op
  std::vector<FusedPart> parts;
  std::vector<std::size_t> outputs;   ///< of the fused op: slots that parts make
  std::vector<std::size_t> optional;  ///< positions in `outputs` that a run may skip
};
/// "$2=add($0, $1) $3=relu($2) -> $3", with the attributes that change the cost.
[[nodiscard]] std::string to_string(const FusedParts& parts);

struct Node {
  std::string name;
  OpKind kind = OpKind::kAdd;
  Attributes attributes;
  std::vector<TensorId> inputs;   ///< in the order of the op table; trailing ones may be absent
  std::vector<TensorId> outputs;  ///< all that the op table lists
};

/// A scalar tensor whose gradient, times `weight`, is propagated.
struct Loss {
  TensorId tensor;
  double weight = 1;
};

class Graph {
 public:
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const IdVector<TensorId, Tensor>& tensors() const { return tensors_; }
  [[nodiscard]] const IdVector<NodeId, Node>& nodes() const { return nodes_; }
  [[nodiscard]] const Tensor& operator[](TensorId id) const { return tensors_[id]; }
  [[nodiscard]] const Node& operator[](NodeId id) const { return nodes_[id]; }
  [[nodiscard]] const std::vector<Loss>& losses() const { return losses_; }
  [[nodiscard]] const std::vector<TensorId>& outputs() const { return outputs_; }

  /// Linear in the number of tensors.
  [[nodiscard]] std::optional<TensorId> find(std::string_view tensor) const;
  /// Elements of all parameters, frozen ones included.
  [[nodiscard]] std::int64_t parameter_count() const;

 private:
  friend class GraphBuilder;
  Graph() = default;

  std::string name_;
  IdVector<TensorId, Tensor> tensors_;
  IdVector<NodeId, Node> nodes_;
  std::vector<Loss> losses_;
  std::vector<TensorId> outputs_;
};

/// A readable dump: one line per node.
std::ostream& operator<<(std::ostream& out, const Graph& graph);

}  // namespace rockmate
