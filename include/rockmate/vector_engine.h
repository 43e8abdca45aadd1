// The emulated Vector Engine (SX-Aurora TSUBASA) as a device that is planned for. What its kernels
// compute is real (engine "vector" of an Executor); all its times are *modelled*, from what the
// kernels issue, never measured. docs/vector-engine.md has the model and the sources of its
// numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/cost_model.h"
#include "rockmate/training_model.h"
#include "rockmate/units.h"

namespace rockmate {

/// A card, as declared numbers. The last group are assumptions to calibrate.
struct VectorDevice {
  std::string name;
  int cores = 8;
  double hertz = 0;
  Bytes memory;
  double memory_bytes_per_second = 0;
  Bytes cache;  ///< of the last level, shared by the cores
  double cache_bytes_per_second = 3e12;
  double core_bytes_per_second = 400e9;  ///< of one core, at most
  Seconds launch{5.6e-6};                ///< of an asynchronous call, in a queue of calls
  Seconds launch_and_wait{10e-6};

  Seconds start_up{1e-6};        ///< of a kernel on all cores
  double sustained = 0.85;       ///< share of the peak that arithmetic and memory keep up
  double gather_lanes = 8;       ///< elements at any address per cycle and core
  double divide_lanes = 4;       ///< quotients and roots per cycle and core
  double scalars_per_cycle = 1;  ///< scalar loads and moves beside the vector pipes
};

/// The presets ve10b, ve20b and ve30b.
[[nodiscard]] const std::vector<VectorDevice>& vector_devices();
/// Throws InvalidInput that lists the presets.
[[nodiscard]] const VectorDevice& vector_device(std::string_view name);
/// A preset with what a calibration file, rockmate.ve/1, says instead. Throws InvalidInput ("file:
/// $.sustained: found 2, expected ...").
[[nodiscard]] VectorDevice read_vector_device(const std::filesystem::path& file);
[[nodiscard]] VectorDevice parse_vector_device(std::string_view text, const std::string& origin);
/// The name of a preset, or of a calibration file, *.json.
[[nodiscard]] VectorDevice find_vector_device(std::string_view preset_or_file);

/// The share of the time in which the pipes of a kind are busy, on all cores together.
struct PipeShares {
  double fma = 0, alu = 0, divide = 0, gather = 0, transfer = 0, mask = 0;
};

/// One launch of a vector kernel, as modelled.
struct ModelledLaunch {
  std::string kernel;
  std::int64_t tasks = 0;
  Seconds seconds;             ///< with launch and start-up
  double cycles = 0;           ///< of the core that takes longest, arithmetic and memory
  PipeShares pipes;            ///< of the time that the kernel computes, start-up left out
  double bandwidth_share = 0;  ///< of the cache's or memory's bandwidth, whichever bounds
  double mean_length = 0;      ///< of vectors, of 256
  double flops = 0;
  Bytes moved;              ///< in whole cache lines, between cores and cache
  bool fits_cache = false;  ///< what the op reads and writes; else what is moved comes from memory
};

/// The launches that one run of an op makes. Throws InvalidInput where the vector engine has no
/// kernel for it.
[[nodiscard]] std::vector<ModelledLaunch> model_launches(const KernelSpec& spec,
                                                         const VectorDevice& device);

/// What each op of a model costs on the device, and its workspace: for TrainingOptions::costs, in
/// the place of those that the model was made with. Throws InvalidInput as `model_launches` does.
[[nodiscard]] CostModel vector_costs(const TrainingModel& model, const VectorDevice& device);

enum class OffloadMode : std::uint8_t {
  kNative,      ///< parameters stay on the device; data go down, losses come up
  kTransparent  ///< parameters go down as well, and their gradients come up, in every iteration
};
struct Offload {
  Bytes down, up;
  Seconds seconds;  ///< modelled, of both: copies and kernels share one queue
};
[[nodiscard]] Offload offload(const TrainingModel& model, OffloadMode mode);

/// The modelled time of one copy between host and device.
[[nodiscard]] Seconds copy_down(Bytes bytes);
[[nodiscard]] Seconds copy_up(Bytes bytes);

}  // namespace rockmate
