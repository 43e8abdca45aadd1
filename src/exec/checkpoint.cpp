// The file, numbers little-endian:
//
//   8 bytes   "RMCHECKP"
//   4 bytes   version: 1
//   4 bytes   CRC-32 of all that follows
//   8 bytes   length of the header
//   header    JSON: model, step, seed, and for each tensor its name, type, shape and bytes
//   the rest  the elements of the tensors, in the order of the header

#include "rockmate/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

constexpr std::string_view kMagic = "RMCHECKP";
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kPreamble = 24;  // bytes before the header
constexpr std::size_t kChecked = 16;   // where what is checked begins

std::string little_endian(std::uint64_t number, std::size_t width) {
  std::string bytes(width, '\0');
  for (std::size_t i = 0; i < width; ++i) bytes[i] = static_cast<char>(number >> (8 * i));
  return bytes;
}

std::uint64_t number_at(std::string_view bytes, std::size_t offset, std::size_t width) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < width; ++i) {
    number |= std::uint64_t{static_cast<unsigned char>(bytes[offset + i])} << (8 * i);
  }
  return number;
}

// Everything that changes from step to step; data are new in each, constants in none.
bool is_state(const TrainingModel& model, const Source& source) {
  return !source.is_given && model.graph[source.value].kind != ValueKind::kInput;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

nlohmann::ordered_json header_of(const Executor& executor) {
  const TrainingModel& model = executor.model();
  nlohmann::ordered_json header = {{"format", "rockmate.checkpoint/1"},
                                   {"model", model.graph.name()},
                                   {"step", executor.next_step()},
                                   {"seed", executor.seed()},
                                   {"tensors", nlohmann::ordered_json::array()}};
  for (const Source& source : model.sources) {
    if (!is_state(model, source)) continue;
    const TensorType& type = model.types[source.value];
    header["tensors"].push_back({{"name", model.graph[source.value].name},
                                 {"dtype", to_string(type.dtype)},
                                 {"shape", type.shape},
                                 {"bytes", type.bytes().count()}});
  }
  return header;
}

// "'linear_1.weight' float32 [8, 3]": what a header says of a tensor, whatever that is.
std::string tensor_at(const nlohmann::json& tensors, std::size_t i) {
  if (i >= tensors.size()) return "no further tensor";
  const nlohmann::json& tensor = tensors[i];
  const auto has = [&](const char* key) { return tensor.is_object() && tensor.contains(key); };
  if (!has("name") || !tensor["name"].is_string() || !has("dtype") ||
      !tensor["dtype"].is_string()) {
    return "something else";
  }
  Shape shape;
  if (has("shape") && tensor["shape"].is_array()) {
    for (const auto& extent : tensor["shape"]) {
      if (extent.is_number_integer()) shape.push_back(extent.get<std::int64_t>());
    }
  }
  return fmt::format("'{}' {} {}", shown(tensor["name"].get<std::string>()),
                     shown(tensor["dtype"].get<std::string>(), 20), shown(to_string(shape)));
}

// Where the elements of a tensor lie in a checkpoint.
struct SavedTensor {
  std::string dtype;
  Shape shape;
  std::size_t offset = 0;
};

// A file that has been judged: the step, and where the elements begin.
struct Saved {
  std::uint64_t step = 0;
  std::size_t elements = 0;
};

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  Saved judge(const Executor& executor) const {
    check_frame();
    const std::size_t length = header_length();
    const auto header = parse_header();
    const nlohmann::json expected = header_of(executor);
    check_header(header, expected);
    std::size_t size = kPreamble + length;
    for (const auto& tensor : expected["tensors"]) size += tensor["bytes"].get<std::size_t>();
    if (bytes_.size() != size) {
      reject(fmt::format("has {} bytes, expected {}", bytes_.size(), size));
    }
    return {header["step"].get<std::uint64_t>(), kPreamble + length};
  }

  // All tensors by their names, whatever model they are of.
  std::map<std::string, SavedTensor> tensors() const {
    check_frame();
    std::map<std::string, SavedTensor> found;
    std::size_t offset = kPreamble + header_length();
    const nlohmann::json header = parse_header();
    try {
      for (const auto& tensor : header.at("tensors")) {
        SavedTensor saved{tensor.at("dtype").get<std::string>(), tensor.at("shape").get<Shape>(),
                          offset};
        const auto size = tensor.at("bytes").get<std::size_t>();
        if (size > bytes_.size() - offset) reject("ends before its tensors do");
        offset += size;
        found.emplace(tensor.at("name").get<std::string>(), std::move(saved));
      }
    } catch (const nlohmann::json::exception&) {
      reject("has a broken header, expected one of rockmate.checkpoint/1");
    }
    return found;
  }

  [[noreturn]] void reject(const std::string& text) const {
    throw InvalidInput(fmt::format("{}: {}", shown(name_, 400), text));
  }

 private:
  std::size_t header_length() const {
    return static_cast<std::size_t>(number_at(bytes_, kChecked, 8));
  }
  nlohmann::json parse_header() const {
    return nlohmann::json::parse(bytes_.substr(kPreamble, header_length()), nullptr,
                                 /*allow_exceptions=*/false);
  }

  void check_frame() const {
    if (!bytes_.starts_with(kMagic.substr(0, bytes_.size())) || bytes_.empty()) {
      reject("is no checkpoint of rockmate");
    }
    if (bytes_.size() < kPreamble) reject("is cut off: a checkpoint is longer");
    const std::uint64_t version = number_at(bytes_, kMagic.size(), 4);
    if (version != kVersion) {
      reject(
          fmt::format("is a checkpoint of version {}, expected {}; another version of rockmate "
                      "wrote it",
                      version, kVersion));
    }
    boost::crc_32_type sum;
    sum.process_bytes(bytes_.data() + kChecked, bytes_.size() - kChecked);
    if (sum.checksum() != number_at(bytes_, kMagic.size() + 4, 4)) {
      reject("is damaged or cut off: its checksum is another one; go on from another checkpoint");
    }
    if (number_at(bytes_, kChecked, 8) > bytes_.size() - kPreamble) {
      reject("has a header that is longer than the file");
    }
  }

  // The header has what this training's own one would have, the step apart.
  void check_header(const nlohmann::json& header, const nlohmann::json& expected) const {
    if (!header.is_object() || !header.contains("step") || !header["step"].is_number_unsigned() ||
        !header.contains("tensors") || !header["tensors"].is_array()) {
      reject("has a broken header, expected one of rockmate.checkpoint/1");
    }
    const auto& found = header["tensors"];
    const auto& wanted = expected["tensors"];
    for (std::size_t i = 0; i < std::max(found.size(), wanted.size()); ++i) {
      if (i < found.size() && i < wanted.size() && found[i] == wanted[i]) continue;
      reject(fmt::format("is of another model or optimizer: found {}, expected {}",
                         tensor_at(found, i), tensor_at(wanted, i)));
    }
    if (header.contains("seed") && header["seed"] == expected["seed"]) return;
    reject(fmt::format("was made with another seed than {}", expected["seed"].dump()));
  }

  std::string_view bytes_;
  const std::string& name_;
};

