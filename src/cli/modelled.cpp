#include "cli/modelled.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <variant>

#include "base/shown.h"
#include "cli/table.h"
#include "rockmate/error.h"

namespace rockmate::cli {
namespace {

OffloadMode parse_offload(const std::string& word) {
  if (word == "native") return OffloadMode::kNative;
  if (word == "transparent") return OffloadMode::kTransparent;
  throw InvalidInput(
      fmt::format("--offload: found '{}', expected native or transparent", shown(word)));
}

void add(const ModelledLaunch& launch, KernelTotal& total) {
  const double weight = launch.seconds.count();
  ++total.launches;
  total.seconds += launch.seconds;
  total.cycles += launch.cycles;
  total.fma_share += weight * launch.fma_share;
  total.bandwidth_share += weight * launch.bandwidth_share;
  total.mean_length += weight * launch.mean_length;
  total.flops += launch.flops;
  total.moved += launch.moved;
}

// Of all runs of a schedule; views run nothing.
std::vector<KernelTotal> kernel_totals(const TrainingModel& model, const Schedule& schedule,
                                       const VectorDevice& device) {
  std::map<OpId, std::vector<ModelledLaunch>> launches;
  std::map<std::string, KernelTotal> totals;
  for (const Action& action : schedule) {
    const auto* run = std::get_if<Compute>(&action);
    if (run == nullptr || model.kernels[run->op].kind == OpKind::kReshape) continue;
    auto& of_op = launches[run->op];
    if (of_op.empty()) of_op = model_launches(kernel_spec(model, run->op), device);
    for (const ModelledLaunch& launch : of_op) add(launch, totals[launch.kernel]);
  }
  std::vector<KernelTotal> list;
  for (auto& [kernel, total] : totals) {
    const double time = total.seconds.count();
    total.kernel = kernel;
    total.fma_share /= time;
    total.bandwidth_share /= time;
    total.mean_length /= time;
    list.push_back(total);
  }
  std::sort(list.begin(), list.end(),
            [](const KernelTotal& a, const KernelTotal& b) { return b.seconds < a.seconds; });
  return list;
}

}  // namespace

std::string kernel_table(const ModelledStep& step) {
  Table table("lrrrrrr");
  table.row({"kernel", "launches", "modelled", "FMA pipes", "bandwidth", "mean length", "moved"});
  for (const KernelTotal& k : step.kernels) {
    table.row({k.kernel, fmt::format("{}", k.launches), to_string(k.seconds), percent(k.fma_share),
               percent(k.bandwidth_share), fmt::format("{:.0f}", k.mean_length),
               to_string(k.moved)});
  }
  return table.text();
}

const char* to_string(OffloadMode mode) {
  return mode == OffloadMode::kNative ? "native" : "transparent";
}

std::optional<VectorDevice> vector_device_of(const TrainFlags& flags) {
  if (flags.engine != "vector") {
    if (!flags.calibration.empty() || flags.offload) {
      throw InvalidInput("--calibration and --offload belong to --engine vector");
    }
    return std::nullopt;
  }
  if (!flags.calibration.empty()) return read_vector_device(flags.calibration);
  return vector_device(flags.model.device.value_or("ve20b"));
}

void use_modelled_costs(const TrainFlags& flags, const VectorDevice& device, const Graph& graph,
                        TrainingOptions& options) {
  if (flags.model.costs) return;
  options.costs = vector_costs(make_training_model(graph, options), device);
}

ModelledStep modelled_step(const TrainFlags& flags, const VectorDevice& device,
                           const TrainingModel& model, const Plan& plan) {
  const Bytes needed = plan.needed();
  if (needed > device.memory) {
    throw InvalidInput(fmt::format("the plan needs {} and {} has {}; a smaller --budget fits",
                                   to_string(needed), device.name, to_string(device.memory)));
  }
  const OffloadMode mode = parse_offload(flags.offload.value_or("native"));
  return {device, mode, offload(model, mode), kernel_totals(model, plan.schedule, device)};
}

}  // namespace rockmate::cli
