#include "cli/trainer.h"

#include <algorithm>
#include <vector>

namespace rockmate::cli {

Trainer::Trainer(const TrainingModel& model, const Plan& plan, const ExecutorOptions& options,
                 bool records)
    : Trainer(model, plan, make_engine(options.engine, options.threads), options, records) {}

Trainer::Trainer(const TrainingModel& model, const Plan& plan, std::unique_ptr<Engine> engine,
                 const ExecutorOptions& options, bool records)
    : model_(model),
      device_(linked_device(*engine)),
      executor_(model, plan, std::move(engine), options),
      is_gradient_(model.types.size()) {
  for (const TrainedParameter& trained : model.trained) is_gradient_[trained.gradient] = 1;
  if (records) gradients_ = std::make_unique<GradientRecorder>(model);
  if (!records && device_ == nullptr) return;
  executor_.observe([this](const Observation& seen) {
    if (gradients_) gradients_->record(seen);
    if (!is_transparent_ || is_gradient_[seen.value] == 0) return;
    std::vector<std::byte> host(seen.bytes.size());
    device_->copy_up(host, seen.bytes);
  });
}

StepReport Trainer::step(OffloadMode mode) {
  is_transparent_ = device_ != nullptr && mode == OffloadMode::kTransparent;
  if (is_transparent_) copy_parameters_down();
  return executor_.step();
}

// The host's copies are those that its optimizer would have made; here that of the card stands for
// it.
void Trainer::copy_parameters_down() {
  for (const TrainedParameter& trained : model_.trained) {
    const std::string& name = model_.graph[trained.parameter].name;
    const auto bytes = executor_.bytes(name);
    const std::vector<std::byte> host(bytes.begin(), bytes.end());
    executor_.set(name, std::span<const std::byte>(host));
  }
}

void compare(const TrainingModel& model, const Trainer& plain, const Trainer& planned,
             SameBits& same) {
  const auto equal = [&](ValueId v) {
    const std::string& name = model.graph[v].name;
    return std::ranges::equal(plain.executor().bytes(name), planned.executor().bytes(name));
  };
  for (const WeightedLoss& loss : model.losses) same.loss &= equal(loss.value);
  same.gradients &= std::ranges::equal(plain.gradients().bytes(), planned.gradients().bytes());
  for (const Source& source : model.sources) {
    const bool is_statistics = model.graph[source.value].kind == ValueKind::kStatistics;
    (is_statistics ? same.statistics : same.gradients) &= equal(source.value);
  }
}

}  // namespace rockmate::cli
