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

// Totals while they are summed: shares weigh by time.
class Totals {
 public:
  void add(const ModelledLaunch& launch, std::int64_t times) {
    const auto n = static_cast<double>(times);
    const double weight = n * launch.seconds.count();
    KernelTotal& total = totals_[launch.kernel];
    total.kernel = launch.kernel;
    total.launches += times;
    total.seconds += Seconds(weight);
    total.cycles += n * launch.cycles;
    total.pipes.fma += weight * launch.pipes.fma;
    total.pipes.alu += weight * launch.pipes.alu;
    total.pipes.divide += weight * launch.pipes.divide;
    total.pipes.gather += weight * launch.pipes.gather;
    total.pipes.transfer += weight * launch.pipes.transfer;
    total.pipes.mask += weight * launch.pipes.mask;
    total.bandwidth_share += weight * launch.bandwidth_share;
    total.mean_length += weight * launch.mean_length;
    total.flops += n * launch.flops;
    (launch.fits_cache ? total.from_cache : total.from_memory) +=
        Bytes(launch.moved.count() * times);
  }
  // The longest first.
  [[nodiscard]] std::vector<KernelTotal> list() && {
    std::vector<KernelTotal> list;
    for (auto& [kernel, total] : totals_) {
      const double time = total.seconds.count();
      for (double* share :
           {&total.pipes.fma, &total.pipes.alu, &total.pipes.divide, &total.pipes.gather,
            &total.pipes.transfer, &total.pipes.mask, &total.bandwidth_share, &total.mean_length}) {
        *share /= time;
      }
      list.push_back(total);
    }
    std::ranges::sort(list, std::ranges::greater(), &KernelTotal::seconds);
    return list;
  }

 private:
  std::map<std::string, KernelTotal> totals_;
};

// Of all runs of a schedule; views run nothing.
std::vector<KernelTotal> kernel_totals(const TrainingModel& model, const Schedule& schedule,
                                       const VectorDevice& device) {
  std::map<OpId, std::int64_t> runs;
  for (const Action& action : schedule) {
    const auto* run = std::get_if<Compute>(&action);
    if (run != nullptr && model.kernels[run->op].kind != OpKind::kReshape) ++runs[run->op];
  }
  Totals totals;
  for (const auto& [op, times] : runs) {
    for (const ModelledLaunch& launch : model_launches(kernel_spec(model, op), device)) {
      totals.add(launch, times);
    }
  }
  return std::move(totals).list();
}

}  // namespace

std::string kernel_table(const std::vector<KernelTotal>& kernels) {
  Table table("lrrrrrrrrr");
  table.row({"kernel", "launches", "modelled", "FMA pipes", "ALU pipes", "gathers", "bandwidth",
             "mean length", "from cache", "from memory"});
  for (const KernelTotal& k : kernels) {
    table.row({k.kernel, fmt::format("{}", k.launches), to_string(k.seconds), percent(k.pipes.fma),
               percent(k.pipes.alu), percent(k.pipes.gather), percent(k.bandwidth_share),
               fmt::format("{:.0f}", k.mean_length), to_string(k.from_cache),
               to_string(k.from_memory)});
  }
  return table.text();
}

nlohmann::ordered_json to_json(const std::vector<KernelTotal>& kernels) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const KernelTotal& k : kernels) {
    list.push_back({{"kernel", k.kernel},
                    {"launches", k.launches},
                    {"seconds", k.seconds.count()},
                    {"cycles", k.cycles},
                    {"fma_share", k.pipes.fma},
                    {"alu_share", k.pipes.alu},
                    {"divide_share", k.pipes.divide},
                    {"gather_share", k.pipes.gather},
                    {"transfer_share", k.pipes.transfer},
                    {"mask_share", k.pipes.mask},
                    {"bandwidth_share", k.bandwidth_share},
                    {"mean_length", k.mean_length},
                    {"flops", k.flops},
                    {"moved_bytes", (k.from_cache + k.from_memory).count()},
                    {"cache_bytes", k.from_cache.count()},
                    {"memory_bytes", k.from_memory.count()}});
  }
  return list;
}

ModelledProfile modelled_profile(const TrainingModel& model, const VectorDevice& device) {
  std::map<std::string, std::size_t> places;  // of signatures
  ModelledProfile profile{device, {}, {}};
  Totals totals;
  std::vector<std::vector<ModelledLaunch>> launches;
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    const OpId op(o);
    if (model.kernels[op].kind == OpKind::kReshape) continue;
    const auto [found, is_new] = places.emplace(signature(model, op), profile.ops.size());
    if (is_new) {
      profile.ops.push_back({found->first});
      launches.push_back(model_launches(kernel_spec(model, op), device));
    }
    ModelledOp& each = profile.ops[found->second];
    ++each.count;
    if (!is_new) continue;
    for (const ModelledLaunch& launch : launches.back()) each.seconds += launch.seconds;
  }
  for (std::size_t i = 0; i < launches.size(); ++i) {
    for (const ModelledLaunch& launch : launches[i]) {
      totals.add(launch, static_cast<std::int64_t>(profile.ops[i].count));
    }
  }
  profile.kernels = std::move(totals).list();
  return profile;
}

std::string report(const std::string& model, const ModelledProfile& profile) {
  Seconds all;
  for (const KernelTotal& kernel : profile.kernels) all += kernel.seconds;
  return fmt::format("{}: {} distinct, {} an iteration, modelled on {}, not measured\n\n{}", model,
                     counted(profile.ops.size(), "op"), to_string(all), profile.device.name,
                     kernel_table(profile.kernels));
}

nlohmann::ordered_json to_json(const ModelledProfile& profile) {
  nlohmann::ordered_json object = {{"modelled", true}, {"device", profile.device.name}};
  object["kernels"] = to_json(profile.kernels);
  object["ops"] = nlohmann::ordered_json::array();
  for (const ModelledOp& op : profile.ops) {
    object["ops"].push_back(
        {{"op", op.signature}, {"count", op.count}, {"seconds", op.seconds.count()}});
  }
  return object;
}

const char* to_string(OffloadMode mode) {
  return mode == OffloadMode::kNative ? "native" : "transparent";
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
