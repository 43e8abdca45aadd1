// A concatenation c of the pieces p moves into its readers if each of them is
//
//   point-wise  steps that make as large images of it: a batch norm's application, an activation
//   backward    a clamped norm's gradient (clamped_norm.h), with c as x
//   windows     a convolution, with what stands behind it, its gradient by the weight, or a pooling
//
// and nobody else wants it. A reader then runs again from the pieces alone. The gradient dc that a
// clamped norm or a convolution makes is read by slices. They become parts of the step: dc is not
// stored then, either. Behind a clamped norm, a slice may add the gradient that its piece has from
// elsewhere, unless that is made later.
//
// To read k pieces, a convolution may pass k times over its result, and each of several readers
// reads them anew. So it does where c is larger than what caches give for nothing.

#include "graph/fusion/concatenations.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "graph/fusion/clamped_norm.h"
#include "graph/fusion/pieced_image.h"
#include "graph/fusion/pieced_norm.h"
#include "graph/fusion/roles.h"
#include "graph/op_table.h"

namespace rockmate {
namespace {

bool is_image(const TensorType& type) {
  return type.shape.size() == 4 && type.dtype == DType::kFloat32 &&
         type.format == MemoryFormat::kChannelsLast;
}

bool has(const auto& list, const auto& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// A step as parts: itself, if it is none of several.
FusedParts parts_of(const Tape& tape, const Node& node) {
  if (node.kind == OpKind::kFused) return node.attributes.parts();
  FusedParts parts;
  parts.inputs = node.inputs.size();
  FusedPart& part = parts.parts.emplace_back();
  part.kind = node.kind;
  part.attributes = node.attributes;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) part.inputs.push_back(i);
  for (std::size_t o = 0; o < node.outputs.size(); ++o) {
    part.outputs.push_back(tape[node.outputs[o]].tensor.type);
    parts.outputs.push_back(parts.inputs + o);
  }
  parts.optional = optional_outputs(node.kind, node.attributes);
  return parts;
}

bool has_pieced_image(const Tape& tape, const Node& node) {
  return pieced_image(node.attributes.parts(), view_of(tape, node).inputs).has_value();
}

bool is_point_wise(const FusedParts& parts, const TensorType& type) {
  return parts.outputs.size() == 1 &&
         std::all_of(parts.parts.begin(), parts.parts.end(), [&](const FusedPart& part) {
           return fusion_role(part.kind) == FusionRole::kPointwise && part.outputs.front() == type;
         });
}

class PieceReader {
 public:
  PieceReader(const Tape& tape, std::vector<Step> steps, const WantedTensors& wanted,
              Bytes least_convolved)
      : tape_(tape),
        wanted_(wanted),
        least_convolved_(least_convolved),
        steps_(std::move(steps)),
        is_gone_(steps_.size()) {
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      for (const TensorId t : steps_[s].node.inputs) readers_[t].push_back(s);
      for (const TensorId t : steps_[s].node.outputs) maker_[t] = s;
    }
  }

  std::vector<Step> run() {
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      if (is_of_channels(tape_, steps_[s].node)) move_into_readers(s);
      if (is_gradient_by_image(steps_[s])) take_slices(s);
    }
    std::vector<Step> left;
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      if (!is_gone_[s]) left.push_back(std::move(steps_[s]));
    }
    return left;
  }

 private:
  void move_into_readers(std::size_t concat);
  [[nodiscard]] bool may_read_pieces(const Node& concat, const Node& reader) const;
  [[nodiscard]] Node behind(const Node& concat, Node reader) const;
  [[nodiscard]] bool is_gradient_by_image(const Step& step) const;
  [[nodiscard]] std::optional<std::size_t> dealt_output(const Node& node) const;
  void take_slices(std::size_t s);
  [[nodiscard]] bool may_be_part(std::size_t slice, std::size_t maker, TensorId whole) const;
  [[nodiscard]] bool is_large(TensorId image) const {
    return tape_[image].tensor.type.bytes() >= least_convolved_;
  }
  [[nodiscard]] bool is_wanted(TensorId t) const {
    return has(wanted_.visible, t) || has(wanted_.results, t);
  }

  const Tape& tape_;
  const WantedTensors& wanted_;
  Bytes least_convolved_;
  std::vector<Step> steps_;
  std::vector<bool> is_gone_;
  std::map<TensorId, std::vector<std::size_t>> readers_;
  std::map<TensorId, std::size_t> maker_;
};

