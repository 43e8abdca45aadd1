// Which operands a gradient computes again. Let f be an activation, t its input, D the op that made
// t from a tensor x of the same size and small ones (a batch norm's application, a bias, a scale).
//
//   f'(dy, y) or f'(dy, mask), piecewise linear: y is positive where t is, so t = D(x) will do.
//       Where x is read later than that anyway (the batch norm's gradient does), neither y nor a
//       mask needs to live until then.
//   f'(dy, t), smooth: D(x) takes the place of t. Where x is read later anyway, t need not be kept;
//       else x is kept in the place of t, which has as many bytes, if t has no reader left.
//
// Operands that are updated in between would be others by then.

#include "graph/fusion/rewrites.h"

#include <algorithm>
#include <optional>

#include "graph/op_table.h"

namespace rockmate {
namespace {

bool reads_sign(OpKind kind) {
  return kind == OpKind::kReluGradient || kind == OpKind::kClipGradient;
}

bool reads_input(OpKind kind) {
  return kind == OpKind::kGeluGradient || kind == OpKind::kHardSwishGradient ||
         kind == OpKind::kSiluGradient || kind == OpKind::kSoftplusGradient;
}

bool is_cheap(OpKind kind) {
  return kind == OpKind::kBatchNormApply || kind == OpKind::kAdd || kind == OpKind::kSub ||
         kind == OpKind::kMul || kind == OpKind::kScale;
}

class OperandRewriter {
 public:
  explicit OperandRewriter(Tape& tape) : tape_(tape), last_(last_touches(tape)) {
    const auto& steps = tape.steps();
    maker_.resize(tape.tensors().size());
    updated_.resize(tape.tensors().size(), steps.size());
    for (std::size_t s = 0; s < steps.size(); ++s) {
      for (const TensorId t : steps[s].node.outputs) maker_[t.index()] = s;
      for (const std::size_t i : definition(steps[s].node.kind).updates) {
        updated_[steps[s].node.inputs[i].index()] = s;
      }
    }
  }

  std::vector<Recomputed> run() {
    std::vector<Recomputed> done;
    std::vector<Step> steps;
    const std::vector<Step> old = tape_.steps();
    for (std::size_t s = 0; s < old.size(); ++s) {
      steps.push_back(old[s]);
      const auto maker = recomputable(s);
      if (!maker) continue;
      Node again = old[*maker].node;
      const TensorId original = old[s].node.inputs[1];
      const TensorId t = again.outputs.front();
      again.name = tape_.unique(again.name + ".again");
      again.outputs = {tape_.add_made(again.name, tape_[t].tensor.type, ValueKind::kActivation)};
      Step reader = std::move(steps.back());
      reader.node.inputs[1] = again.outputs.front();
      steps.back() = {std::move(again), reader.phase, old[*maker].origin};
      steps.push_back(std::move(reader));
      done.push_back({steps.size() - 2, steps.size() - 1, 1, original});
    }
    tape_.set_steps(std::move(steps));
    return done;
  }

 private:
  // The step to run again right before step s.
  [[nodiscard]] std::optional<std::size_t> recomputable(std::size_t s) const {
    const Step& step = tape_.steps()[s];
    const bool sign = reads_sign(step.node.kind);
    if (step.phase != Phase::kBackward || (!sign && !reads_input(step.node.kind))) return {};
    TensorId t = step.node.inputs[1];
    if (!maker_[t.index()]) return {};
    const std::size_t activation = *maker_[t.index()];
    if (sign) t = tape_.steps()[activation].node.inputs.front();
    if (!maker_[t.index()] || tape_[t].storage != t) return {};
    const Step& maker = tape_.steps()[*maker_[t.index()]];
    const auto x = large_operand(maker.node, t);
    if (!x || is_updated(maker.node, s)) return {};
    const bool lives_anyway = last_[tape_[*x].storage] > s;
    const bool takes_its_place = !sign && last_[t] == s && !is_read_between(t, activation, s);
    if (!lives_anyway && !takes_its_place) return {};
    return maker_[t.index()];
  }

  [[nodiscard]] std::optional<TensorId> large_operand(const Node& node, TensorId t) const {
    if (!is_cheap(node.kind) || node.attributes.flag("adds")) return {};
    const auto bytes = [&](TensorId id) { return tape_[id].tensor.type.bytes().count(); };
    std::optional<TensorId> large;
    for (const TensorId input : node.inputs) {
      if (bytes(input) * 16 <= bytes(t)) continue;
      if (large || bytes(input) != bytes(t)) return {};
      large = input;
    }
    return large;
  }

  [[nodiscard]] bool is_updated(const Node& node, std::size_t before) const {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](TensorId t) { return updated_[tape_[t].storage.index()] < before; });
  }

  // By another backward step.
  [[nodiscard]] bool is_read_between(TensorId t, std::size_t first, std::size_t last) const {
    for (std::size_t s = first + 1; s < last; ++s) {
      const Step& step = tape_.steps()[s];
      if (step.phase != Phase::kBackward) continue;
      const auto& inputs = step.node.inputs;
      if (std::find(inputs.begin(), inputs.end(), t) != inputs.end()) return true;
    }
    return false;
  }

  Tape& tape_;
  IdVector<TensorId, std::size_t> last_;
  std::vector<std::optional<std::size_t>> maker_;
  std::vector<std::size_t> updated_;  // the step that does it, or how many there are
};

}  // namespace

void split_batch_norms(Tape& tape) {
  std::vector<Step> steps;
  for (const Step& step : tape.steps()) {
    if (step.node.kind != OpKind::kBatchNorm) {
      steps.push_back(step);
      continue;
    }
    const Node& whole = step.node;
    const TensorId mean = whole.outputs[1];
    const TensorId variance = whole.outputs[2];
    steps.push_back({{tape.unique(whole.name + ".statistics"),
                      OpKind::kBatchNormStatistics,
                      whole.attributes,
                      {whole.inputs.front()},
                      {mean, variance}},
                     step.phase,
                     step.origin});
    Node apply{whole.name,
               OpKind::kBatchNormApply,
               whole.attributes,
               whole.inputs,
               {whole.outputs.front()}};
    apply.inputs.insert(apply.inputs.begin() + 1, {mean, variance});
    steps.push_back({std::move(apply), step.phase, step.origin});
  }
  tape.set_steps(std::move(steps));
}

std::vector<Recomputed> recompute_operands(Tape& tape) { return OperandRewriter(tape).run(); }

}  // namespace rockmate
