// The tape is written in three passes.
//
//   forward    the nodes that a loss depends on, in the model's order, then those of the losses.
//              Nothing else runs, but the nodes that keep statistics of what runs.
//   seeds      the gradient of each loss is its weight.
//   backward   the nodes in reverse; each asks the op table for the gradients of its inputs.
//
// A gradient is asked for where its tensor depends on a trained parameter, and only there: neither
// data nor frozen parameters get one, and what only they would need is neither computed nor saved.
//
// Contributions to one gradient are summed as they come, in reverse order of the readers: at most
// two of them are alive, and the order is that of the model, whatever a plan does. A sum is an op
// of its own that may overwrite either operand, except where the op that makes the contribution can
// add by itself (matrix products, scatters): then the sum so far becomes its addend.

#include "graph/autodiff.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "graph/gradient_scope.h"
#include "graph/op_table.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

using Flags = IdVector<NodeId, char>;

// The nodes that any of these tensors depends on.
Flags nodes_behind(const Graph& graph, std::vector<TensorId> wanted) {
  Flags live(graph.nodes().size());
  while (!wanted.empty()) {
    const auto producer = graph[wanted.back()].producer;
    wanted.pop_back();
    if (!producer || live[*producer] != 0) continue;
    live[*producer] = 1;
    const auto& inputs = graph[*producer].inputs;
    wanted.insert(wanted.end(), inputs.begin(), inputs.end());
  }
  return live;
}

// The nodes that a loss depends on, and the statistics of what they make.
Flags live_nodes(const Graph& graph) {
  std::vector<TensorId> losses;
  for (const Loss& loss : graph.losses()) losses.push_back(loss.tensor);
  Flags live = nodes_behind(graph, std::move(losses));
  const auto is_made = [&](TensorId t) {
    const auto producer = graph[t].producer;
    return !producer || live[*producer] != 0;
  };
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph[NodeId(n)];
    if (definition(node.kind).updates.empty()) continue;
    if (std::all_of(node.inputs.begin(), node.inputs.end(), is_made)) live[NodeId(n)] = 1;
  }
  return live;
}

// The nodes of the losses: loss ops, what depends on them, and what makes a loss.
Flags loss_nodes(const Graph& graph) {
  Flags is_loss(graph.nodes().size());
  for (const Loss& loss : graph.losses()) {
    if (const auto producer = graph[loss.tensor].producer) is_loss[*producer] = 1;
  }
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph[NodeId(n)];
    const auto depends = [&](TensorId t) {
      return graph[t].producer && is_loss[*graph[t].producer] != 0;
    };
    if (definition(node.kind).is_loss ||
        std::any_of(node.inputs.begin(), node.inputs.end(), depends)) {
      is_loss[NodeId(n)] = 1;
    }
  }
  return is_loss;
}

// The nodes of the iteration, in the order in which they run.
std::vector<NodeId> forward_order(const Graph& graph, const Flags& is_loss) {
  const Flags live = live_nodes(graph);
  std::vector<NodeId> order;
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    if (live[NodeId(n)] != 0) order.push_back(NodeId(n));
  }
  std::stable_partition(order.begin(), order.end(), [&](NodeId n) { return is_loss[n] == 0; });
  return order;
}

// The tensors that depend on a trained parameter through floating-point arithmetic.
IdVector<TensorId, char> needed_gradients(const Graph& graph, const std::vector<NodeId>& order) {
  IdVector<TensorId, char> needed(graph.tensors().size());
  for (std::size_t t = 0; t < needed.size(); ++t)
    needed[TensorId(t)] = graph[TensorId(t)].trainable;
  for (const NodeId n : order) {
    const Node& node = graph[n];
    if (std::none_of(node.inputs.begin(), node.inputs.end(),
                     [&](TensorId t) { return needed[t] != 0; })) {
      continue;
    }
    const auto& optional = definition(node.kind).optional;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const bool is_side = std::find(optional.begin(), optional.end(), i) != optional.end();
      needed[node.outputs[i]] = !is_side && is_floating(graph[node.outputs[i]].type.dtype);
    }
  }
  return needed;
}

class Backward {
 public:
  Backward(const Graph& graph, Differentiated& result, IdVector<TensorId, char> needed)
      : graph_(graph),
        tape_(result.tape),
        gradients_(result.gradients),
        needed_(std::move(needed)) {}

  void seed(const Loss& loss);
  void visit(NodeId id);

 private:
  class Scope;
  void contribute(TensorId to, TensorId gradient, bool can_add, NodeId origin);
  void mark_saved(const std::vector<TensorId>& inputs);

  const Graph& graph_;
  Tape& tape_;
  IdVector<TensorId, std::optional<TensorId>>& gradients_;
  IdVector<TensorId, char> needed_;
  std::vector<char> saved_ = std::vector<char>(graph_.tensors().size());  // by storage
};

void Backward::seed(const Loss& loss) {
  const Tensor& tensor = graph_[loss.tensor];
  if (needed_[loss.tensor] == 0) {
    throw InvalidInput(
        fmt::format("the loss '{}' depends on no parameter that is trained", tensor.name));
  }
  const TensorId seed = tape_
                            .emit(tensor.name + ".seed", OpKind::kFill, {},
                                  {{"shape", tensor.type.shape},
                                   {"value", loss.weight},
                                   {"dtype", std::string(to_string(tensor.type.dtype))}},
                                  Phase::kLoss, tensor.producer)
                            .front();
  tape_.set_kind(seed, ValueKind::kGradient);
  contribute(loss.tensor, seed, false, tensor.producer.value_or(NodeId()));
}

