#include "support/training_run.h"

#include <set>

#include "support/random_plan.h"

namespace rockmate::testing {
namespace {

std::string difference(const std::string& what, const std::map<std::string, Bits>& a,
                       const std::map<std::string, Bits>& b) {
  for (const auto& [name, bits] : a) {
    if (!b.contains(name)) return what + " '" + name + "' is missing";
    if (bits != b.at(name)) return what + " '" + name + "' differs";
  }
  return a.size() == b.size() ? "" : what + "s: one has more";
}

}  // namespace

std::string difference(const StepRecord& a, const StepRecord& b) {
  for (const std::string& found :
       {difference("loss", a.losses, b.losses), difference("gradient", a.gradients, b.gradients),
        difference("source", a.sources, b.sources)}) {
    if (!found.empty()) return found;
  }
  return {};
}

TrainingModel trainable(const Graph& graph, OptimizerKind optimizer, Bytes workspace) {
  TrainingOptions options;
  options.optimizer = optimizer;
  options.workspace = [workspace](const KernelSpec&) { return workspace; };
  return make_training_model(graph, options);
}

TrainingModel fused(const Graph& graph, OptimizerKind optimizer, const std::string& engine) {
  TrainingOptions options;
  options.optimizer = optimizer;
  options.fuse = true;
  options.workspace = engine_workspace(engine, 2);
  return make_training_model(graph, options);
}

Plan plain_plan(const TrainingModel& model) {
  return plan_of(model.graph, plain_schedule(model.graph));
}

std::vector<StepRecord> train(const TrainingModel& model, const Plan& plan,
                              std::unique_ptr<Engine> engine, std::size_t steps,
                              const ExecutorOptions& options) {
  Executor executor(model, plan, std::move(engine), options);
  std::set<ValueId> gradients;
  for (const TrainedParameter& trained : model.trained) gradients.insert(trained.gradient);
  std::vector<StepRecord> records(steps);
  const auto bits = [](std::span<const std::byte> bytes) {
    return Bits(bytes.begin(), bytes.end());
  };
  for (StepRecord& record : records) {
    executor.observe([&](const Observation& seen) {
      if (!gradients.contains(seen.value)) return;
      record.gradients[model.graph[seen.value].name] = bits(seen.bytes);
    });
    static_cast<void>(executor.step());
    for (const WeightedLoss& loss : model.losses) {
      const std::string& name = model.graph[loss.value].name;
      record.losses[name] = bits(executor.bytes(name));
    }
    for (const Source& source : model.sources) {
      const std::string& name = model.graph[source.value].name;
      record.sources[name] = bits(executor.bytes(name));
    }
  }
  return records;
}

}  // namespace rockmate::testing
