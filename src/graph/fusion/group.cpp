#include "graph/fusion/group.h"

#include <algorithm>
#include <set>

#include "graph/fused_layout.h"
#include "graph/fusion/banded_convolutions.h"
#include "graph/fusion/dealt_pieces.h"
#include "graph/fusion/pieced_image.h"
#include "graph/fusion/pieced_norm.h"
#include "graph/sliced_parts.h"
#include "rockmate/training_model.h"

namespace rockmate {
namespace {

bool has(const auto& list, const auto& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// Bytes of what lives only while a step runs. Bands of rows and chunks of pixels are negligible.
Bytes workspace_of(const Tape& tape, const Node& node) {
  if (node.kind != OpKind::kFused) return {};
  const std::vector<const TensorType*> inputs = view_of(tape, node).inputs;
  if (is_sliced(node.attributes)) {
    const BatchSlice slice(node.attributes, inputs);
    return FusedLayout(*slice.parts, slice.input_types()).workspace();
  }
  const FusedParts& parts = node.attributes.parts();
  const bool is_streamed = banded_convolutions(parts, inputs) || pieced_norm(parts) ||
                           pieced_image(parts, inputs) || dealt_pieces(parts, inputs);
  return is_streamed ? Bytes() : FusedLayout(parts, inputs).workspace();
}

// Bytes of outputs that can lie on inputs of which `dies`.
template <class Dies>
Bytes shared_bytes(const Tape& tape, const Node& node, const Dies& dies) {
  Bytes bytes;
  std::set<TensorId> written, taken;
  for (const MayOverwrite& pair : in_place_pairs(view_of(tape, node), output_types(tape, node))) {
    const TensorId output = node.outputs[pair.output];
    const TensorId storage = tape[node.inputs[pair.input]].storage;
    if (written.contains(output) || taken.contains(storage) || !dies(storage)) continue;
    written.insert(output);
    taken.insert(storage);
    bytes += aligned(tape[output].tensor.type.bytes());
  }
  return bytes;
}

// Follows what lives through a row of steps.
class Live {
 public:
  explicit Live(bool in_place = false) : in_place_(in_place) {}

  // `is_read(t)`: an optional output that nobody reads is not made. `last(storage)`: as TapeUse.
  template <class IsRead, class Last>
  void run(const Tape& tape, const Node& node, std::size_t now, const IsRead& is_read,
           const Last& last) {
    const auto optional = optional_outputs(node.kind, node.attributes);
    const auto bytes = [&](TensorId t) { return aligned(tape[t].tensor.type.bytes()); };
    std::set<TensorId> touched;
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      const TensorId t = node.outputs[o];
      if (tape[t].storage != t || (has(optional, o) && !is_read(t))) continue;
      live_ += bytes(t);
      touched.insert(t);
    }
    Bytes now_live = live_ + workspace_of(tape, node);
    if (in_place_) {
      now_live -= shared_bytes(tape, node, [&](TensorId storage) { return last(storage) == now; });
    }
    if (now_live > peak_ || !has_run_) {
      peak_ = now_live;
      at_ = now;
      has_run_ = true;
    }
    for (const TensorId t : node.inputs) touched.insert(tape[t].storage);
    for (const TensorId t : node.outputs) {
      if (tape[t].storage != t) touched.insert(tape[t].storage);
    }
    for (const TensorId storage : touched) {
      if (last(storage) == now) live_ -= bytes(storage);
    }
  }
  [[nodiscard]] Bytes peak() const { return peak_; }
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  bool in_place_;
  Bytes live_, peak_;
  std::size_t at_ = 0;
  bool has_run_ = false;
};

// Tensors that the members read and do not make, and those that they make and others read.
struct Border {
  std::vector<TensorId> inputs, outputs;
};

Border border_of(const TapeUse& use, const Members& members) {
  Border border;
  std::vector<TensorId> made;
  for (const std::size_t m : members) {
    const Node& node = use.step(m).node;
    for (const TensorId t : node.inputs) {
      if (!has(made, t) && !has(border.inputs, t)) border.inputs.push_back(t);
    }
    for (const TensorId t : node.outputs) {
      made.push_back(t);
      if (is_read_outside(use, members, t)) border.outputs.push_back(t);
    }
  }
  return border;
}

std::size_t position(const std::vector<TensorId>& list, TensorId t) {
  return static_cast<std::size_t>(std::find(list.begin(), list.end(), t) - list.begin());
}

// Only forward ops run again, and only a second run has a reason to leave an output out: what
// nobody reads is no output here.
bool may_be_left_out(const TapeUse& use, TensorId t, Phase phase) {
  const Node& maker = use.step(*use.maker(t)).node;
  return phase == Phase::kForward &&
         has(optional_outputs(maker.kind, maker.attributes), position(maker.outputs, t));
}

}  // namespace

OpView view_of(const Tape& tape, const Node& node) {
  OpView view{node.name, node.kind, node.attributes, {}};
  for (const TensorId t : node.inputs) view.inputs.push_back(&tape[t].tensor.type);
  return view;
}

Types output_types(const Tape& tape, const Node& node) {
  Types outputs;
  for (const TensorId t : node.outputs) outputs.push_back(tape[t].tensor.type);
  return outputs;
}

TapeUse::TapeUse(const Tape& tape, const WantedTensors& wanted)
    : tape_(&tape),
      maker_(tape.tensors().size()),
      readers_(tape.tensors().size()),
      touches_(tape.tensors().size()),
      update_(tape.tensors().size()),
      wanted_(tape.tensors().size()),
      to_the_end_(tape.tensors().size()) {
  const auto note = [](std::vector<std::size_t>& list, std::size_t s) {
    if (list.empty() || list.back() != s) list.push_back(s);
  };
  for (std::size_t s = 0; s < tape.steps().size(); ++s) {
    const Node& node = tape.steps()[s].node;
    for (const TensorId t : node.inputs) {
      note(readers_[t], s);
      note(touches_[tape[t].storage], s);
    }
    for (const TensorId t : node.outputs) {
      maker_[t] = s;
      note(touches_[tape[t].storage], s);
    }
    for (const std::size_t i : definition(node.kind).updates) {
      auto& update = update_[tape[node.inputs[i]].storage];
      if (!update) update = s;
    }
  }
  for (const TensorId t : wanted.visible) wanted_[t] = 1;
  for (const TensorId t : wanted.results) {
    wanted_[t] = 1;
    to_the_end_[tape[t].storage] = 1;
  }
  for (std::size_t t = 0; t < maker_.size(); ++t) {
    if (!maker_[tape[TensorId(t)].storage]) to_the_end_[TensorId(t)] = 1;
  }
}

Bytes TapeUse::bytes(TensorId t) const { return (*tape_)[t].tensor.type.bytes(); }

bool is_read_outside(const TapeUse& use, const Members& members, TensorId t) {
  const auto& readers = use.readers(t);
  return use.is_wanted(t) || std::any_of(readers.begin(), readers.end(),
                                         [&](std::size_t s) { return !has(members, s); });
}

Step fused_step(const TapeUse& use, const Members& members) {
  const Border border = border_of(use, members);
  const Step& last = use.step(members.back());
  auto parts = std::make_shared<FusedParts>();
  parts->inputs = border.inputs.size();
  std::vector<TensorId> slots = border.inputs;
  for (const std::size_t m : members) {
    const Node& node = use.step(m).node;
    FusedPart& part = parts->parts.emplace_back();
    part.kind = node.kind;
    part.attributes = node.attributes;
    for (const TensorId t : node.inputs) part.inputs.push_back(position(slots, t));
    for (const TensorId t : node.outputs) part.outputs.push_back(use.tape()[t].tensor.type);
    slots.insert(slots.end(), node.outputs.begin(), node.outputs.end());
  }
  for (std::size_t o = 0; o < border.outputs.size(); ++o) {
    parts->outputs.push_back(position(slots, border.outputs[o]));
    if (may_be_left_out(use, border.outputs[o], last.phase)) parts->optional.push_back(o);
  }
  Attributes attributes;
  attributes.set("parts", std::shared_ptr<const FusedParts>(std::move(parts)));
  return {{last.node.name, OpKind::kFused, std::move(attributes), border.inputs, border.outputs},
          last.phase,
          last.origin};
}

WindowPeaks window_peaks(const TapeUse& use, const Members& members, std::size_t place) {
  const Step fused = fused_step(use, members);
  const std::size_t never = use.tape().steps().size();
  const auto is_read = [&](TensorId t) { return use.is_wanted(t) || !use.readers(t).empty(); };
  const auto last = [&](TensorId t) {
    return use.lives_to_the_end(t) ? never : use.touches(t).back();
  };
  std::set<TensorId> moved;  // storages that the fused step touches
  for (const TensorId t : fused.node.inputs) moved.insert(use.tape()[t].storage);
  for (const TensorId t : fused.node.outputs) moved.insert(use.tape()[t].storage);
  const auto last_if_fused = [&](TensorId t) {
    if (!moved.contains(t) || use.lives_to_the_end(t)) return last(t);
    const auto& touches = use.touches(t);
    const auto outside = std::find_if(touches.rbegin(), touches.rend(),
                                      [&](std::size_t s) { return !has(members, s); });
    return outside == touches.rend() ? place : std::max(place, *outside);
  };
  Live single, together;
  for (std::size_t s = members.front(); s <= members.back(); ++s) {
    const Node& node = use.step(s).node;
    single.run(use.tape(), node, s, is_read, last);
    if (s == place) {
      together.run(use.tape(), fused.node, s, is_read, last_if_fused);
    } else if (!has(members, s)) {
      together.run(use.tape(), node, s, is_read, last_if_fused);
    }
  }
  return {single.peak(), together.peak()};
}

TapePeak tape_peak(const Tape& tape, const std::vector<Step>& steps, const WantedTensors& wanted,
                   bool in_place) {
  IdVector<TensorId, std::size_t> last(tape.tensors().size());
  IdVector<TensorId, char> is_read(tape.tensors().size()), is_made(tape.tensors().size());
  for (std::size_t s = 0; s < steps.size(); ++s) {
    for (const TensorId t : steps[s].node.inputs) {
      last[tape[t].storage] = s;
      is_read[t] = 1;
    }
    for (const TensorId t : steps[s].node.outputs) {
      last[tape[t].storage] = s;
      is_made[t] = 1;
    }
  }
  for (const TensorId t : wanted.visible) is_read[t] = 1;
  for (const TensorId t : wanted.results) {
    last[tape[t].storage] = steps.size();
    is_read[t] = 1;
  }
  for (std::size_t t = 0; t < last.size(); ++t) {
    if (is_made[TensorId(t)] == 0) last[TensorId(t)] = steps.size();
  }
  Live live(in_place);
  for (std::size_t s = 0; s < steps.size(); ++s) {
    live.run(
        tape, steps[s].node, s, [&](TensorId t) { return is_read[t] != 0; },
        [&](TensorId t) { return last[t]; });
  }
  return {live.peak(), live.at()};
}

}  // namespace rockmate
