// What users write for their devices: "4x16GiB@12GB/s", or a JSON file (docs/pipeline.md).

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/input_file.h"
#include "base/json_reader.h"
#include "base/shown.h"
#include "rockmate/cost_model.h"
#include "rockmate/pipeline.h"
#include "rockmate/plan.h"
#include "rockmate/vector_engine.h"

namespace rockmate {
namespace {

constexpr std::string_view kForms =
    "4x16GiB, 4x16GiB@12GB/s, 2x16GiB,2x8GiB@12GB/s (equal devices in a row, bandwidth between "
    "all), 2x8GiB,1xve20b (cards of the engine vector), or a .json file";
// Where cards are named and no bandwidth: what their bus brings, in large copies, and what the
// smallest copy takes.
constexpr double kBusBytesPerSecond = 10e9;
constexpr Seconds kBusLatency{12e-6};
constexpr std::size_t kMostDevices = 4096;

[[noreturn]] void reject(std::string_view spec, std::string_view part) {
  throw InvalidInput(fmt::format("devices '{}': found '{}', expected forms are {}", shown(spec),
                                 shown(part), kForms));
}

Bytes parse_size(std::string_view spec, std::string_view text) {
  std::optional<Bytes> bytes;
  try {
    bytes = Budget::parse(text).bytes();
  } catch (const InvalidInput&) {
    reject(spec, text);
  }
  if (!bytes) reject(spec, text);
  return *bytes;
}

const VectorDevice* card_named(std::string_view name) {
  const auto& cards = vector_devices();
  const auto found = std::ranges::find(cards, name, &VectorDevice::name);
  return found == cards.end() ? nullptr : &*found;
}
std::string engine_of(const VectorDevice& card) { return fmt::format("vector:{}", card.name); }

// "4x16GiB", "1xve20b"
void append_devices(std::string_view spec, std::string_view part, Cluster& cluster) {
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), count);
  const auto digits = static_cast<std::size_t>(end - part.data());
  if (error != std::errc() || digits >= part.size() || part[digits] != 'x' || count == 0) {
    reject(spec, part);
  }
  if (count > kMostDevices - cluster.devices.size()) {
    throw InvalidInput(
        fmt::format("devices '{}': found more than {} of them", shown(spec), kMostDevices));
  }
  PipelineDevice device;
  if (const VectorDevice* card = card_named(part.substr(digits + 1))) {
    device = {card->name, card->memory, 1, engine_of(*card)};
  } else {
    device.memory = parse_size(spec, part.substr(digits + 1));
  }
  cluster.devices.insert(cluster.devices.end(), count, device);
}

