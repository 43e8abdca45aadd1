#include "cli/training_data.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/check.h"
#include "base/shown.h"
#include "cli/batches.h"
#include "cli/console.h"
#include "rockmate/error.h"

namespace rockmate::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::array kExtensions = {".raw", ".npy", ".idx", ".txt"};

constexpr std::string_view kTarget = "target.";

// What the file of an input may be called, without its extension: after the input, where what is no
// part of a file name becomes "_"; the only target of a model may be called target.
std::vector<std::string> stems_of(const TrainingModel& model, const std::string& input) {
  std::vector<std::string> stems = {input};
  std::replace(stems.front().begin(), stems.front().end(), '/', '_');
  const auto is_target = [&](const Source& source) {
    return source.is_given && model.graph[source.value].name.starts_with(kTarget);
  };
  if (input.starts_with(kTarget) && std::ranges::count_if(model.sources, is_target) == 1) {
    stems.push_back(std::string(kTarget.substr(0, kTarget.size() - 1)));
  }
  return stems;
}

// The file for an input: one in the folder, or the path itself where it is called after the input.
std::optional<std::string> file_for(const std::vector<std::string>& stems, const fs::path& path) {
  for (const std::string& stem : stems) {
    for (const char* extension : kExtensions) {
      const std::string name = stem + extension;
      if (path.filename() == name && fs::is_regular_file(path)) return path.string();
      const fs::path file = path / name;
      if (fs::is_directory(path) && fs::exists(file)) return file.string();
    }
  }
  return std::nullopt;
}

}  // namespace

TrainingData::TrainingData(const TrainingModel& model, const DataOptions& options) {
  if (options.path.empty()) return;
  batch_ = batch_of(model);
  const fs::path path = options.path;
  const bool is_text = path.extension() == ".txt" && fs::is_regular_file(path);
  std::vector<std::string> expected, without;
  for (const Source& source : model.sources) {
    if (!source.is_given) continue;
    const std::string& input = model.graph[source.value].name;
    const std::vector<std::string> stems = stems_of(model, input);
    for (const std::string& stem : stems) expected.push_back(stem + kExtensions.front());
    if (const auto file = file_for(stems, path)) {
      add(model, source, *file, 0);
    } else if (is_text) {
      add(model, source, options.path, feeds_.empty() ? 0 : 1);
    } else {
      without.push_back(input);
    }
  }
  if (feeds_.empty()) {
    throw InvalidInput(fmt::format("{}: {}, expected {} (or .npy, .idx, .txt)", options.path,
                                   fs::exists(path) ? "holds data of no input" : "does not exist",
                                   fmt::join(expected, " or ")));
  }
  for (const std::string& input : without) {
    if (options.is_complete) {
      throw InvalidInput(fmt::format("{}: has no data for input '{}'", options.path, shown(input)));
    }
    warn(fmt::format("no data for input '{}': its elements are made up", shown(input)));
  }
  loader_.emplace(std::move(feeds_),
                  LoaderOptions{.batch = batch_, .shuffle = options.shuffle, .seed = options.seed});
}

void TrainingData::add(const TrainingModel& model, const Source& source, const std::string& file,
                       std::int64_t shift) {
  const std::string& input = model.graph[source.value].name;
  const TensorType sample = sample_of(input, model.types[source.value], batch_);
  feeds_.push_back({input, open_samples(file, sample, shift)});
}

const std::vector<BatchPart>& TrainingData::batch(std::uint64_t step) {
  if (!loader_) return none_;
  if (at_hand_ != step) {
    at_hand_.reset();
    current_ = &loader_->batch(step);
    at_hand_ = step;
  }
  return *current_;
}

bool TrainingData::read(std::string_view input, std::uint64_t step, std::span<std::byte> bytes) {
  for (const BatchPart& part : batch(step)) {
    if (part.input != input) continue;
    ROCKMATE_CHECK(part.bytes.size() == bytes.size());
    std::ranges::copy(part.bytes, bytes.begin());
    return true;
  }
  return false;
}

void feed(const std::vector<BatchPart>& batch, std::uint64_t step, Executor& executor) {
  try {
    for (const BatchPart& part : batch) executor.set(part.input, part.bytes);
  } catch (const InvalidInput& error) {
    throw InvalidInput(fmt::format("data of step {}: {}", step, error.what()));
  }
}

}  // namespace rockmate::cli
