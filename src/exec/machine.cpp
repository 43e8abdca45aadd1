#include "exec/machine.h"

#include <fmt/format.h>

#include <chrono>

#include "base/check.h"
#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate {

Machine::Machine(const TrainingModel& model, Program program, const Engine& engine, bool guarded)
    : model_(model), program_(std::move(program)) {
  if (auto memory = engine.memory(program_.bytes)) {
    arena_.emplace(std::move(memory));
  } else {
    arena_.emplace(program_.bytes);
  }
  memory_ = arena_->bytes();
  prepare(engine);
  if (guarded) guard_.emplace(model_, program_, memory_);
}

Machine::Machine(const TrainingModel& model, Program program, const Engine& engine,
                 const Machine& other)
    : model_(model), program_(std::move(program)), memory_(other.memory_) {
  ROCKMATE_CHECK(program_.bytes <= other.program_.bytes);
  prepare(engine);
}

void Machine::prepare(const Engine& engine) {
  for (std::size_t o = 0; o < model_.graph.ops().size(); ++o) kernels_.push_back(nullptr);
  calls_.reserve(program_.steps.size());
  for (ProgramStep& step : program_.steps) calls_.push_back(call_of(step, engine));
}

std::span<std::byte> Machine::at(const Place& place) const {
  return memory_.subspan(static_cast<std::size_t>(place.offset.count()),
                         static_cast<std::size_t>(place.bytes.count()));
}

Machine::Call Machine::call_of(ProgramStep& step, const Engine& engine) {
  if (step.is_view) return {};
  const KernelSpec spec = kernel_spec(model_, step.op);
  const Bytes needed = engine.workspace(spec);
  if (needed > step.workspace.bytes) {
    throw InvalidInput(
        fmt::format("plan for '{}': action {}: op '{}' has {} bytes of workspace, engine '{}' "
                    "needs {}; plan for that engine",
                    shown(model_.graph.name()), step.action, shown(spec.op),
                    step.workspace.bytes.count(), engine.name(), needed.count()));
  }
  step.workspace.bytes = needed;
  if (kernels_[step.op] == nullptr) kernels_[step.op] = engine.prepare(spec);
  Call call{kernels_[step.op].get(), {}, {}, at(step.workspace)};
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    call.inputs.push_back({at(step.inputs[i]).data(), &model_.types[spec.kernel.inputs[i]]});
  }
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    std::byte* const data = step.outputs[i] ? at(*step.outputs[i]).data() : nullptr;
    call.outputs.push_back({data, &model_.types[spec.kernel.outputs[i]]});
  }
  return call;
}

void Machine::time_ops() {
  for (std::size_t s = 0; s < calls_.size(); ++s) {
    if (calls_[s].kernel != nullptr) op_times_.push_back({program_.steps[s].op, Seconds()});
  }
}

void Machine::run(std::uint64_t seed, std::uint64_t step, double rate, const Observer& observer) {
  using Clock = std::chrono::steady_clock;
  auto time = op_times_.begin();
  for (std::size_t s = 0; s < calls_.size(); ++s) {
    const Call& call = calls_[s];
    if (call.kernel != nullptr) {
      const auto kernel = [&] {
        call.kernel->run({call.inputs, call.outputs, call.workspace, seed, step, rate});
      };
      const auto start = op_times_.empty() ? Clock::time_point() : Clock::now();
      guard_ ? guard_->run(program_.steps[s], kernel) : kernel();
      if (!op_times_.empty()) {
        const std::chrono::duration<double> taken = Clock::now() - start;
        (time++)->seconds = Seconds(taken.count());
      }
    }
    if (observer) observe(program_.steps[s], observer);
  }
}

void Machine::observe(const ProgramStep& step, const Observer& observer) const {
  const Kernel& kernel = model_.kernels[step.op];
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    if (step.outputs[i]) observer({step.op, kernel.outputs[i], at(*step.outputs[i])});
  }
  for (std::size_t i = 0; i < step.updates.size(); ++i) {
    observer({step.op, kernel.updates[i], at(step.updates[i])});
  }
}

}  // namespace rockmate
