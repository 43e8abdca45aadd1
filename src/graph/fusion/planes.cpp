#include "graph/fusion/planes.h"

#include <algorithm>
#include <optional>

#include "graph/fusion/banded_convolutions.h"

namespace rockmate {
namespace {

class Pass {
 public:
  Pass(const Tape& tape, const std::vector<Step>& steps, const WantedTensors& wanted)
      : tape_(tape), maker_(tape.tensors().size()), readers_(tape.tensors().size()) {
    for (std::size_t s = 0; s < steps.size(); ++s) {
      for (const TensorId t : steps[s].node.outputs) maker_[t] = s;
      for (const TensorId t : steps[s].node.inputs) ++readers_[t];
    }
    for (const TensorId t : wanted.visible) ++readers_[t];
    for (const TensorId t : wanted.results) ++readers_[t];
  }

  [[nodiscard]] std::vector<Step> run(std::vector<Step> steps) const {
    std::vector<char> is_left(steps.size(), 1);
    for (Step& step : steps) {
      const auto image = image_of(step);
      if (!image) continue;
      TensorId& x = step.node.inputs[*image];
      const auto view = only_maker(steps, x, OpKind::kReinterpret);
      const auto transpose =
          view ? only_maker(steps, steps[*view].node.inputs.front(), OpKind::kTranspose)
               : std::nullopt;
      if (!transpose || !makes_rows(steps[*transpose].node)) continue;
      x = steps[*transpose].node.inputs.front();
      is_left[*view] = is_left[*transpose] = 0;
    }
    std::vector<Step> left;
    for (std::size_t s = 0; s < steps.size(); ++s) {
      if (is_left[s] != 0) left.push_back(std::move(steps[s]));
    }
    return left;
  }

 private:
  // The operand of a forward step that may lie in planes as well.
  [[nodiscard]] std::optional<std::size_t> image_of(const Step& step) const {
    if (step.node.kind != OpKind::kFused || step.phase != Phase::kForward) return std::nullopt;
    std::vector<const TensorType*> inputs;
    for (const TensorId t : step.node.inputs) inputs.push_back(&tape_[t].tensor.type);
    const auto found = banded_convolutions(step.node.attributes.parts(), inputs);
    if (!found || !found->expand || found->expand->is_pointwise) return std::nullopt;
    return found->x;
  }

  // The step that makes it for one reader, if it is of that kind.
  [[nodiscard]] std::optional<std::size_t> only_maker(const std::vector<Step>& steps, TensorId t,
                                                      OpKind kind) const {
    const auto maker = maker_[t];
    const bool fits = maker && readers_[t] == 1 && steps[*maker].node.kind == kind;
    return fits ? maker : std::nullopt;
  }

  // Rows of pixels of an image in planes.
  [[nodiscard]] bool makes_rows(const Node& transpose) const {
    const TensorType& planes = tape_[transpose.inputs.front()].tensor.type;
    return planes.format == MemoryFormat::kRowMajor &&
           transpose.attributes.integers("permutation") == std::vector<std::int64_t>{0, 2, 3, 1};
  }

  const Tape& tape_;
  IdVector<TensorId, std::optional<std::size_t>> maker_;
  IdVector<TensorId, std::size_t> readers_;
};

}  // namespace

std::vector<Step> read_planes(const Tape& tape, std::vector<Step> steps,
                              const WantedTensors& wanted) {
  return Pass(tape, steps, wanted).run(std::move(steps));
}

}  // namespace rockmate