bool PieceReader::may_read_pieces(const Node& concat, const Node& reader) const {
  const TensorId whole = concat.outputs.front();
  const FusedParts parts = parts_of(tape_, reader);
  if (is_point_wise(parts, tape_[whole].tensor.type)) return true;
  const auto norm = clamped_norm(parts);
  if (norm && reader.inputs[norm->x] == whole && reader.inputs[norm->dy] != whole) return true;
  return is_large(whole) && has_pieced_image(tape_, behind(concat, reader));
}

void PieceReader::move_into_readers(std::size_t concat) {
  const Node node = steps_[concat].node;
  const TensorId whole = node.outputs.front();
  const auto& readers = readers_[whole];
  if (is_wanted(whole) || readers.empty() || steps_[concat].phase != Phase::kForward) return;
  for (const std::size_t s : readers) {
    if (!may_read_pieces(node, steps_[s].node)) return;
  }
  std::vector<std::size_t> distinct = readers;
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (const std::size_t s : distinct) {
    steps_[s].node = behind(node, std::move(steps_[s].node));
    take_slices(s);
  }
  is_gone_[concat] = true;
}

// The concatenation becomes the first part, and pieces the last inputs.
Node PieceReader::behind(const Node& concat, Node node) const {
  const FusedParts old = parts_of(tape_, node);
  const TensorId whole = concat.outputs.front();
  auto made = std::make_shared<FusedParts>(old);
  std::vector<TensorId> inputs;
  for (const std::vector<TensorId>* list : {&std::as_const(node.inputs), &concat.inputs}) {
    for (const TensorId t : *list) {
      if (t != whole && !has(inputs, t)) inputs.push_back(t);
    }
  }
  const auto input = [&](TensorId t) {
    return static_cast<std::size_t>(std::find(inputs.begin(), inputs.end(), t) - inputs.begin());
  };
  const auto slot = [&](std::size_t before) {
    if (before >= old.inputs) return inputs.size() + 1 + before - old.inputs;
    return node.inputs[before] == whole ? inputs.size() : input(node.inputs[before]);
  };
  made->inputs = inputs.size();
  for (FusedPart& part : made->parts) {
    std::transform(part.inputs.begin(), part.inputs.end(), part.inputs.begin(), slot);
  }
  std::transform(made->outputs.begin(), made->outputs.end(), made->outputs.begin(), slot);
  FusedPart first{concat.kind, concat.attributes, {}, {tape_[whole].tensor.type}};
  for (const TensorId t : concat.inputs) first.inputs.push_back(input(t));
  made->parts.insert(made->parts.begin(), std::move(first));
  Attributes attributes;
  attributes.set("parts", std::shared_ptr<const FusedParts>(std::move(made)));
  node.kind = OpKind::kFused;
  node.attributes = std::move(attributes);
  node.inputs = std::move(inputs);
  return node;
}

// A forward step with several large outputs would be a worse thing to run again.
bool PieceReader::is_gradient_by_image(const Step& step) const {
  const Node& node = step.node;
  if (step.phase != Phase::kBackward || node.kind != OpKind::kConvTranspose) return false;
  const TensorType& type = tape_[node.outputs.front()].tensor.type;
  return node.inputs.size() == 2 && !node.attributes.flag("adds") &&
         node.attributes.integer("groups", 1) == 1 && is_image(type) &&
         is_large(node.outputs.front());
}

