#include "support/golden.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "rockmate/error.h"
#include "rockmate/onnx.h"
#include "support/files.h"

namespace rockmate::testing {
namespace {

// The hash of scripts/make_goldens.py.
std::uint32_t bits(std::uint32_t stream, std::uint32_t element) {
  std::uint32_t h = element * 0x9E3779B1U + stream * 0x85EBCA77U;
  h ^= h >> 16;
  h *= 0x85EBCA6BU;
  h ^= h >> 13;
  h *= 0xC2B2AE35U;
  return h ^ (h >> 16);
}

std::vector<double> uniform(std::uint32_t stream, std::size_t count, double offset, double scale) {
  std::vector<double> data(count);
  for (std::size_t e = 0; e < count; ++e) {
    data[e] = offset + scale * (bits(stream, static_cast<std::uint32_t>(e)) / 0x1p31 - 1);
  }
  return data;
}

std::vector<double> below(std::uint32_t stream, std::size_t count, std::uint32_t limit) {
  std::vector<double> data(count);
  for (std::size_t e = 0; e < count; ++e)
    data[e] = bits(stream, static_cast<std::uint32_t>(e)) % limit;
  return data;
}

std::filesystem::path folder() { return source_dir() / "tests/goldens"; }

nlohmann::json read_json(const std::string& name) {
  return nlohmann::json::parse(read_text(folder() / (name + ".json")));
}

TrainingModel derive(const std::string& name, const nlohmann::json& file, bool fuse) {
  TrainingOptions options;
  options.fuse = fuse;
  options.optimizer = parse_optimizer(file.at("optimizer").get<std::string>());
  options.learning_rate = file.at("learning_rate");
  options.weight_decay = file.value("weight_decay", 0.0);
  return make_training_model(import_onnx(folder() / (name + ".onnx")), options);
}

// The classes of the cross-entropy that reads a target, and which of the losses it is.
struct TargetUse {
  std::uint32_t loss = 0;
  std::uint32_t classes = 0;  // 0: no classes but numbers
};

TargetUse use_of(const TrainingModel& model, ValueId target) {
  TargetUse use;
  for (const WeightedLoss& loss : model.losses) {
    const Kernel& kernel = model.kernels[*model.graph[loss.value].producer];
    if (std::find(kernel.inputs.begin(), kernel.inputs.end(), target) == kernel.inputs.end()) {
      ++use.loss;
      continue;
    }
    if (kernel.kind == OpKind::kCrossEntropy) {
      const Shape& logits = model.types[kernel.inputs.front()].shape;
      const auto rank = static_cast<std::int64_t>(logits.size());
      const std::int64_t axis = kernel.attributes.integer("axis");
      use.classes = static_cast<std::uint32_t>(
          logits[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)]);
    }
    return use;
  }
  throw InvalidInput(fmt::format("no loss reads '{}'", model.graph[target].name));
}

}  // namespace

std::vector<std::string> Golden::names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Golden::Golden(const std::string& name, bool fuse)
    : file_(read_json(name)), model_(derive(name, file_, fuse)) {}

std::vector<double> Golden::beginning(const Source& source) const {
  const std::string& name = model_.graph[source.value].name;
  const auto count = static_cast<std::size_t>(element_count(model_.types[source.value].shape));
  for (const auto& entry : file_.at("sources")) {
    if (entry.at("name") != name) continue;
    return uniform(entry.at("stream"), count, entry.at("offset"), entry.at("scale"));
  }
  if (source.data) return *source.data;
  return std::vector<double>(count, source.fill.value);
}

std::vector<double> Golden::given(const Source& source, std::size_t step) const {
  const std::string& name = model_.graph[source.value].name;
  const auto count = static_cast<std::size_t>(element_count(model_.types[source.value].shape));
  const auto stream = static_cast<std::uint32_t>(1000 * (step + 1));
  if (name.starts_with("target")) {
    const TargetUse use = use_of(model_, source.value);
    const std::uint32_t own = stream + 1 + use.loss;
    return use.classes > 0 ? below(own, count, use.classes) : uniform(own, count, 0, 1);
  }
  const auto& data = file_.at("data");
  if (data.contains("tokens")) return below(stream, count, data.at("tokens"));
  return uniform(stream, count, data.at("offset"), data.at("scale"));
}

std::vector<double> Golden::losses(std::size_t step) const {
  return file_.at("losses").at(step).get<std::vector<double>>();
}

std::vector<std::string> Golden::names_of(const std::string& section) const {
  std::vector<std::string> names;
  for (const auto& [name, digest] : file_.at(section).items()) names.push_back(name);
  return names;
}

std::string Golden::difference(const std::string& section, const std::string& name,
                               const std::vector<double>& found, double tolerance) const {
  const auto& digest = file_.at(section).at(name);
  double sum = 0;
  double square = 0;
  for (const double x : found) {
    sum += x;
    square += x * x;
  }
  const double norm = digest.at("norm");
  const auto differs = [&](const std::string& what, double got, double expected, double scale) {
    if (std::abs(got - expected) <= tolerance * scale) return std::string();
    return fmt::format("{} of {}: {} is {}, expected {} (norm {})", section, name, what, got,
                       expected, norm);
  };
  const double scale = norm + 1e-3;
  const double spread = std::sqrt(static_cast<double>(found.size()));
  std::string text = differs("norm", std::sqrt(square), norm, scale);
  if (text.empty()) text = differs("sum", sum, digest.at("sum"), spread * scale);
  for (const auto& sample : digest.at("samples")) {
    const auto place = sample.at(0).get<std::size_t>();
    if (place >= found.size()) return fmt::format("{} of {}: too few elements", section, name);
    if (text.empty()) {
      text = differs(fmt::format("element {}", place), found[place], sample.at(1), scale);
    }
  }
  return text;
}

}  // namespace rockmate::testing
