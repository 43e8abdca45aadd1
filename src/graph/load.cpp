#include "graph/load.h"

#include <algorithm>

#include "base/check.h"
#include "graph/op_table.h"

namespace rockmate {
namespace {

KernelSpec spec_of(const Tape& tape, const Node& node, const Kernel& kernel) {
  KernelSpec spec{node.name, kernel, {}, {}};
  for (const TensorId t : node.inputs) spec.inputs.push_back(tape[t].tensor.type);
  for (const TensorId t : node.outputs) spec.outputs.push_back(tape[t].tensor.type);
  return spec;
}

Kernel kernel_of(const Step& step) {
  Kernel kernel{step.node.kind, step.node.attributes, {}, {}, {}, step.origin};
  for (const TensorId t : step.node.inputs) kernel.inputs.push_back(ValueId(t.index()));
  for (const TensorId t : step.node.outputs) kernel.outputs.push_back(ValueId(t.index()));
  return kernel;
}

class Pass {
 public:
  Pass(Tape& tape, const std::vector<TensorId>& outputs, const Packings& packings)
      : tape_(tape), packings_(packings), is_constant_(tape.tensors().size()) {
    is_output_ = IdVector<TensorId, char>(tape.tensors().size());
    for (const TensorId t : outputs) is_output_[t] = 1;
  }

  ConstantPart run() && {
    steps_ = tape_.take_steps();
    find_constants();
    count_readers();
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      if (stays_[s] != 0) pack(steps_[s]);
    }
    part_constants();
    return std::move(part_);
  }

 private:
  [[nodiscard]] bool is_constant(TensorId t) const { return is_constant_[t] != 0; }
  [[nodiscard]] static bool is_view(const Step& step) { return definition(step.node.kind).is_view; }
  [[nodiscard]] bool takes_little(const Step& step) const;
  void find_constants();
  void count_readers();
  void pack(Step& step);
  void part_constants();

  Tape& tape_;
  const Packings& packings_;
  std::vector<Step> steps_;
  std::vector<char> stays_;  // by step: it runs in each iteration
  IdVector<TensorId, char> is_constant_, is_output_;
  IdVector<TensorId, int> readers_;  // by storage: inputs of steps that stay
  ConstantPart part_;
};

// What an iteration would make for a while would be kept for good.
bool Pass::takes_little(const Step& step) const {
  constexpr Bytes kLittle{1 << 16};
  Bytes in, out;
  for (const TensorId t : step.node.inputs) in += tape_[t].tensor.type.bytes();
  for (const TensorId t : step.node.outputs) out += tape_[t].tensor.type.bytes();
  return out <= std::max(in, kLittle);
}

void Pass::find_constants() {
  IdVector<TensorId, char> is_made(tape_.tensors().size());
  for (const Step& step : steps_) {
    for (const TensorId t : step.node.outputs) is_made[t] = 1;
  }
  for (std::size_t i = 0; i < is_made.size(); ++i) {
    const TensorId t(i);
    is_constant_[t] = is_made[t] == 0 && tape_[t].tensor.kind != TensorKind::kInput;
  }
  for (const Step& step : steps_) {
    const auto& [inputs, outputs] = std::tie(step.node.inputs, step.node.outputs);
    const bool is_ours =
        std::ranges::all_of(inputs, [&](TensorId t) { return is_constant(t); }) &&
        std::ranges::none_of(outputs, [&](TensorId t) { return is_output_[t] != 0; }) &&
        step.node.kind != OpKind::kDropout && definition(step.node.kind).updates.empty() &&
        (is_view(step) || takes_little(step));
    stays_.push_back(is_ours ? 0 : 1);
    for (const TensorId t : outputs) is_constant_[t] = is_ours;
  }
}

void Pass::count_readers() {
  readers_ = IdVector<TensorId, int>(tape_.tensors().size());
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    if (stays_[s] == 0) continue;
    for (const TensorId t : steps_[s].node.inputs) ++readers_[tape_[t].storage];
  }
}

// An operand that others read, too, would be there twice.
void Pass::pack(Step& step) {
  const std::vector<TensorId> inputs = step.node.inputs;
  const Kernel kernel = kernel_of(step);
  for (const Packing& packing : packings_(spec_of(tape_, step.node, kernel))) {
    const TensorId given = inputs[packing.operand];
    const bool can =
        readers_[tape_[given].storage] == 1 &&
        std::ranges::all_of(packing.reads, [&](std::size_t i) { return is_constant(inputs[i]); });
    if (!can) continue;
    TensorType type = tape_[given].tensor.type;
    type.format = MemoryFormat::kPacked;
    type.packed = packing.bytes;
    const TensorId packed = tape_.add_source(tape_[given].tensor.name + ".packed", std::move(type),
                                             ValueKind::kParameter, {});
    step.node.inputs[packing.operand] = packed;
    ConstantPart::Packed& made = part_.packed.emplace_back();
    made.tensor = packed;
    made.operand = packing.operand;
    made.from.resize(inputs.size());
    for (const std::size_t i : packing.reads) made.from[i] = inputs[i];
  }
}

