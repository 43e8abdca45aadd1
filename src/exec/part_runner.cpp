#include "exec/part_runner.h"

#include <algorithm>

#include "base/check.h"
#include "exec/slice_runner.h"
#include "graph/fused_layout.h"

namespace rockmate {
namespace {

// The part as a kernel whose values are slots, and what an engine wants to know of it.
Kernel kernel_of(const FusedPart& part) {
  Kernel kernel{part.kind, part.attributes, {}, {}, {}, std::nullopt};
  for (const std::size_t slot : part.inputs) kernel.inputs.push_back(ValueId(slot));
  return kernel;
}

KernelSpec spec_of(const KernelSpec& whole, const FusedPart& part, const Kernel& kernel,
                   const std::vector<FusedSlot>& slots) {
  KernelSpec spec{whole.op, kernel, {}, part.outputs};
  for (const std::size_t slot : part.inputs) spec.inputs.push_back(*slots[slot].type);
  return spec;
}

class PartRunner : public PreparedKernel {
 public:
  PartRunner(const KernelSpec& spec, const Engine& engine,
             const std::vector<MayOverwrite>& promised);
  void run(const Invocation& call) override;

 private:
  struct Part {
    Kernel kernel;
    std::unique_ptr<PreparedKernel> prepared;
    std::vector<std::size_t> outputs;  // slots
    std::size_t workspace;             // bytes
    std::vector<TensorRef> in, out;    // of the run
  };
  void place_slots(const Invocation& call);

  std::vector<TensorType> inputs_;
  std::shared_ptr<const FusedParts> parts_;
  FusedLayout layout_;
  std::vector<Part> runs_;
  std::vector<TensorRef> slots_;  // of the run
};

PartRunner::PartRunner(const KernelSpec& spec, const Engine& engine,
                       const std::vector<MayOverwrite>& promised)
    : inputs_(spec.inputs),
      parts_(spec.kernel.attributes.shared_parts()),
      layout_(*parts_, pointers(inputs_), promised),
      slots_(layout_.slots().size()) {
  std::size_t next = parts_->inputs;
  runs_.reserve(parts_->parts.size());  // prepared kernels keep the addresses of kernels
  for (const FusedPart& part : parts_->parts) {
    Part& run = runs_.emplace_back();
    for (std::size_t o = 0; o < part.outputs.size(); ++o) run.outputs.push_back(next++);
    run.kernel = kernel_of(part);
    for (const std::size_t slot : run.outputs) run.kernel.outputs.push_back(ValueId(slot));
    const KernelSpec own = spec_of(spec, part, run.kernel, layout_.slots());
    run.workspace = static_cast<std::size_t>(engine.workspace(own).count());
    run.prepared = engine.prepare(own);
    run.in.resize(part.inputs.size());
    run.out.resize(part.outputs.size());
  }
}

void PartRunner::place_slots(const Invocation& call) {
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    const FusedPlace& place = layout_.places()[s];
    const FusedSlot& slot = layout_.slots()[s];
    slots_[s] = {nullptr, slot.type};
    if (place.in == FusedPlace::In::kInput) {
      slots_[s].data = call.inputs[place.index].data;
    } else if (place.in == FusedPlace::In::kOutput) {
      slots_[s].data = call.outputs[place.index].data;
    }
    const bool is_left_out = place.in == FusedPlace::In::kOutput && slots_[s].data == nullptr;
    if (place.in == FusedPlace::In::kWorkspace || (is_left_out && slot.last)) {
      slots_[s].data = call.workspace.data() + place.offset.count();
    }
  }
}

void PartRunner::run(const Invocation& call) {
  place_slots(call);
  const auto behind = call.workspace.subspan(static_cast<std::size_t>(layout_.workspace().count()));
  for (std::size_t p = 0; p < runs_.size(); ++p) {
    Part& part = runs_[p];
    const auto& operands = parts_->parts[p].inputs;
    for (std::size_t i = 0; i < operands.size(); ++i) part.in[i] = slots_[operands[i]];
    for (std::size_t o = 0; o < part.outputs.size(); ++o) part.out[o] = slots_[part.outputs[o]];
    part.prepared->run({part.in, part.out, behind.first(part.workspace), call.seed, call.step});
  }
}

std::size_t readers_of(const FusedParts& parts, std::size_t slot) {
  std::size_t readers = 0;
  for (const FusedPart& part : parts.parts) {
    readers += static_cast<std::size_t>(std::ranges::count(part.inputs, slot));
  }
  return readers;
}

// The packing of a part's operand as one of the whole; none where it takes what parts make.
std::optional<Packing> of_whole(const FusedParts& parts, const FusedPart& part, Packing packing) {
  packing.operand = part.inputs[packing.operand];
  for (std::size_t& input : packing.reads) {
    input = part.inputs[input];
    if (input >= parts.inputs) return std::nullopt;
  }
  if (readers_of(parts, packing.operand) != 1) return std::nullopt;
  return packing;
}

// Packs with the inputs of the whole.
class PartPacker : public PreparedKernel {
 public:
  PartPacker(const KernelSpec& whole, const FusedPart& part, const std::vector<FusedSlot>& slots,
             std::size_t operand, const Engine& engine)
      : slots_(part.inputs), kernel_(kernel_of(part)) {
    const KernelSpec spec = spec_of(whole, part, kernel_, slots);
    types_ = spec.inputs;
    const auto at = std::ranges::find(slots_, operand) - slots_.begin();
    packer_ = engine.packer(spec, static_cast<std::size_t>(at));
  }
  [[nodiscard]] Bytes workspace() const { return packer_.workspace; }
  void run(const Invocation& call) override {
    std::vector<TensorRef> inputs;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const bool is_given = slots_[i] < call.inputs.size();
      inputs.push_back(is_given ? call.inputs[slots_[i]] : TensorRef{nullptr, &types_[i]});
    }
    packer_.kernel->run({inputs, call.outputs, call.workspace, call.seed, call.step});
  }

