// Activations are recognised by what they compute, not by how they are written: exporters spell
// GELU in a dozen ways. From a node backwards, the tensors that its value still depends on form a
// frontier; the latest of them is replaced by what it is computed from, again and again. Whenever
// one tensor x is left, everything between is a function of x, element by element. It is evaluated
// at sample points and compared with each activation that the op table has. Two of those that agree
// to 1e-5 everywhere are one activation (the two forms of GELU differ by 5e-4).

#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <set>

#include "graph/patterns/recognise.h"

namespace rockmate {
namespace {

constexpr std::size_t kLargestExpression = 12;
constexpr std::array kSamples = {-7.3, -5.1, -3.9, -3.01, -2.2, -1.4, -0.9, -0.31, -0.02, 0.0, 0.07,
                                 0.4,  0.83, 1.3,  1.9,   2.6,  3.02, 4.4,  5.7,   6.1,   7.7};
using Samples = std::array<double, kSamples.size()>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double clamped(double x, double low, double high) { return std::min(std::max(x, low), high); }

// The value of an element-wise op at its operands; nothing for other ops.
std::optional<double> evaluate(const Node& node, double a, double b) {
  const Attributes& attributes = node.attributes;
  switch (node.kind) {
    case OpKind::kScale:
      return attributes.real("factor") * a + attributes.real("offset");
    case OpKind::kAdd:
      return a + b;
    case OpKind::kSub:
      return a - b;
    case OpKind::kMul:
      return a * b;
    case OpKind::kDiv:
      return a / b;
    case OpKind::kPow:
      return std::pow(a, attributes.real("exponent"));
    case OpKind::kSqrt:
      return std::sqrt(a);
    case OpKind::kExp:
      return std::exp(a);
    case OpKind::kLog:
      return std::log(a);
    case OpKind::kTanh:
      return std::tanh(a);
    case OpKind::kErf:
      return std::erf(a);
    case OpKind::kSigmoid:
      return sigmoid(a);
    case OpKind::kRelu:
      return std::max(a, 0.0);
    case OpKind::kClip:
      return clamped(a, attributes.real("low"), attributes.real("high"));
    case OpKind::kHardSigmoid:
      return clamped(attributes.real("alpha") * a + attributes.real("beta"), 0, 1);
    default:
      return std::nullopt;
  }
}

double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); }
double gelu_tanh(double x) {
  const double inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1 + std::tanh(inner));
}
double silu(double x) { return x * sigmoid(x); }
double hard_sigmoid(double x) { return clamped(x / 6 + 0.5, 0, 1); }
double hard_swish(double x) { return x * hard_sigmoid(x); }
double softplus(double x) { return std::log1p(std::exp(x)); }

struct Activation {
  double (*function)(double);
  TensorId (*build)(GraphBuilder& builder, TensorId x);
};
constexpr Activation kActivations[] = {
    {gelu, [](GraphBuilder& b, TensorId x) { return b.gelu(x); }},
    {gelu_tanh, [](GraphBuilder& b, TensorId x) { return b.gelu(x, true); }},
    {silu, [](GraphBuilder& b, TensorId x) { return b.silu(x); }},
    {hard_sigmoid, [](GraphBuilder& b, TensorId x) { return b.hard_sigmoid(x); }},
    {hard_swish, [](GraphBuilder& b, TensorId x) { return b.hard_swish(x); }},
    {softplus, [](GraphBuilder& b, TensorId x) { return b.softplus(x); }}};

// What lies between a root and the tensors of a frontier.
class Expression {
 public:
  Expression(const Rewriter& rewriter, NodeId root) : rewriter_(rewriter) { absorb(root); }

  /// Replaces the latest tensor of the frontier by the operands of its op. False where that is no
  /// element-wise op of the same shape, or others read the tensor as well.
  [[nodiscard]] bool grow() {
    if (frontier_.empty() || nodes_.size() >= kLargestExpression) return false;
    const auto [number, tensor] = *frontier_.rbegin();
    const auto producer = rewriter_.graph()[tensor].producer;
    if (!producer || inner_uses_[tensor] != rewriter_.uses(tensor)) return false;
    const Node& node = rewriter_.graph()[*producer];
    if (!evaluate(node, 1, 1) || rewriter_.shape(node.inputs[0]) != rewriter_.shape(tensor)) {
      return false;
    }
    frontier_.erase(number);
    absorb(*producer);
    return true;
  }

  [[nodiscard]] std::optional<TensorId> argument() const {
    if (frontier_.size() != 1 || nodes_.size() < 2) return std::nullopt;
    return frontier_.begin()->second;
  }

  [[nodiscard]] Samples values(TensorId x) const {
    std::map<std::size_t, Samples> known = {{x.index(), kSamples}};
    Samples result{};
    for (const NodeId id : nodes_) {  // in program order
      const Node& node = rewriter_.graph()[id];
      for (std::size_t i = 0; i < result.size(); ++i) {
        const double a = known.at(node.inputs.front().index())[i];
        const double b = known.at(node.inputs.back().index())[i];
        result[i] = *evaluate(node, a, b);
      }
      known[node.outputs.front().index()] = result;
    }
    return result;
  }

 private:
  void absorb(NodeId id) {
    nodes_.insert(id);
    for (const TensorId t : rewriter_.graph()[id].inputs) {
      frontier_[t.index()] = t;
      ++inner_uses_[t];
    }
  }

  const Rewriter& rewriter_;
  std::set<NodeId> nodes_;
  std::map<std::size_t, TensorId> frontier_;  // later tensors have higher numbers
  std::map<TensorId, std::size_t> inner_uses_;
};

bool agree(const Samples& values, double (*function)(double)) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = function(kSamples[i]);
    if (!(std::abs(values[i] - expected) <= 1e-5 * (1 + std::abs(expected)))) return false;
  }
  return true;
}

}  // namespace

std::optional<TensorId> replace_activation(Rewriter& rewriter, NodeId id) {
  const Node& root = rewriter.graph()[id];
  if (!evaluate(root, 1, 1)) return std::nullopt;
  if (!is_floating(rewriter.graph()[root.outputs[0]].type.dtype)) return std::nullopt;
  Expression expression(rewriter, id);
  do {
    const auto x = expression.argument();
    if (!x || rewriter.shape(*x) != rewriter.shape(root.outputs[0])) continue;
    const Samples values = expression.values(*x);
    for (const Activation& activation : kActivations) {
      if (!agree(values, activation.function)) continue;
      return activation.build(rewriter.b(id), rewriter.mapped(*x));
    }
  } while (expression.grow());
  return std::nullopt;
}

}  // namespace rockmate