bool is_weight(ValueKind kind) {
  return kind == ValueKind::kParameter || kind == ValueKind::kStatistics;
}

// What a network keeps of its training, in the order of all its sources.
std::vector<std::pair<std::string, TensorType>> weights_of(const TrainingModel& model) {
  std::map<std::size_t, std::pair<std::string, TensorType>> found;  // by position
  for (const Source& source : model.sources) {
    const Value& value = model.graph[source.value];
    if (source.is_made || !is_weight(value.kind)) continue;
    found[source.position] = {value.name, model.types[source.value]};
  }
  if (const Load* const load = model.load.get()) {
    for (const Source& source : load->sources) {
      if (!is_weight(load->kinds[source.value])) continue;
      found[source.position] = {load->names[source.value], load->types[source.value]};
    }
  }
  std::vector<std::pair<std::string, TensorType>> weights;
  for (auto& [position, weight] : found) weights.push_back(std::move(weight));
  return weights;
}

}  // namespace

void save_checkpoint(const Executor& executor, const std::filesystem::path& file) {
  const TrainingModel& model = executor.model();
  const std::string header = header_of(executor).dump();
  const std::string length = little_endian(header.size(), 8);
  std::string start = std::string(kMagic) + little_endian(kVersion, 4);
  std::vector<std::string_view> pieces = {start, length, header};
  for (const Source& source : model.sources) {
    if (!is_state(model, source)) continue;
    pieces.push_back(as_text(executor.bytes(model.graph[source.value].name)));
  }
  boost::crc_32_type sum;
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    sum.process_bytes(pieces[i].data(), pieces[i].size());
  }
  start += little_endian(sum.checksum(), 4);
  pieces.front() = start;
  write_file_atomically(file, pieces);
}

void load_checkpoint(Executor& executor, const std::filesystem::path& file) {
  const std::string bytes = read_file(file, std::numeric_limits<std::int64_t>::max());
  load_checkpoint_bytes(executor, bytes, file.string());
}

void load_weights(Executor& executor, const std::filesystem::path& file) {
  const std::string bytes = read_file(file, std::numeric_limits<std::int64_t>::max());
  const std::string name = file.string();
  const Reader reader(bytes, name);
  const std::map<std::string, SavedTensor> saved = reader.tensors();
  for (const auto& [weight, type] : weights_of(executor.model())) {
    const auto found = saved.find(weight);
    if (found == saved.end() || found->second.dtype != to_string(type.dtype) ||
        found->second.shape != type.shape) {
      reader.reject(fmt::format("is of another model: it has no '{}' of type {}", shown(weight),
                                to_string(type)));
    }
    const auto size = static_cast<std::size_t>(type.bytes().count());
    if (size > bytes.size() - found->second.offset) reader.reject("ends before its tensors do");
    executor.set(weight, std::as_bytes(std::span(bytes).subspan(found->second.offset, size)));
  }
}

void load_checkpoint_bytes(Executor& executor, std::string_view bytes, const std::string& name) {
  const Saved saved = Reader(bytes, name).judge(executor);
  const TrainingModel& model = executor.model();
  std::size_t offset = saved.elements;
  for (const Source& source : model.sources) {
    if (!is_state(model, source)) continue;
    const auto size = static_cast<std::size_t>(model.types[source.value].bytes().count());
    executor.set(model.graph[source.value].name,
                 std::as_bytes(std::span(bytes.substr(offset, size))));
    offset += size;
  }
  executor.set_next_step(saved.step);
}

}  // namespace rockmate
