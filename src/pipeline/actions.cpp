// Names of actions, and links between devices.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/shown.h"
#include "rockmate/pipeline.h"

namespace rockmate {
namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, 11> kVerbs = {"F",  "B",  "I",  "W",  "R", "SA",
                                                     "SG", "PA", "PG", "WA", "WG"};

void check_link(const std::string& where, double bytes_per_second, Seconds latency) {
  if (!(bytes_per_second > 0)) {
    throw InvalidInput(fmt::format("{}: found a bandwidth of {} bytes/s, expected more than 0",
                                   where, bytes_per_second));
  }
  if (!(latency >= Seconds()) || !std::isfinite(latency.count())) {
    throw InvalidInput(fmt::format("{}: found a latency of {} s, expected a finite time >= 0",
                                   where, latency.count()));
  }
}

}  // namespace

std::string_view to_string(StageVerb verb) { return kVerbs[static_cast<std::size_t>(verb)]; }

std::optional<StageVerb> parse_stage_verb(std::string_view word) {
  const auto found = std::find(kVerbs.begin(), kVerbs.end(), word);
  if (found == kVerbs.end()) return std::nullopt;
  return static_cast<StageVerb>(found - kVerbs.begin());
}

std::string to_string(const StageAction& action) {
  std::string text =
      fmt::format("{}{}.{}", to_string(action.verb), action.stage, action.micro_batch);
  if (action.strategy != 0) text += fmt::format(":{}", action.strategy);
  return text;
}

PipelineLink Cluster::link(std::size_t from, std::size_t to) const {
  for (const PipelineLink& each : links) {
    if (each.from == from && each.to == to) return each;
  }
  return {from, to, bytes_per_second, latency};
}

void check_cluster(const Cluster& cluster, const std::string& origin) {
  if (cluster.devices.empty()) {
    throw InvalidInput(fmt::format("{}: found no device, expected at least one", origin));
  }
  for (std::size_t d = 0; d < cluster.devices.size(); ++d) {
    const PipelineDevice& device = cluster.devices[d];
    const std::string where = fmt::format("{}: device {} '{}'", origin, d, shown(device.name));
    if (device.memory <= Bytes()) {
      throw InvalidInput(fmt::format("{}: found {} bytes of memory, expected more than 0", where,
                                     device.memory.count()));
    }
    if (!(device.speed > 0) || !std::isfinite(device.speed)) {
      throw InvalidInput(
          fmt::format("{}: found speed {}, expected more than 0", where, device.speed));
    }
  }
  check_link(fmt::format("{}: links", origin), cluster.bytes_per_second, cluster.latency);
  for (const PipelineLink& link : cluster.links) {
    const std::string where = fmt::format("{}: link {} -> {}", origin, link.from, link.to);
    if (std::max(link.from, link.to) >= cluster.devices.size()) {
      throw InvalidInput(
          fmt::format("{}: there are {} devices, counted from 0", where, cluster.devices.size()));
    }
    check_link(where, link.bytes_per_second, link.latency);
  }
}

}  // namespace rockmate
