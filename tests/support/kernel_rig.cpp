#include "support/kernel_rig.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/op_table.h"

namespace rockmate::testing {
namespace {

constexpr std::size_t kUnit = 64;
constexpr std::size_t kGuard = 4 * kUnit;

// Memory in which buffers are placed one behind the other, with canaries between them.
class GuardedMemory {
 public:
  explicit GuardedMemory(std::byte canary) : canary_(canary) {}
  std::size_t place(std::size_t bytes) {
    const std::size_t at = size_ + kGuard;
    buffers_.push_back({at, bytes});
    size_ = at + (bytes + kUnit - 1) / kUnit * kUnit;
    return at;
  }
  void allocate(const Engine& engine, std::size_t shift) {
    const std::size_t size = size_ + kGuard + (shift + 1) * kUnit;
    memory_ = engine.memory(aligned(Bytes(static_cast<std::int64_t>(size))));
    if (memory_ == nullptr) host_.resize(size);
    bytes_ = memory_ == nullptr ? std::span(host_) : memory_->bytes();
    std::fill(bytes_.begin(), bytes_.end(), canary_);
    const auto address = reinterpret_cast<std::uintptr_t>(bytes_.data());
    origin_ = bytes_.data() + (kUnit - address % kUnit) % kUnit + shift * kUnit;
  }
  [[nodiscard]] std::byte* at(std::size_t place) { return origin_ + place; }
  [[nodiscard]] bool canaries_live() const {
    const auto lives = [&](std::byte b) { return b == canary_; };
    const std::byte* next = bytes_.data();
    for (const Buffer& buffer : buffers_) {
      const std::byte* begin = origin_ + buffer.at;
      if (!std::all_of(next, begin, lives)) return false;
      next = begin + buffer.bytes;
    }
    const std::byte* end = bytes_.data() + bytes_.size();
    return std::all_of(next, end, lives);
  }

 private:
  struct Buffer {
    std::size_t at, bytes;
  };
  std::byte canary_;
  std::vector<Buffer> buffers_;
  std::unique_ptr<Memory> memory_;  // of the engine, or null
  std::vector<std::byte> host_;
  std::span<std::byte> bytes_;
  std::byte* origin_ = nullptr;
  std::size_t size_ = 0;
};

std::size_t size_of(const TensorType& type) {
  return static_cast<std::size_t>(type.bytes().count());
}

bool has(const auto& list, const auto& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

KernelRig::KernelRig(const Engine& engine, const TrainingModel& model, OpId op,
                     std::vector<Bits> inputs)
    : engine_(engine),
      spec_(kernel_spec(model, op)),
      model_(model),
      inputs_(std::move(inputs)),
      workspace_(engine.workspace(spec_)),
      kernel_(engine.prepare(spec_)) {}

RunResult KernelRig::run(const RunOptions& options) {
  const Kernel& kernel = spec_.kernel;
  GuardedMemory memory(options.canary);
  std::vector<std::size_t> in(inputs_.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const auto first = std::find(kernel.inputs.begin(), kernel.inputs.end(), kernel.inputs[i]);
    const auto same = static_cast<std::size_t>(first - kernel.inputs.begin());
    in[i] = same < i ? in[same] : memory.place(inputs_[i].size());
  }
  std::vector<std::size_t> out(spec_.outputs.size());
  const auto lies_on = [&](std::size_t o) {
    return options.in_place.empty() ? RunOptions::kNowhere : options.in_place[o];
  };
  for (std::size_t o = 0; o < out.size(); ++o) {
    out[o] = lies_on(o) != RunOptions::kNowhere ? in[lies_on(o)]
                                                : memory.place(size_of(spec_.outputs[o]));
  }
  const auto workspace_bytes = static_cast<std::size_t>(workspace_.count());
  const std::size_t workspace = memory.place(workspace_bytes);
  memory.allocate(engine_, options.shift);

  std::vector<TensorRef> input_refs, output_refs;
  std::fill_n(memory.at(workspace), workspace_bytes, options.garbage);
  for (std::size_t o = 0; o < out.size(); ++o) {
    const bool skips = has(options.skipped, o);
    std::fill_n(memory.at(out[o]), size_of(spec_.outputs[o]), options.garbage);
    output_refs.push_back({skips ? nullptr : memory.at(out[o]), &spec_.outputs[o]});
  }
  for (std::size_t i = 0; i < in.size(); ++i) {
    std::copy(inputs_[i].begin(), inputs_[i].end(), memory.at(in[i]));
    input_refs.push_back({memory.at(in[i]), &spec_.inputs[i]});
  }
  kernel_->run({input_refs, output_refs, {memory.at(workspace), workspace_bytes}, kSeed, kStep});

  RunResult result;
  if (!memory.canaries_live()) result.complaint = "writes outside its buffers";
  for (std::size_t o = 0; o < out.size(); ++o) {
    const std::byte* begin = memory.at(out[o]);
    const std::size_t size = has(options.skipped, o) ? 0 : size_of(spec_.outputs[o]);
    result.outputs.emplace_back(begin, begin + size);
  }
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::byte* begin = memory.at(in[i]);
    result.inputs.emplace_back(begin, begin + inputs_[i].size());
    const bool may_change = has(kernel.updates, kernel.inputs[i]) || has(out, in[i]);
    if (!may_change && result.inputs[i] != inputs_[i]) {
      result.complaint = fmt::format("writes input {}", i);
    }
  }
  return result;
}

std::vector<std::vector<std::size_t>> in_place_choices(const TrainingModel& model, OpId op) {
  const KernelSpec spec = kernel_spec(model, op);
  OpView view{spec.op, spec.kernel.kind, spec.kernel.attributes, {}};
  for (const TensorType& type : spec.inputs) view.inputs.push_back(&type);
  std::vector<std::vector<std::size_t>> choices;
  for (const MayOverwrite& pair : in_place_pairs(view, spec.outputs)) {
    choices.emplace_back(spec.outputs.size(), RunOptions::kNowhere);
    choices.back()[pair.output] = pair.input;
  }
  return choices;
}

}  // namespace rockmate::testing
