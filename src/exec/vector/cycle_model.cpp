// The time of a kernel, modelled from what each core issues:
//
//   arithmetic of a core  the longest of its pipes: FMA cycles / 3, ALU cycles / 2, divisions,
//                         gathers, mask operations, scalars; an instruction of length VL takes
//                         ceil(VL / 32) cycles of one pipe, divisions and gathers more
//   memory of a core      bytes / min(core's bandwidth, its share of the cache's bandwidth, or of
//   the
//                         memory's where what the op touches does not fit the cache)
//   kernel                the longest core, max of both / sustained share, + start-up + launch
//
// Bytes are those of whole cache lines where elements are no neighbours. Pipes overlap with each
// other and with memory, cores with each other; nothing overlaps with a launch. Roofs are asserted.

#include <algorithm>
#include <map>

#include "base/check.h"
#include "exec/engine.h"
#include "exec/part_runner.h"
#include "exec/vector/counting.h"
#include "rockmate/vector_engine.h"

namespace rockmate {
namespace vector {
namespace {

constexpr double kFmaPipes = 3;
constexpr double kAluPipes = 2;
constexpr double kPipeLanes = 32;
// Of a packed fused step: two halves, two operations each.
constexpr double kFlopsPerLane = 4;

// Cycles in which the pipes of each kind are busy, side by side as far as there are several.
PipeShares busy_cycles(const ve::Counters& c, const VectorDevice& device) {
  const auto cycles = [&](ve::Pipe pipe) { return static_cast<double>(c.cycles[pipe]); };
  return {.fma = cycles(ve::kFma) / kFmaPipes,
          .alu = cycles(ve::kAlu) / kAluPipes,
          .divide = cycles(ve::kDivide) * kPipeLanes / device.divide_lanes,
          .gather = cycles(ve::kGather) * kPipeLanes / device.gather_lanes,
          .transfer = cycles(ve::kLoad) + cycles(ve::kStore),
          .mask = cycles(ve::kMask)};
}

double arithmetic_cycles(const ve::Counters& c, const VectorDevice& device) {
  const PipeShares busy = busy_cycles(c, device);
  return std::max({busy.fma, busy.alu, busy.divide, busy.gather, busy.transfer, busy.mask,
                   static_cast<double>(c.scalars) / device.scalars_per_cycle});
}

// Bytes per second that `active` cores get together, at most.
double bandwidth(const VectorDevice& device, bool fits_cache, int active) {
  const double level = fits_cache ? device.cache_bytes_per_second : device.memory_bytes_per_second;
  return std::min(level, active * device.core_bytes_per_second);
}

}  // namespace

ModelledLaunch model_launch(const CountedLaunch& launch, const VectorDevice& device,
                            bool fits_cache) {
  ve::Counters total;
  int active = 0;
  for (const ve::Counters& core : launch.cores) {
    total += core;
    active += core == ve::Counters() ? 0 : 1;
  }
  ModelledLaunch result;
  result.kernel = launch.kernel;
  result.tasks = launch.tasks;
  result.fits_cache = fits_cache;
  result.flops = static_cast<double>(total.flops);
  result.moved = Bytes(static_cast<std::int64_t>(total.line_bytes));
  result.seconds = device.launch + device.start_up;
  if (active == 0) return result;
  const double bytes_per_second = bandwidth(device, fits_cache, active);
  double busy = 0;  // seconds of the longest core
  for (const ve::Counters& core : launch.cores) {
    const double computing = arithmetic_cycles(core, device) / device.hertz;
    const double moving = static_cast<double>(core.line_bytes) /
                          std::min(device.core_bytes_per_second, bytes_per_second / active);
    busy = std::max(busy, std::max(computing, moving) / device.sustained);
  }
  result.cycles = busy * device.hertz;
  result.seconds = result.seconds + Seconds(busy);
  std::uint64_t instructions = 0;
  for (const std::uint64_t count : total.instructions) instructions += count;
  result.mean_length = instructions == 0
                           ? 0
                           : static_cast<double>(total.lengths) / static_cast<double>(instructions);
  if (busy > 0) {
    const double all = device.cores * device.hertz * busy;
    const PipeShares used = busy_cycles(total, device);
    result.pipes = {used.fma / all,    used.alu / all,      used.divide / all,
                    used.gather / all, used.transfer / all, used.mask / all};
    result.bandwidth_share = static_cast<double>(total.line_bytes) / (bytes_per_second * busy);
  }
  const double peak =
      device.cores * device.hertz * (kFmaPipes * kFlopsPerLane + 2 * kAluPipes) * kPipeLanes;
  ROCKMATE_CHECK(result.flops <= peak * busy, result.kernel);
  const auto& [fma, alu, divide, gather, transfer, mask] = result.pipes;
  ROCKMATE_CHECK(std::max({fma, alu, divide, gather, transfer, mask}) <= 1, result.kernel);
  ROCKMATE_CHECK(result.bandwidth_share <= 1, result.kernel);
  return result;
}

}  // namespace vector

namespace {

// What an op launches, part by part where it is fused: asked for workspaces, it notes launches.
class LaunchModel : public Engine {
 public:
  explicit LaunchModel(const VectorDevice& device) : device_(device) {}
  [[nodiscard]] std::string_view name() const override { return "vector"; }
  [[nodiscard]] Bytes workspace(const KernelSpec& spec) const override {
    if (const auto parts = vector::in_parts(spec)) {
      return parts_workspace({spec.op, *parts, spec.inputs, spec.outputs}, *this,
                             promised_places(spec));
    }
    Bytes touched;
    for (const auto* types : {&spec.inputs, &spec.outputs}) {
      for (const TensorType& type : *types) touched += type.bytes();
    }
    for (const vector::CountedLaunch& launch : vector::count_launches(spec, device_.cores)) {
      launches.push_back(vector::model_launch(launch, device_, touched <= device_.cache));
    }
    return vector::prepare(spec).workspace;
  }
  [[nodiscard]] std::unique_ptr<PreparedKernel> prepare(const KernelSpec&) const override {
    ROCKMATE_CHECK(false, "nothing runs here");
  }
  mutable std::vector<ModelledLaunch> launches;

 private:
  const VectorDevice& device_;
};

}  // namespace

std::vector<ModelledLaunch> model_launches(const KernelSpec& spec, const VectorDevice& device) {
  const LaunchModel model(device);
  static_cast<void>(model.workspace(spec));
  return model.launches;
}

CostModel vector_costs(const TrainingModel& model, const VectorDevice& device) {
  CostModel costs = CostModel::measured();
  costs.describe("modelled on " + device.name + ", not measured");
  std::map<std::string, OpCost> known;
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    const OpId op(o);
    const std::string key = signature(model, op);
    if (known.contains(key)) continue;
    const KernelSpec spec = kernel_spec(model, op);
    OpCost cost;
    const LaunchModel launches(device);
    cost.workspace = launches.workspace(spec);
    for (const ModelledLaunch& launch : launches.launches) cost.seconds += launch.seconds;
    known.emplace(key, cost);
    costs.set(key, cost);
  }
  return costs;
}

}  // namespace rockmate
