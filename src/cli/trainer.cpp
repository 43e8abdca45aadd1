#include "cli/trainer.h"

#include <algorithm>

namespace rockmate::cli {

Trainer::Trainer(const TrainingModel& model, const Plan& plan, const ExecutorOptions& options,
                 bool records)
    : executor_(model, plan, options) {
  if (!records) return;
  gradients_ = std::make_unique<GradientRecorder>(model);
  executor_.observe([to = gradients_.get()](const Observation& seen) { to->record(seen); });
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
