// The cards as their maker declares them, the link, and calibration files.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/input_file.h"
#include "base/json_reader.h"
#include "base/shown.h"
#include "rockmate/error.h"
#include "rockmate/vector_engine.h"

namespace rockmate {
namespace {

constexpr std::string_view kFormat = "rockmate.ve/1";

// A published point of the link; between two of them time grows evenly, behind the last one the
// rate stays.
struct LinkPoint {
  double bytes, seconds;
};
// 1 byte; 1 MB at 4.4 GB/s; 4 MB at 8; 16 MB at 10; and 102 MB, the parameters of ResNet-50, in 12
// and 10 ms, where 12 are rounded: large copies have 8.6 GB/s at least.
constexpr std::array kDown = {LinkPoint{1, 11.9e-6}, LinkPoint{1e6, 1e6 / 4.4e9},
                              LinkPoint{4e6, 4e6 / 8e9}, LinkPoint{16e6, 16e6 / 10e9},
                              LinkPoint{102e6, 102e6 / 8.6e9}};
constexpr std::array kUp = {LinkPoint{1, 12.9e-6}, LinkPoint{1e6, 1e6 / 4.4e9},
                            LinkPoint{4e6, 4e6 / 8e9}, LinkPoint{16e6, 16e6 / 10e9},
                            LinkPoint{102e6, 10e-3}};

template <std::size_t n>
Seconds link_time(const std::array<LinkPoint, n>& points, Bytes bytes) {
  const auto size = static_cast<double>(bytes.count());
  if (size <= 0) return Seconds();
  if (size > points.back().bytes) {
    return Seconds(points.back().seconds * (size / points.back().bytes));
  }
  std::size_t last = 1;
  while (last + 1 < n && points[last].bytes < size) ++last;
  const LinkPoint& a = points[last - 1];
  const LinkPoint& b = points[last];
  const double slope = (b.seconds - a.seconds) / (b.bytes - a.bytes);
  return Seconds(a.seconds + slope * std::max(0.0, size - a.bytes));
}

// Members that a calibration may state, and the least and largest that they may be.
struct Member {
  const char* name;
  double VectorDevice::*place;
  double largest;
};
constexpr std::array kMembers = {
    Member{"sustained", &VectorDevice::sustained, 1},
    Member{"hertz", &VectorDevice::hertz, 1e11},
    Member{"memory_bytes_per_second", &VectorDevice::memory_bytes_per_second, 1e15},
    Member{"cache_bytes_per_second", &VectorDevice::cache_bytes_per_second, 1e15},
    Member{"core_bytes_per_second", &VectorDevice::core_bytes_per_second, 1e15},
    Member{"gather_lanes", &VectorDevice::gather_lanes, 32},
    Member{"divide_lanes", &VectorDevice::divide_lanes, 32},
    Member{"scalars_per_cycle", &VectorDevice::scalars_per_cycle, 16}};

}  // namespace

const std::vector<VectorDevice>& vector_devices() {
  static const std::vector<VectorDevice> presets = {{.name = "ve10b",
                                                     .cores = 8,
                                                     .hertz = 1.4e9,
                                                     .memory = Bytes(48'000'000'000),
                                                     .memory_bytes_per_second = 1.22e12,
                                                     .cache = Bytes(16'000'000)},
                                                    {.name = "ve20b",
                                                     .cores = 8,
                                                     .hertz = 1.6e9,
                                                     .memory = Bytes(48'000'000'000),
                                                     .memory_bytes_per_second = 1.53e12,
                                                     .cache = Bytes(16'000'000)},
                                                    {.name = "ve30b",
                                                     .cores = 16,
                                                     .hertz = 1.6e9,
                                                     .memory = Bytes(96'000'000'000),
                                                     .memory_bytes_per_second = 2.45e12,
                                                     .cache = Bytes(64'000'000)}};
  return presets;
}

const VectorDevice& vector_device(std::string_view name) {
  for (const VectorDevice& device : vector_devices()) {
    if (device.name == name) return device;
  }
  throw InvalidInput(
      fmt::format("unknown vector engine '{}', expected one of ve10b, ve20b, ve30b", shown(name)));
}

VectorDevice parse_vector_device(std::string_view text, const std::string& origin) {
  std::string preset;
  std::vector<std::pair<const Member*, double>> stated;
  std::optional<double> start_up, launch;
  std::optional<std::int64_t> memory;
  json::Object root("the calibration of a vector engine");
  root.required("format", json::word(fmt::format("\"{}\"", kFormat),
                                     [](const std::string& word) { return word == kFormat; }))
      .required("preset", json::text([&](std::string&& name) { preset = std::move(name); }))
      .optional("start_up", json::magnitude([&](double s) { start_up = s; }))
      .optional("memory", json::whole([&](std::int64_t bytes) { memory = bytes; }))
      .optional("launch", json::magnitude([&](double s) { launch = s; }));
  for (const Member& member : kMembers) {
    root.optional(member.name, json::magnitude([&](double x) { stated.emplace_back(&member, x); }));
  }
  json::read(text, origin, root, nullptr);
  VectorDevice device = vector_device(preset);
  for (const auto& [member, value] : stated) {
    if (value <= 0 || value > member->largest) {
      throw InvalidInput(fmt::format("{}: $.{}: found {}, expected 0 < it <= {}", origin,
                                     member->name, value, member->largest));
    }
    device.*(member->place) = value;
  }
  if (start_up) device.start_up = Seconds(*start_up);
  if (memory) device.memory = Bytes(*memory);
  if (launch) device.launch = Seconds(*launch);
  return device;
}

VectorDevice read_vector_device(const std::filesystem::path& file) {
  constexpr std::int64_t kLargestCalibration = 1 << 20;
  return parse_vector_device(read_file(file, kLargestCalibration), file.string());
}

VectorDevice find_vector_device(std::string_view preset_or_file) {
  if (preset_or_file.ends_with(".json")) return read_vector_device(preset_or_file);
  return vector_device(preset_or_file);
}

Seconds copy_down(Bytes bytes) { return link_time(kDown, bytes); }
Seconds copy_up(Bytes bytes) { return link_time(kUp, bytes); }

Offload offload(const TrainingModel& model, OffloadMode mode) {
  Offload result = {};
  const auto down = [&](Bytes bytes) {
    result.down += bytes;
    result.seconds = result.seconds + copy_down(bytes);
  };
  const auto up = [&](Bytes bytes) {
    result.up += bytes;
    result.seconds = result.seconds + copy_up(bytes);
  };
  for (const Source& source : model.sources) {
    if (source.is_given) down(model.types[source.value].bytes());
  }
  for (const WeightedLoss& loss : model.losses) up(model.types[loss.value].bytes());
  if (mode == OffloadMode::kTransparent) {
    // All parameters in one copy, all gradients in another: that is how they are packed.
    Bytes parameters;
    for (const TrainedParameter& trained : model.trained) {
      parameters += model.types[trained.parameter].bytes();
    }
    if (parameters.count() > 0) {
      down(parameters);
      up(parameters);
    }
  }
  return result;
}

}  // namespace rockmate
