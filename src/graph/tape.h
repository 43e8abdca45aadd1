// The training iteration while autodiff writes it: the tensors of the model and of what was added,
// and the steps in program order. Ids of the model's tensors stay what they are.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "rockmate/graph.h"
#include "rockmate/training_graph.h"

namespace rockmate {

/// A node that runs in the iteration.
struct Step {
  Node node;
  Phase phase = Phase::kForward;
  std::optional<NodeId> origin;  ///< the model's node that it runs or differentiates
};

struct TapeTensor {
  Tensor tensor;
  ValueKind kind = ValueKind::kActivation;
  TensorId storage;  ///< itself, or what it is a view of, to the end
};

class Tape {
 public:
  /// With the tensors of the model and without steps.
  explicit Tape(const Graph& graph);

  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] const IdVector<TensorId, TapeTensor>& tensors() const { return tensors_; }
  [[nodiscard]] const TapeTensor& operator[](TensorId id) const { return tensors_[id]; }

  /// A node of the model, whose tensors exist already.
  void run(NodeId id, const Node& node, Phase phase);
  /// A new step; its outputs are named after it. Throws what type inference throws.
  std::vector<TensorId> emit(const std::string& name, OpKind kind, std::vector<TensorId> inputs,
                             Attributes attributes, Phase phase, std::optional<NodeId> origin);
  TensorId add_source(const std::string& name, TensorType type, ValueKind kind, Fill fill);

  /// A tensor that a step will make.
  TensorId add_made(const std::string& name, TensorType type, ValueKind kind);
  /// Other steps on the same tensors, in an order in which they can run.
  void set_steps(std::vector<Step> steps) { steps_ = std::move(steps); }

  /// Makes the last step add `addend` to its output.
  void add_to_last(TensorId addend);
  void set_kind(TensorId id, ValueKind kind) { tensors_[id].kind = kind; }
  void set_format(TensorId id, MemoryFormat format) { tensors_[id].tensor.type.format = format; }
  /// A tensor like that one, which no step makes.
  TensorId add_like(TensorId id, const std::string& name);
  /// Gives the steps away, for a pass that writes them anew.
  [[nodiscard]] std::vector<Step> take_steps() { return std::exchange(steps_, {}); }
  /// A step whose tensors exist already.
  void append(Step step);
  /// Puts each of the given steps right behind the step of that index.
  void insert_after(std::vector<std::pair<std::size_t, Step>> steps);
  /// The name, with a number behind it if it is taken; it is taken from then on.
  [[nodiscard]] std::string unique(const std::string& name);

 private:
  IdVector<TensorId, TapeTensor> tensors_;
  std::vector<Step> steps_;
  std::unordered_set<std::string> names_;
};

/// What steps read and none makes, in the order of first use.
[[nodiscard]] std::vector<TensorId> sources_of(const Tape& tape);

/// For each storage, the last step that reads it, or a view of it, or makes it.
[[nodiscard]] IdVector<TensorId, std::size_t> last_touches(const Tape& tape);

}  // namespace rockmate
