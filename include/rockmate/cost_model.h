// What an op costs: seconds and workspace, from a roofline of a device, from measurements in a
// costs file, or from both (measurements first). An op whose cost neither knows is an error.
// The file format `rockmate.costs/1` and the sources of the declared numbers: docs/costs.md.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/training_graph.h"
#include "rockmate/units.h"

namespace rockmate {

/// The work of one op, from which an analytic cost is made.
struct Work {
  double flops = 0;
  Bytes traffic = {};      ///< bytes read and written, each once
  bool is_matrix = false;  ///< convolutions and matrix products
  bool is_half = false;    ///< what it multiplies is 16 bits wide
};

/// A device as declared numbers. Seconds = launch + max(flops / (rate * efficiency), traffic /
/// (bytes_per_second * efficiency)).
struct Device {
  std::string name;
  double matrix_flops = 0;       ///< peak FLOP/s of matrix products on 32-bit data
  double half_matrix_flops = 0;  ///< the same on 16-bit data
  double vector_flops = 0;       ///< peak FLOP/s of everything else
  double bytes_per_second = 0;
  double flops_efficiency = 1;  ///< sustained share of a peak rate
  double bytes_efficiency = 1;
  Seconds launch;
};

/// The presets: v100, a100, h100, cpu, ve10b, ve20b, ve30b.
[[nodiscard]] const std::vector<Device>& device_presets();
/// Throws InvalidInput that lists the presets.
[[nodiscard]] const Device& device_preset(std::string_view name);

/// What is known about one op; `implementations` as in a training graph.
struct OpCost {
  Seconds seconds;
  Bytes workspace = {};
  std::vector<Implementation> implementations = {};
  /// Seconds where the caches hold all that it reads and writes, if that was measured.
  std::optional<Seconds> cached = {};
};

class CostModel {
 public:
  /// The roofline of a device.
  [[nodiscard]] static CostModel analytic(const Device& device);
  [[nodiscard]] static CostModel analytic(std::string_view preset) {
    return analytic(device_preset(preset));
  }
  /// Measurements only: an op that they do not hold is an error.
  [[nodiscard]] static CostModel measured() { return {}; }

  /// Adds measurements, by signature; they come before the roofline.
  CostModel& set(std::string signature, OpCost cost);
  /// The same from a file. Throws InvalidInput ("file: $.costs[3].seconds: found ..., expected
  /// ...").
  CostModel& read(const std::filesystem::path& file, std::vector<std::string>* warnings = nullptr);
  CostModel& parse(std::string_view text, const std::string& origin,
                   std::vector<std::string>* warnings = nullptr);

  /// Where the measurements were made: free text, the `device` of a file. Reading a file that has
  /// one sets it.
  CostModel& describe(std::string where);
  [[nodiscard]] const std::string& description() const { return description_; }
  /// What the caches of that computer hold, all together, if it was measured: `caches` of a file.
  CostModel& set_caches(Bytes bytes);
  [[nodiscard]] std::optional<Bytes> caches() const { return caches_; }
  /// By signature.
  [[nodiscard]] const std::map<std::string, OpCost, std::less<>>& measurements() const {
    return measured_;
  }

  /// Throws InvalidInput that names the op where its cost is unknown.
  [[nodiscard]] OpCost cost(const std::string& op, const std::string& signature,
                            const Work& work) const;

  /// Writes the measurements (not the roofline) as `rockmate.costs/1`.
  [[nodiscard]] std::string to_json() const;
  /// The same into a file, whole or not at all. Throws InvalidInput when it cannot be written.
  void write(const std::filesystem::path& file) const;

 private:
  CostModel() = default;
  std::optional<Device> device_;
  std::string description_;
  std::optional<Bytes> caches_;
  std::map<std::string, OpCost, std::less<>> measured_;
};

}  // namespace rockmate