void Backward::contribute(TensorId to, TensorId gradient, bool can_add, NodeId origin) {
  ROCKMATE_CHECK(tape_[gradient].tensor.type == graph_[to].type, graph_[to].name);
  auto& sum = gradients_[to];
  if (!sum) {
    sum = gradient;
  } else if (can_add) {
    tape_.add_to_last(*sum);
    sum = gradient;
  } else {
    sum = tape_
              .emit(graph_[to].name + ".gradient_sum", OpKind::kAdd, {*sum, gradient}, {},
                    Phase::kBackward, origin)
              .front();
  }
}

void Backward::mark_saved(const std::vector<TensorId>& inputs) {
  for (const TensorId input : inputs) {
    const std::size_t storage = tape_[input].storage.index();
    if (storage < saved_.size()) saved_[storage] = 1;
  }
}

class Backward::Scope final : public GradientScope {
 public:
  Scope(Backward& backward, NodeId id) : backward_(backward), id_(id) {}

  const Node& node() const override { return backward_.graph_[id_]; }
  const TensorType& type(TensorId tensor) const override {
    return backward_.tape_[tensor].tensor.type;
  }
  bool wants(std::size_t i) const override {
    return i < node().inputs.size() && backward_.needed_[node().inputs[i]] != 0;
  }
  std::optional<TensorId> find_gradient(std::size_t i) const override {
    return backward_.gradients_[node().outputs[i]];
  }
  bool is_saved(TensorId tensor) const override {
    return backward_.saved_[backward_.tape_[tensor].storage.index()] != 0;
  }

  std::vector<TensorId> emit_all(std::string_view role, OpKind kind, std::vector<TensorId> inputs,
                                 Attributes attributes) override {
    backward_.mark_saved(inputs);
    auto outputs =
        backward_.tape_.emit(fmt::format("{}.{}", node().name, role), kind, std::move(inputs),
                             std::move(attributes), Phase::kBackward, id_);
    // Only what was just made, and nobody has read, may still become a sum.
    fresh_ = definition(kind).adds ? std::optional(outputs.front()) : std::nullopt;
    return outputs;
  }
  TensorId emit(std::string_view role, OpKind kind, std::vector<TensorId> inputs,
                Attributes attributes) override {
    return emit_all(role, kind, std::move(inputs), std::move(attributes)).front();
  }
  TensorId scalar(double value, DType dtype) override {
    return backward_.tape_.add_source(node().name + ".scalar", {dtype, {}}, ValueKind::kInput,
                                      {Fill::Kind::kConstant, value});
  }
  void contribute(std::size_t i, TensorId gradient) override {
    if (!wants(i)) return;
    const bool can_add = fresh_ == gradient;
    fresh_.reset();
    backward_.contribute(node().inputs[i], gradient, can_add, id_);
  }

 private:
  Backward& backward_;
  NodeId id_;
  std::optional<TensorId> fresh_;
};

void Backward::visit(NodeId id) {
  const Node& node = graph_[id];
  const auto has_gradient = [&](TensorId t) { return gradients_[t].has_value(); };
  if (std::none_of(node.outputs.begin(), node.outputs.end(), has_gradient)) return;
  const OpDefinition& entry = definition(node.kind);
  if (entry.gradient == nullptr) {
    throw InvalidInput(
        fmt::format("op '{}' ({}) has no gradient, but a loss depends on trained "
                    "parameters through it",
                    node.name, entry.name));
  }
  Scope scope(*this, id);
  entry.gradient(scope);
}

}  // namespace

Tape forward_tape(const Graph& graph) {
  if (graph.losses().empty()) {
    throw InvalidInput(fmt::format("model '{}' has no loss; add one to train it", graph.name()));
  }
  const Flags is_loss = loss_nodes(graph);
  Tape tape(graph);
  for (const NodeId n : forward_order(graph, is_loss)) {
    const Node& node = graph[n];
    const bool updates = !definition(node.kind).updates.empty();
    tape.run(n, node, updates ? Phase::kUpdate : is_loss[n] != 0 ? Phase::kLoss : Phase::kForward);
  }
  for (const Loss& loss : graph.losses()) tape.set_kind(loss.tensor, ValueKind::kLoss);
  return tape;
}

Tape inference_tape(const Graph& graph) {
  const Flags live = nodes_behind(graph, graph.outputs());
  Tape tape(graph);
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    if (live[NodeId(n)] != 0) tape.run(NodeId(n), graph[NodeId(n)], Phase::kForward);
  }
  if (tape.steps().empty()) {
    throw InvalidInput(fmt::format("model '{}' has no output that a node makes; name one to use it",
                                   graph.name()));
  }
  return tape;
}

Differentiated differentiate(const Graph& graph) {
  Differentiated result{forward_tape(graph),
                        IdVector<TensorId, std::optional<TensorId>>(graph.tensors().size())};
  const std::vector<NodeId> order = forward_order(graph, loss_nodes(graph));
  Backward backward(graph, result, needed_gradients(graph, order));
  for (const Loss& loss : graph.losses()) backward.seed(loss);
  for (auto n = order.rbegin(); n != order.rend(); ++n) backward.visit(*n);
  return result;
}

}  // namespace rockmate
