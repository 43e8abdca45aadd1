#include "cli/raw_data.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "base/shown.h"
#include "cli/console.h"
#include "rockmate/error.h"

namespace rockmate::cli {
namespace {

namespace fs = std::filesystem;

}  // namespace

std::string raw_file_name(std::string input) {
  std::replace(input.begin(), input.end(), '/', '_');
  return input + ".raw";
}

RawData::RawData(const TrainingModel& model, const std::string& path) {
  if (path.empty()) return;
  const bool is_folder = fs::is_directory(path);
  std::vector<std::string> expected, without;
  for (const Source& source : model.sources) {
    if (!source.is_given) continue;
    const std::string& input = model.graph[source.value].name;
    expected.push_back(raw_file_name(input));
    const fs::path file = is_folder ? fs::path(path) / expected.back() : fs::path(path);
    if (file.filename() == expected.back() && fs::exists(file)) {
      open(input, model.types[source.value].bytes(), file.string());
    } else {
      without.push_back(input);
    }
  }
  if (streams_.empty()) {
    throw InvalidInput(fmt::format("{}: {}, expected {}", path,
                                   fs::exists(path) ? "holds data of no input" : "does not exist",
                                   fmt::join(expected, " or ")));
  }
  for (const std::string& input : without) {
    warn(fmt::format("no data for input '{}': its elements are made up", shown(input)));
  }
}

void RawData::open(const std::string& input, Bytes bytes, const std::string& file) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  const auto batch = static_cast<std::uintmax_t>(bytes.count());
  if (error) throw InvalidInput(fmt::format("{}: {}", file, error.message()));
  if (batch == 0 || size == 0 || size % batch != 0) {
    throw InvalidInput(fmt::format("{}: has {} bytes, expected a whole number of batches of {}",
                                   file, size, batch));
  }
  streams_.push_back({input, file, std::ifstream(file, std::ios::binary), size / batch,
                      std::vector<std::byte>(batch)});
}

void RawData::feed(Executor& executor, std::uint64_t step) {
  for (Stream& stream : streams_) {
    const std::uint64_t batch = step % stream.batches;
    stream.data.seekg(static_cast<std::streamoff>(batch * stream.batch.size()));
    stream.data.read(reinterpret_cast<char*>(stream.batch.data()),
                     static_cast<std::streamsize>(stream.batch.size()));
    if (!stream.data) {
      throw InvalidInput(fmt::format("{}: batch {} cannot be read", stream.file, batch));
    }
    try {
      executor.set(stream.input, stream.batch);
    } catch (const InvalidInput& error) {
      throw InvalidInput(fmt::format("{}: batch {}: {}", stream.file, batch, error.what()));
    }
  }
}

}  // namespace rockmate::cli
