#include "rockmate/cost_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "rockmate/error.h"

namespace rockmate {
namespace {

void check_rate(const Device& device, const char* what, double rate) {
  if (!std::isfinite(rate) || rate <= 0) {
    throw InvalidInput(fmt::format("device '{}': {} is {}, expected a finite number > 0",
                                   device.name, what, rate));
  }
}

Seconds roofline(const Device& device, const Work& work) {
  const double rate = !work.is_matrix ? device.vector_flops
                      : work.is_half  ? device.half_matrix_flops
                                      : device.matrix_flops;
  const double computing = work.flops / (rate * device.flops_efficiency);
  const double moving = static_cast<double>(work.traffic.count()) /
                        (device.bytes_per_second * device.bytes_efficiency);
  return device.launch + Seconds(std::max(computing, moving));
}

}  // namespace

CostModel CostModel::analytic(const Device& device) {
  check_rate(device, "matrix_flops", device.matrix_flops);
  check_rate(device, "half_matrix_flops", device.half_matrix_flops);
  check_rate(device, "vector_flops", device.vector_flops);
  check_rate(device, "bytes_per_second", device.bytes_per_second);
  check_rate(device, "flops_efficiency", device.flops_efficiency);
  check_rate(device, "bytes_efficiency", device.bytes_efficiency);
  if (!std::isfinite(device.launch.count()) || device.launch < Seconds()) {
    throw InvalidInput(fmt::format("device '{}': launch is {}, expected a finite number >= 0",
                                   device.name, device.launch.count()));
  }
  CostModel model;
  model.device_ = device;
  return model;
}

CostModel& CostModel::set(std::string signature, OpCost cost) {
  measured_.insert_or_assign(std::move(signature), std::move(cost));
  return *this;
}

CostModel& CostModel::describe(std::string where) {
  description_ = std::move(where);
  return *this;
}

CostModel& CostModel::set_caches(Bytes bytes) {
  caches_ = bytes;
  return *this;
}

OpCost CostModel::cost(const std::string& op, const std::string& signature,
                       const Work& work) const {
  if (const auto found = measured_.find(signature); found != measured_.end()) return found->second;
  if (device_) return {roofline(*device_, work), {}};
  throw InvalidInput(
      fmt::format("op '{}': its cost is unknown; no measurement for '{}' (profile "
                  "the model, or allow the analytic costs of a device)",
                  op, signature));
}

}  // namespace rockmate