Cluster parse_short(std::string_view spec) {
  Cluster cluster;
  std::string_view rest = spec;
  if (const std::size_t at = spec.find('@'); at != std::string_view::npos) {
    const std::string_view rate = spec.substr(at + 1);
    if (!rate.ends_with("/s")) reject(spec, rate);
    cluster.bytes_per_second =
        static_cast<double>(parse_size(spec, rate.substr(0, rate.size() - 2)).count());
    rest = spec.substr(0, at);
  }
  while (true) {
    const std::size_t comma = rest.find(',');
    append_devices(spec, rest.substr(0, comma), cluster);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  const auto is_card = [](const PipelineDevice& device) { return !device.engine.empty(); };
  if (std::ranges::any_of(cluster.devices, is_card) && spec.find('@') == std::string_view::npos) {
    cluster.bytes_per_second = kBusBytesPerSecond;
    cluster.latency = kBusLatency;
  }
  return cluster;
}

// A device by its name or its number.
class EndNode final : public json::Node {
 public:
  EndNode(const Cluster& cluster, std::size_t& to) : cluster_(cluster), to_(to) {}
  std::string_view expected() const override { return "the name or number of a device above"; }
  void scalar(const json::Place& at, json::Scalar& scalar) override {
    const auto& devices = cluster_.devices;
    if (const auto* number = std::get_if<std::int64_t>(&scalar.value)) {
      if (*number >= 0 && static_cast<std::size_t>(*number) < devices.size()) {
        to_ = static_cast<std::size_t>(*number);
        return;
      }
    }
    if (const auto* name = std::get_if<std::string>(&scalar.value)) {
      const auto found = std::find_if(devices.begin(), devices.end(),
                                      [&](const auto& device) { return device.name == *name; });
      if (found != devices.end()) {
        to_ = static_cast<std::size_t>(found - devices.begin());
        return;
      }
    }
    at.reject(json::describe(scalar), expected());
  }

 private:
  const Cluster& cluster_;
  std::size_t& to_;
};

// Speeds are relative: stated, or from FLOP/s over those of the first device that has any.
class SpecSchema {
 public:
  SpecSchema() : root_("devices and links") {
    const auto ignore = [](double) {};
    auto device = std::make_unique<json::Object>("a device");
    device->optional("name", json::text([this](std::string&& name) { device_.name = name; }))
        .optional("kind", json::text([this](std::string&& kind) { kind_ = kind; }))
        .optional("engine", json::text([this](std::string&& engine) { device_.engine = engine; }))
        .optional("memory_bytes", json::whole([this](std::int64_t bytes) { memory_ = bytes; }))
        .optional("flops", json::magnitude([this](double flops) { flops_ = flops; }))
        .optional("bytes_per_second", json::magnitude(ignore))
        .optional("speed", json::magnitude([this](double speed) { speed_ = speed; }))
        .on_begin([this] {
          device_ = {};
          kind_.clear();
          flops_.reset();
          speed_.reset();
          memory_.reset();
        })
        .on_end([this](const json::Place& at) { end_device(at); });
    auto link = std::make_unique<json::Object>("a link");
    link->required("from", std::make_unique<EndNode>(cluster_, link_.from))
        .required("to", std::make_unique<EndNode>(cluster_, link_.to))
        .required("bytes_per_second",
                  json::magnitude([this](double rate) { link_.bytes_per_second = rate; }))
        .optional("latency_seconds",
                  json::magnitude([this](double seconds) { link_.latency = Seconds(seconds); }))
        .on_begin([this] { link_ = {}; })
        .on_end([this](const json::Place&) { cluster_.links.push_back(link_); });
    root_.required("devices", json::list(std::move(device)))
        .optional("links", json::list(std::move(link)))
        .optional("bytes_per_second",
                  json::magnitude([this](double rate) { cluster_.bytes_per_second = rate; }))
        .optional("latency_seconds",
                  json::magnitude([this](double seconds) { cluster_.latency = Seconds(seconds); }));
  }
  SpecSchema(const SpecSchema&) = delete;
  SpecSchema& operator=(const SpecSchema&) = delete;

  json::Node& root() { return root_; }
  Cluster take() && { return std::move(cluster_); }

 private:
  // A card runs the engine vector, and what it costs is told by that: no speed is derived.
  bool end_card(const json::Place& at) {
    if (device_.engine != "vector") return false;
    const VectorDevice* card = card_named(kind_);
    if (card == nullptr) {
      at.reject_member("kind", fmt::format("\"{}\"", shown(kind_)),
                       "the card of engine vector: ve10b, ve20b or ve30b");
    }
    device_.engine = engine_of(*card);
    device_.memory = memory_ ? Bytes(*memory_) : card->memory;
    if (device_.name.empty()) device_.name = card->name;
    if (speed_) device_.speed = *speed_;
    cluster_.devices.push_back(device_);
    return true;
  }

  void end_device(const json::Place& at) {
    if (end_card(at)) return;
    if (!memory_) at.reject_member("memory_bytes", "nothing", "a whole number of bytes");
    device_.memory = Bytes(*memory_);
    if (!device_.engine.empty()) {
      if (speed_) device_.speed = *speed_;
      cluster_.devices.push_back(device_);
      return;
    }
    if (!kind_.empty() && kind_ != "analytic") {
      const auto& presets = device_presets();
      const auto preset = std::find_if(presets.begin(), presets.end(),
                                       [&](const Device& d) { return d.name == kind_; });
      if (preset == presets.end()) {
        at.reject_member("kind", fmt::format("\"{}\"", shown(kind_)),
                         "analytic or the name of a preset");
      }
      if (!flops_) flops_ = preset->matrix_flops;
      if (device_.name.empty()) device_.name = kind_;
    }
    if (flops_ && !reference_flops_) reference_flops_ = flops_;
    if (flops_) device_.speed = *flops_ / *reference_flops_;
    if (speed_) device_.speed = *speed_;
    cluster_.devices.push_back(device_);
  }

  Cluster cluster_;
  PipelineDevice device_;
  std::string kind_;
  std::optional<std::int64_t> memory_;
  std::optional<double> flops_, speed_, reference_flops_;
  PipelineLink link_;
  json::Object root_;
};

}  // namespace

Cluster Cluster::parse(std::string_view spec) {
  const bool is_file = spec.ends_with(".json");
  Cluster cluster;
  if (is_file) {
    SpecSchema schema;
    const std::string file(spec);
    json::read(read_file(file, kLargestFile), file, schema.root(), nullptr);
    cluster = std::move(schema).take();
  } else {
    cluster = parse_short(spec);
  }
  check_cluster(cluster, is_file ? shown(spec) : fmt::format("devices '{}'", shown(spec)));
  return cluster;
}

}  // namespace rockmate
