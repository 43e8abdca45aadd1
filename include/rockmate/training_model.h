// From a forward model to one training iteration. A TrainingModel is the iteration twice over: the
// graph that the planner reads and, op by op, the kernels that an engine runs; nothing has to be
// read from names. Kernel k belongs to op k.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/cost_model.h"
#include "rockmate/graph.h"
#include "rockmate/ids.h"
#include "rockmate/training_graph.h"

namespace rockmate {

enum class OptimizerKind : std::uint8_t { kNone, kSgd, kMomentum, kAdam, kAdamW };
[[nodiscard]] std::string_view to_string(OptimizerKind optimizer);
/// Throws InvalidInput that lists the optimizers.
[[nodiscard]] OptimizerKind parse_optimizer(std::string_view word);

/// What an op of the training graph computes. Inputs and outputs are positional as the op table
/// says, duplicates included; an optional output that a schedule skips keeps its place.
struct Kernel {
  OpKind kind = OpKind::kAdd;
  Attributes attributes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<ValueId> updates;
  std::optional<NodeId> node;  ///< the node of the model that it runs or differentiates
};

/// A kernel with all that is known of it before there are addresses.
struct KernelSpec {
  std::string_view op;  ///< its name, for messages
  const Kernel& kernel;
  std::vector<TensorType> inputs;   ///< as Kernel::inputs, addend included
  std::vector<TensorType> outputs;  ///< as Kernel::outputs
};

/// An operand that never changes as a kernel would rather have it: packed, once, before the first
/// iteration, instead of anew in each of its runs.
struct Packing {
  std::size_t operand = 0;         ///< an input of the kernel, row-major
  std::vector<std::size_t> reads;  ///< inputs of the kernel that it is made of, itself among them
  Bytes bytes = {};                ///< that it takes then
};

/// Storages and workspaces take whole multiples of it, so that a layout that packs them without
/// gaps gives every tensor the address that vector instructions and cache lines want.
inline constexpr Bytes kAlignment{64};
[[nodiscard]] constexpr Bytes aligned(Bytes bytes) {
  const std::int64_t unit = kAlignment.count();
  return Bytes((bytes.count() + unit - 1) / unit * unit);
}

struct TrainingOptions {
  /// kNone: parameters stay as they are and their gradients are the iteration's results.
  OptimizerKind optimizer = OptimizerKind::kSgd;
  double learning_rate = 0.01;
  double momentum = 0.9;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  /// The largest norm of all gradients together: longer ones are scaled down to it. 0: any length.
  /// Gradients then live until the norm of the last one is known.
  double clip_norm = 0;
  /// Parameters change after every so many iterations, by the mean of their gradients, which add up
  /// in sources of their own.
  std::int64_t accumulate = 1;
  /// Makes one op of several where a planner loses nothing by it (papers/fusion.md). Not a bit of
  /// what the reference engine computes changes.
  bool fuse = false;
  CostModel costs = CostModel::analytic("a100");
  /// Images lie channels last from convolution to convolution, as the engine `cpu` likes them. The
  /// sources, the outputs of the model and the parameter gradients stay row-major.
  bool channels_last = false;
  /// The engine `cpu` may compute 3 x 3 convolutions by Winograd's algorithm where that is faster:
  /// with larger workspaces, and other last bits. One choice for all budgets, whose bits are equal.
  bool winograd = false;
  /// The engine `cpu` rounds what convolutions, linear layers and products of matrices multiply to
  /// bfloat16, and sums it in float32, without Winograd's algorithm: relative errors of some 1e-3;
  /// faster on some processors, slower on others (docs/training.md). Tensors stay what they are.
  /// One choice for all budgets, whose bits are equal.
  bool bf16 = false;
  /// What the engine that is to run the iteration needs for an op, whatever the costs say; may be
  /// null. `engine_workspace` (executor.h) makes it.
  std::function<Bytes(const KernelSpec&)> workspace = nullptr;
  /// What the engine would pack, in an iteration that trains nothing; may be null: then nothing is
  /// made before the first iteration. `engine_packings` (executor.h) makes it.
  std::function<std::vector<Packing>(const KernelSpec&)> packings = nullptr;
};

/// Whole numbers that choose among `below` rows or classes, from 0.
struct IndexRange {
  std::int64_t below = 0;
  std::optional<std::int64_t> ignored = std::nullopt;  ///< stands for "none of them"
  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

/// A value that no op makes.
struct Source {
  ValueId value;
  bool is_given = false;  ///< data or targets: comes from outside, new in every iteration
  Fill fill;              ///< else: how it begins, unless there are `data`
  std::shared_ptr<const std::vector<double>> data;   ///< row-major; may be null
  std::optional<IndexRange> indices = std::nullopt;  ///< what all ops that read it allow
  /// Among all sources of the network: what made-up numbers follow from.
  std::size_t position = 0;
  bool is_made = false;  ///< before the first iteration: TrainingModel::load
};

struct TrainedParameter {
  ValueId parameter;
  ValueId gradient;
  /// Of the optimizer: the sum of gradients, if they accumulate; momentum, or both moments of Adam.
  std::vector<ValueId> states;
};

struct WeightedLoss {
  ValueId value;
  double weight = 1;
};

/// What is made once of sources that never change, before the first iteration: sources of that.
/// Its values are its own.
struct Load {
  struct Made {
    ValueId source;  ///< of the iteration
    /// A value of the load as it is; or, by input of the op that it is packed for, what that is
    /// made of.
    std::vector<std::optional<ValueId>> from;
    std::optional<OpId> packed_for = std::nullopt;
    std::size_t operand = 0;  ///< of that op: what is packed
  };
  std::vector<Kernel> kernels;  ///< in an order in which they can run; views among them
  IdVector<ValueId, TensorType> types = {};
  IdVector<ValueId, std::string> names = {};
  IdVector<ValueId, ValueKind> kinds = {};
  std::vector<Source> sources = {};
  std::vector<Made> made = {};
};

/// The storages of the graph have `aligned` sizes; `types` tell the bytes that are used.
struct TrainingModel {
  TrainingGraph graph;
  IdVector<OpId, Kernel> kernels = {};
  IdVector<ValueId, TensorType> types = {};
  std::vector<Source> sources = {};
  std::vector<TrainedParameter> trained = {};  ///< in the order of the model's parameters
  std::vector<WeightedLoss> losses = {};
  std::vector<ValueId> outputs = {};           ///< of the model, as far as the iteration makes them
  std::shared_ptr<const Load> load = nullptr;  ///< may be null
};

/// Derives the iteration: forward, losses, backward, updates (papers/autodiff.md). Throws
/// InvalidInput where the model has no loss, a loss is no floating scalar, nothing can be trained,
/// an op on the way is not differentiable, or a cost is unknown. Linear in the size of the model.
[[nodiscard]] TrainingModel make_training_model(const Graph& graph,
                                                const TrainingOptions& options = {});
[[nodiscard]] TrainingGraph make_training_graph(const Graph& graph,
                                                const TrainingOptions& options = {});

/// The same network to be judged instead of trained: forward and losses alone, without dropout, and
/// with batch normalisation by the running statistics. All sources are sources of the training
/// model too, by their names; what a cross-entropy is taken of is resident at the end. Throws as
/// make_training_model does.
[[nodiscard]] TrainingModel make_evaluation_model(const Graph& graph,
                                                  const TrainingOptions& options = {});

/// The same network to be used: what its outputs depend on, as in an evaluation, but without losses
/// and targets. The outputs are resident at the end. With `packings`, what depends on parameters
/// alone is made once (`Load`), and parameters that nothing else reads are not in the graph. Throws
/// InvalidInput where there is no output that a node makes, or a cost is unknown.
[[nodiscard]] TrainingModel make_inference_model(const Graph& graph,
                                                 const TrainingOptions& options = {});

/// Valid as long as the model.
[[nodiscard]] KernelSpec kernel_spec(const TrainingModel& model, OpId op);

/// "conv(float32[8, 3, 224, 224], float32[64, 3, 7, 7]; pads=[3, 3, 3, 3], ...)": what determines
/// the cost of an op; the key of a costs file.
[[nodiscard]] std::string signature(const TrainingModel& model, OpId op);

}  // namespace rockmate