// Of channels of the gradient; what it adds is there when a clamped norm makes that.
bool PieceReader::may_be_part(std::size_t s, std::size_t maker, TensorId whole) const {
  const Node& slice = steps_[s].node;
  if (slice.kind != OpKind::kSlice ||
      !channels_of_slice(slice.attributes, tape_[whole].tensor.type)) {
    return false;
  }
  if (slice.inputs.size() == 1) return true;
  if (steps_[maker].node.kind == OpKind::kConvTranspose) return false;
  const TensorId addend = slice.inputs.back();
  const auto made = maker_.find(addend);
  return addend != whole && made != maker_.end() && made->second < maker &&
         tape_[addend].storage == addend && tape_[slice.outputs[0]].storage == slice.outputs[0];
}

// Which output is the gradient of an image that may be dealt to its pieces.
std::optional<std::size_t> PieceReader::dealt_output(const Node& node) const {
  if (node.kind == OpKind::kConvTranspose) return 0;
  const auto norm = pieced_norm(node.attributes.parts());
  return norm ? norm->outputs[0] : std::nullopt;
}

void PieceReader::take_slices(std::size_t s) {
  Node& node = steps_[s].node;
  const auto found = dealt_output(node);
  if (!found) return;
  const std::size_t output = *found;
  const TensorId whole = node.outputs[output];
  const auto& readers = readers_[whole];
  if (is_wanted(whole) || readers.empty()) return;
  for (const std::size_t r : readers) {
    if (!may_be_part(r, s, whole)) return;
  }
  auto made = std::make_shared<FusedParts>(parts_of(tape_, node));
  const std::size_t gradient = made->outputs[output];
  std::vector<TensorId> addends;
  for (const std::size_t r : readers) {
    const Node& slice = steps_[r].node;
    if (slice.inputs.size() > 1) addends.push_back(slice.inputs.back());
  }
  // New inputs come before all slots that are made.
  const auto shift = [&](std::size_t slot) {
    return slot < made->inputs ? slot : slot + addends.size();
  };
  for (FusedPart& part : made->parts) {
    std::transform(part.inputs.begin(), part.inputs.end(), part.inputs.begin(), shift);
  }
  std::transform(made->outputs.begin(), made->outputs.end(), made->outputs.begin(), shift);
  made->outputs.erase(made->outputs.begin() + static_cast<std::ptrdiff_t>(output));
  node.outputs.erase(node.outputs.begin() + static_cast<std::ptrdiff_t>(output));
  std::size_t next = made->inputs;  // addend
  made->inputs += addends.size();
  std::size_t last = made->inputs;
  for (const FusedPart& part : made->parts) last += part.outputs.size();
  for (const std::size_t r : readers) {
    const Node& slice = steps_[r].node;
    FusedPart part{slice.kind, slice.attributes, {gradient + addends.size()}, {}};
    if (slice.inputs.size() > 1) part.inputs.push_back(next++);
    part.outputs = {tape_[slice.outputs.front()].tensor.type};
    made->parts.push_back(std::move(part));
    made->outputs.push_back(last++);
    node.outputs.push_back(slice.outputs.front());
    maker_[slice.outputs.front()] = s;
    is_gone_[r] = true;
  }
  node.inputs.insert(node.inputs.end(), addends.begin(), addends.end());
  node.kind = OpKind::kFused;
  node.attributes = {{"parts", std::shared_ptr<const FusedParts>(std::move(made))}};
}

}  // namespace

bool is_of_channels(const Tape& tape, const Node& node) {
  return node.kind == OpKind::kConcat && node.attributes.integer("axis") == 1 &&
         is_image(tape[node.outputs.front()].tensor.type);
}

std::vector<Step> read_pieces(const Tape& tape, std::vector<Step> steps,
                              const WantedTensors& wanted, Bytes least_convolved) {
  return PieceReader(tape, std::move(steps), wanted, least_convolved).run();
}

}  // namespace rockmate