 private:
  std::vector<std::size_t> slots_;
  Kernel kernel_;
  std::vector<TensorType> types_;
  Packer packer_;
};

}  // namespace

std::vector<const TensorType*> pointers(const std::vector<TensorType>& types) {
  std::vector<const TensorType*> list;
  for (const TensorType& type : types) list.push_back(&type);
  return list;
}

std::vector<Packing> parts_packings(const KernelSpec& spec, const Engine& engine) {
  if (is_sliced(spec.kernel.attributes)) return parts_packings(SliceKernel(spec).spec(), engine);
  const FusedParts& parts = spec.kernel.attributes.parts();
  const FusedLayout layout(parts, pointers(spec.inputs));
  std::vector<Packing> found;
  for (const FusedPart& part : parts.parts) {
    const Kernel kernel = kernel_of(part);
    for (Packing& packing : engine.packings(spec_of(spec, part, kernel, layout.slots()))) {
      if (auto own = of_whole(parts, part, std::move(packing))) found.push_back(*std::move(own));
    }
  }
  return found;
}

Packer parts_packer(const KernelSpec& spec, std::size_t operand, const Engine& engine) {
  if (is_sliced(spec.kernel.attributes)) {
    return parts_packer(SliceKernel(spec).spec(), operand, engine);
  }
  const FusedParts& parts = spec.kernel.attributes.parts();
  const FusedLayout layout(parts, pointers(spec.inputs));
  const auto part = std::ranges::find_if(parts.parts, [&](const FusedPart& each) {
    return std::ranges::find(each.inputs, operand) != each.inputs.end();
  });
  ROCKMATE_CHECK(part != parts.parts.end());
  auto packer = std::make_unique<PartPacker>(spec, *part, layout.slots(), operand, engine);
  const Bytes workspace = packer->workspace();
  return {std::move(packer), workspace};
}

Bytes parts_workspace(const KernelSpec& spec, const Engine& engine,
                      const std::vector<MayOverwrite>& promised) {
  if (is_sliced(spec.kernel.attributes)) return parts_workspace(SliceKernel(spec).spec(), engine);
  const FusedParts& parts = spec.kernel.attributes.parts();
  const FusedLayout layout(parts, pointers(spec.inputs), promised);
  Bytes most;
  for (const FusedPart& part : parts.parts) {
    const Kernel kernel = kernel_of(part);
    most = std::max(most, engine.workspace(spec_of(spec, part, kernel, layout.slots())));
  }
  return layout.workspace() + most;
}

std::vector<MayOverwrite> promised_places(const KernelSpec& spec) {
  OpView view{spec.op, spec.kernel.kind, spec.kernel.attributes, pointers(spec.inputs)};
  return in_place_pairs(view, spec.outputs);
}

std::unique_ptr<PreparedKernel> prepare_parts(const KernelSpec& spec, const Engine& engine,
                                              const std::vector<MayOverwrite>& promised) {
  ROCKMATE_CHECK(spec.kernel.kind == OpKind::kFused);
  if (is_sliced(spec.kernel.attributes)) return prepare_slices(spec, engine);
  return std::make_unique<PartRunner>(spec, engine, promised);
}

}  // namespace rockmate
