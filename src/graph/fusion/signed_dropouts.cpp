// Let p be a softmax, d the dropout of p with the rate r, and g that of the gradient of d. With s
// for p with a minus sign where d drops it,
//
//   d = relu(s) / (1 - r)      g = relu'(dd; s) / (1 - r)
//
// and the gradient of the softmax, p (g - sum g p), is |s|' s (g - sum g s), as g is 0 where s is
// negative: the same op on s, but for signs. (Where p is 0, relu' passes nothing; that gradient is
// 0 there, whatever comes in.) Each of these is a matter of registers for whoever reads s.
//
// What is gained: d is never stored, softmax and dropout become one op with one output, and random
// numbers are drawn once; on a processor they cost more than all the rest of a dropout. What it
// takes: s is alive as long as p was, which has to be as long as d; and those who read d have to be
// products, which take it block by block (dropped_product.h).
//
// Tried and rejected: dropout as a part of each product, drawing its numbers again. They take
// 0.5 ns for each element on one thread, and a product of 64 columns no more than 1.2.

#include "graph/fusion/signed_dropouts.h"

#include <algorithm>
#include <map>
#include <optional>

namespace rockmate {
namespace {

// A dropout and all who read p or d, or draw the same numbers; steps of the tape.
struct Found {
  TensorId p, d;
  double rate;
  std::vector<std::size_t> products, gradients, softmax_gradients;
};

bool is_dropout(const Step& step, Phase phase) {
  return step.node.kind == OpKind::kDropout && step.phase == phase;
}

// A product of it with something else.
bool multiplies(const Node& node, TensorId t) {
  return node.kind == OpKind::kMatMul && !node.attributes.flag("adds") &&
         std::ranges::count(node.inputs, t) == 1;
}

// (dy, y), not the other way round.
bool has_as_output(const Node& node, TensorId y) {
  return node.kind == OpKind::kSoftmaxGradient && !node.attributes.flag("adds") &&
         node.inputs[0] != y && node.inputs[1] == y;
}

std::optional<Found> find(const TapeUse& use, std::size_t dropout) {
  const Step& step = use.step(dropout);
  if (!is_dropout(step, Phase::kForward)) return std::nullopt;
  Found found{step.node.inputs.front(),
              step.node.outputs.front(),
              step.node.attributes.real("rate"),
              use.readers(step.node.outputs[0]),
              {},
              {}};
  const auto maker = use.maker(found.p);
  if (!maker || use.step(*maker).node.kind != OpKind::kSoftmax) return std::nullopt;
  if (use.is_wanted(found.p) || use.is_wanted(found.d)) return std::nullopt;
  for (const std::size_t s : use.readers(found.p)) {
    if (s == dropout) continue;
    if (!has_as_output(use.step(s).node, found.p)) return std::nullopt;
    found.softmax_gradients.push_back(s);
  }
  const std::vector<Step>& steps = use.tape().steps();
  for (std::size_t s = dropout; s < steps.size(); ++s) {
    const bool draws_the_same =
        is_dropout(steps[s], Phase::kBackward) && steps[s].node.attributes == step.node.attributes;
    if (draws_the_same) found.gradients.push_back(s);
  }
  if (found.products.empty() || found.softmax_gradients.empty()) return std::nullopt;
  const std::size_t last = found.softmax_gradients.back();
  const bool are_products = std::ranges::all_of(found.products, [&](std::size_t s) {
    return s < last && multiplies(steps[s].node, found.d);
  });
  const bool are_before =
      std::ranges::all_of(found.gradients, [&](std::size_t s) { return s < last; });
  return are_products && are_before ? std::optional(std::move(found)) : std::nullopt;
}

// Writes the steps anew.
class Signer {
 public:
  Signer(Tape& tape, std::map<std::size_t, Found> found) : tape_(tape), found_(std::move(found)) {
    for (const auto& [dropout, each] : found_) {
      for (const std::size_t s : each.products) dropout_of_[s] = dropout;
      for (const std::size_t s : each.gradients) dropout_of_[s] = dropout;
      for (const std::size_t s : each.softmax_gradients) dropout_of_[s] = dropout;
    }
  }

  void run() {
    std::vector<Step> steps = tape_.take_steps();
    for (std::size_t s = 0; s < steps.size(); ++s) {
      if (found_.contains(s)) {
        sign(s, steps[s]);
      } else if (const auto at = dropout_of_.find(s); at != dropout_of_.end()) {
        read_signs(at->second, std::move(steps[s]));
      } else {
        tape_.append(std::move(steps[s]));
      }
    }
  }

 private:
  void sign(std::size_t dropout, const Step& step) {
    Attributes how = step.node.attributes;
    how.set("negates", true);
    signs_[dropout] = tape_
                          .emit(tape_[found_.at(dropout).p].tensor.name + ".signed",
                                OpKind::kDropout, step.node.inputs, how, step.phase, step.origin)
                          .front();
  }

  void read_signs(std::size_t dropout, Step step) {
    const Found& found = found_.at(dropout);
    const TensorId signs = signs_.at(dropout);
    const auto emit = [&](const std::string& name, OpKind kind, std::vector<TensorId> inputs,
                          const Attributes& attributes = {}) {
      return tape_.emit(name, kind, std::move(inputs), attributes, step.phase, step.origin).front();
    };
    const Attributes scale = {{"factor", 1 / (1 - found.rate)}, {"offset", 0.0}};
    Node& node = step.node;
    if (node.kind == OpKind::kMatMul) {
      const TensorId passed = emit(node.name + ".passed", OpKind::kRelu, {signs});
      const TensorId again = emit(node.name + ".dropped", OpKind::kScale, {passed}, scale);
      std::ranges::replace(node.inputs, found.d, again);
    } else if (node.kind == OpKind::kSoftmaxGradient) {
      const TensorId made =
          emit(node.name + ".signed", node.kind, {node.inputs[0], signs}, node.attributes);
      node.inputs = {made, signs};
      node.kind = OpKind::kAbsGradient;
      node.attributes = {};
    } else {
      node.inputs = {emit(node.name + ".passed", OpKind::kReluGradient, {node.inputs[0], signs})};
      node.kind = OpKind::kScale;
      node.attributes = scale;
    }
    tape_.append(std::move(step));
  }

  Tape& tape_;
  std::map<std::size_t, Found> found_;             // by dropout
  std::map<std::size_t, std::size_t> dropout_of_;  // by reader
  std::map<std::size_t, TensorId> signs_;
};

}  // namespace

void sign_dropouts(Tape& tape, const WantedTensors& wanted) {
  std::map<std::size_t, Found> all;
  {
    const TapeUse use(tape, wanted);
    for (std::size_t s = 0; s < tape.steps().size(); ++s) {
      if (auto found = find(use, s)) all.emplace(s, *std::move(found));
    }
  }
  if (!all.empty()) Signer(tape, std::move(all)).run();
}

}  // namespace rockmate
