// Declared numbers; where each comes from is told in docs/costs.md.

#include <fmt/format.h>

#include "rockmate/cost_model.h"
#include "rockmate/error.h"

namespace rockmate {

const std::vector<Device>& device_presets() {
  static const std::vector<Device> presets = {{.name = "v100",
                                               .matrix_flops = 15.7e12,
                                               .half_matrix_flops = 125e12,
                                               .vector_flops = 15.7e12,
                                               .bytes_per_second = 900e9,
                                               .flops_efficiency = 0.6,
                                               .bytes_efficiency = 0.8,
                                               .launch = Seconds(5e-6)},
                                              {.name = "a100",
                                               .matrix_flops = 156e12,
                                               .half_matrix_flops = 312e12,
                                               .vector_flops = 19.5e12,
                                               .bytes_per_second = 1555e9,
                                               .flops_efficiency = 0.6,
                                               .bytes_efficiency = 0.8,
                                               .launch = Seconds(5e-6)},
                                              {.name = "h100",
                                               .matrix_flops = 494.7e12,
                                               .half_matrix_flops = 989.4e12,
                                               .vector_flops = 66.9e12,
                                               .bytes_per_second = 3350e9,
                                               .flops_efficiency = 0.6,
                                               .bytes_efficiency = 0.8,
                                               .launch = Seconds(5e-6)},
                                              {.name = "cpu",
                                               .matrix_flops = 230e9,
                                               .half_matrix_flops = 460e9,
                                               .vector_flops = 115e9,
                                               .bytes_per_second = 30e9,
                                               .launch = Seconds(2e-6)},
                                              {.name = "ve10b",
                                               .matrix_flops = 4.3e12,
                                               .half_matrix_flops = 4.3e12,
                                               .vector_flops = 4.3e12,
                                               .bytes_per_second = 1220e9,
                                               .flops_efficiency = 0.6,
                                               .bytes_efficiency = 0.8,
                                               .launch = Seconds(5.6e-6)},
                                              {.name = "ve20b",
                                               .matrix_flops = 4.91e12,
                                               .half_matrix_flops = 4.91e12,
                                               .vector_flops = 4.91e12,
                                               .bytes_per_second = 1530e9,
                                               .flops_efficiency = 0.6,
                                               .bytes_efficiency = 0.8,
                                               .launch = Seconds(5.6e-6)},
                                              {.name = "ve30b",
                                               .matrix_flops = 9.83e12,
                                               .half_matrix_flops = 9.83e12,
                                               .vector_flops = 9.83e12,
                                               .bytes_per_second = 2450e9,
                                               .flops_efficiency = 0.6,
                                               .bytes_efficiency = 0.8,
                                               .launch = Seconds(5.6e-6)}};
  return presets;
}

const Device& device_preset(std::string_view name) {
  std::string known;
  for (const Device& device : device_presets()) {
    if (device.name == name) return device;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", device.name);
  }
  throw InvalidInput(fmt::format("unknown device '{}', expected one of {}", name, known));
}

}  // namespace rockmate
