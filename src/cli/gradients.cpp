#include "cli/gradients.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/check.h"
#include "rockmate/error.h"

namespace rockmate::cli {
namespace {

std::string_view safetensors_name(DType dtype) {
  if (dtype == DType::kFloat64) return "F64";
  ROCKMATE_CHECK(dtype == DType::kFloat32);
  return "F32";
}

std::string little_endian(std::uint64_t number) {
  std::string bytes(sizeof(number), '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(number >> (8 * i));
  return bytes;
}

}  // namespace

GradientRecorder::GradientRecorder(const TrainingModel& model)
    : model_(model), begin_(model.types.size()) {
  std::size_t end = 0;
  for (const TrainedParameter& trained : model.trained) {
    begin_[trained.gradient] = 1 + end;
    end += static_cast<std::size_t>(model.types[trained.gradient].bytes().count());
  }
  bytes_.resize(end);
}

void GradientRecorder::record(const Observation& seen) {
  if (begin_[seen.value] == 0) return;
  std::copy(seen.bytes.begin(), seen.bytes.end(),
            bytes_.begin() + static_cast<std::ptrdiff_t>(begin_[seen.value] - 1));
}

void GradientRecorder::write(const std::filesystem::path& file) const {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  for (const TrainedParameter& trained : model_.trained) {
    const TensorType& type = model_.types[trained.gradient];
    const std::size_t begin = begin_[trained.gradient] - 1;
    header[model_.graph[trained.parameter].name] = {
        {"dtype", safetensors_name(type.dtype)},
        {"shape", type.shape},
        {"data_offsets", {begin, begin + static_cast<std::size_t>(type.bytes().count())}}};
  }
  std::string text = header.dump();
  text.append(7 - (text.size() + 7) % 8, ' ');  // the data begin on a multiple of 8 bytes
  std::string content = little_endian(text.size()) + text;
  content.append(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
  write_file_atomically(file, content);
}

}  // namespace rockmate::cli
