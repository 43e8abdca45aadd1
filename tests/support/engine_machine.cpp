#include "support/engine_machine.h"

#include "support/interpreter_engine.h"

namespace rockmate::testing {
namespace {

constexpr std::size_t kUnit = 64;

std::size_t padded(const TensorType& type) {
  return static_cast<std::size_t>(type.bytes().count()) + kUnit;
}

const std::byte* aligned(const std::vector<std::byte>& memory) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  return memory.data() + (kUnit - address % kUnit) % kUnit;
}

std::byte* aligned(std::vector<std::byte>& memory) {
  return const_cast<std::byte*>(aligned(std::as_const(memory)));
}

void widen(TensorType& type) {
  if (type.dtype == DType::kFloat32) type.dtype = DType::kFloat64;
}

void widen(Attributes& attributes) {
  const Attribute single = std::string(to_string(DType::kFloat32));
  const Attribute* dtype = attributes.find("dtype");
  if (dtype == nullptr || *dtype != single) return;
  attributes.set("dtype", std::string(to_string(DType::kFloat64)));
}

}  // namespace

EngineMachine::EngineMachine(const TrainingModel& model, const Engine& engine)
    : model_(model), engine_(engine), memory_(model.types.size()) {
  const Interpreter sources(model);
  for (std::size_t v = 0; v < memory_.size(); ++v) {
    memory_[ValueId(v)].resize(padded(model.types[ValueId(v)]));
  }
  for (const Source& source : model.sources) set(source.value, sources[source.value].data);
}

void EngineMachine::set(ValueId source, const std::vector<double>& data) {
  from_doubles(data, model_.types[source], aligned(memory_[source]));
}

void EngineMachine::run(const Schedule& schedule) {
  for (const Action& action : schedule) {
    if (const auto* run = std::get_if<Compute>(&action)) compute(run->op);
  }
  ++step_;
}

void EngineMachine::run_losses() {
  for (std::size_t o = 0; o < model_.kernels.size(); ++o) {
    const Phase phase = model_.graph[OpId(o)].phase;
    if (phase == Phase::kForward || phase == Phase::kLoss) compute(OpId(o));
  }
}

Array EngineMachine::operator[](ValueId value) const {
  const TensorType& type = model_.types[value];
  return {type.shape, to_doubles(type, aligned(memory_[value]))};
}

double EngineMachine::total_loss() const {
  double total = 0;
  for (const WeightedLoss& loss : model_.losses) {
    total += loss.weight * (*this)[loss.value].data.front();
  }
  return total;
}

void EngineMachine::compute(OpId op) {
  const KernelSpec spec = kernel_spec(model_, op);
  std::vector<TensorRef> inputs, outputs;
  for (const ValueId v : spec.kernel.inputs) {
    inputs.push_back({aligned(memory_[v]), &model_.types[v]});
  }
  for (const ValueId v : spec.kernel.outputs) {
    outputs.push_back({aligned(memory_[v]), &model_.types[v]});
  }
  const auto bytes = static_cast<std::size_t>(engine_.workspace(spec).count());
  std::vector<std::byte> workspace(bytes + kUnit);
  engine_.prepare(spec)->run({inputs, outputs, {aligned(workspace), bytes}, 0, step_});
}

TrainingModel in_float64(TrainingModel model) {
  for (TensorType& type : model.types) widen(type);
  for (Kernel& kernel : model.kernels) {
    widen(kernel.attributes);
    if (kernel.kind != OpKind::kFused) continue;
    auto parts = std::make_shared<FusedParts>(kernel.attributes.parts());
    for (FusedPart& part : parts->parts) {
      widen(part.attributes);
      for (TensorType& type : part.outputs) widen(type);
    }
    kernel.attributes.set("parts", std::shared_ptr<const FusedParts>(std::move(parts)));
  }
  return model;
}

TrainingModel in_channels_last(TrainingModel model) {
  for (TensorType& type : model.types) {
    if (type.shape.size() == 4) type.format = MemoryFormat::kChannelsLast;
  }
  const auto stays = [&](ValueId v) { model.types[v].format = MemoryFormat::kRowMajor; };
  for (const Kernel& kernel : model.kernels) {
    const bool convolves = kernel.kind == OpKind::kConv || kernel.kind == OpKind::kConvTranspose;
    if (convolves) stays(kernel.inputs[1]);
    if (kernel.kind == OpKind::kConvWeightGradient) stays(kernel.outputs[0]);
    if (kernel.kind != OpKind::kReshape) continue;
    stays(kernel.inputs[0]);
    stays(kernel.outputs[0]);
  }
  return model;
}

}  // namespace rockmate::testing