// Views of sources cost nothing: each side makes its own.
void Pass::part_constants() {
  const std::size_t count = tape_.tensors().size();
  IdVector<TensorId, char> wanted(count), wanted_once(count);
  for (const auto& packed : part_.packed) {
    for (const auto& t : packed.from) {
      if (t) wanted_once[*t] = 1;
    }
  }
  std::vector<Step> stay;
  for (std::size_t s = steps_.size(); s-- > 0;) {
    Step& step = steps_[s];
    const auto is = [&](const IdVector<TensorId, char>& flags) {
      return std::ranges::any_of(step.node.outputs, [&](TensorId t) { return flags[t] != 0; });
    };
    const bool stays = stays_[s] != 0 || (is_view(step) && is(wanted));
    const bool runs_once = stays_[s] == 0 && (is(wanted_once) || (!is_view(step) && is(wanted)));
    for (const TensorId t : step.node.inputs) {
      if (stays) wanted[t] = 1;
      if (runs_once) wanted_once[t] = 1;
    }
    if (runs_once) {
      for (const TensorId t : step.node.outputs) {
        if (is_view(step) || wanted[t] == 0) continue;
        tape_.set_kind(t, ValueKind::kParameter);
        part_.kept.push_back(t);
      }
      part_.steps.push_back(step);
    }
    if (stays) stay.push_back(std::move(step));
  }
  std::ranges::reverse(part_.steps);
  std::ranges::reverse(part_.kept);
  std::ranges::reverse(stay);
  tape_.set_steps(std::move(stay));
}

// Numbers the tensors of a load.
class LoadWriter {
 public:
  LoadWriter(const Tape& tape, const IdVector<TensorId, std::optional<ValueId>>& value)
      : tape_(tape), value_(value), own_(tape.tensors().size()) {}

  Load write(const ConstantPart& part, const std::vector<TensorId>& sources,
             const TrainingModel& model) &&;

 private:
  ValueId own(TensorId t) {
    if (!own_[t]) {
      own_[t] = ValueId(load_.types.size());
      load_.types.push_back(tape_[t].tensor.type);
      load_.names.push_back(tape_[t].tensor.name);
      load_.kinds.push_back(tape_[t].kind);
    }
    return *own_[t];
  }
  void add_kernel(const Step& step);
  void add_packed(const ConstantPart::Packed& packed, const TrainingModel& model);

  const Tape& tape_;
  const IdVector<TensorId, std::optional<ValueId>>& value_;
  IdVector<TensorId, std::optional<ValueId>> own_;
  Load load_;
};

void LoadWriter::add_kernel(const Step& step) {
  Kernel& kernel = load_.kernels.emplace_back();
  kernel.kind = step.node.kind;
  kernel.attributes = step.node.attributes;
  kernel.node = step.origin;
  for (const TensorId t : step.node.inputs) kernel.inputs.push_back(own(t));
  for (const TensorId t : step.node.outputs) kernel.outputs.push_back(own(t));
}

void LoadWriter::add_packed(const ConstantPart::Packed& packed, const TrainingModel& model) {
  Load::Made& made = load_.made.emplace_back();
  made.source = *value_[packed.tensor];
  made.packed_for = model.graph[made.source].readers.front();
  made.operand = packed.operand;
  for (const auto& t : packed.from) {
    made.from.push_back(t ? std::optional(own(*t)) : std::nullopt);
  }
}

Load LoadWriter::write(const ConstantPart& part, const std::vector<TensorId>& sources,
                       const TrainingModel& model) && {
  for (const Step& step : part.steps) add_kernel(step);
  for (const TensorId t : part.kept) load_.made.push_back({*value_[t], {own(t)}});
  for (const auto& packed : part.packed) add_packed(packed, model);
  for (std::size_t position = 0; position < sources.size(); ++position) {
    const TensorId t = sources[position];
    if (!own_[t]) continue;
    const Tensor& tensor = tape_[t].tensor;
    load_.sources.push_back({.value = *own_[t],
                             .is_given = false,
                             .fill = tensor.fill,
                             .data = tensor.data,
                             .position = position});
  }
  return std::move(load_);
}

}  // namespace

ConstantPart take_constants(Tape& tape, const std::vector<TensorId>& outputs,
                            const Packings& packings) {
  return Pass(tape, outputs, packings).run();
}

std::shared_ptr<const Load> make_load(const Tape& tape, const ConstantPart& part,
                                      const std::vector<TensorId>& sources,
                                      const IdVector<TensorId, std::optional<ValueId>>& value,
                                      const TrainingModel& model) {
  if (part.kept.empty() && part.packed.empty()) return nullptr;
  return std::make_shared<const Load>(LoadWriter(tape, value).write(part, sources, model));
}

}  // namespace rockmate
