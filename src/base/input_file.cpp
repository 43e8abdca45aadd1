#include "base/input_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

[[noreturn]] void reject(const std::filesystem::path& file, const std::string& reason) {
  throw InvalidInput(fmt::format("{}: {}", shown(file.string(), 400), reason));
}

[[noreturn]] void reject_size(const std::filesystem::path& file, std::int64_t largest) {
  reject(file, fmt::format("the file is larger than {} bytes, the most that is read", largest));
}

}  // namespace

std::string read_file(const std::filesystem::path& file, std::int64_t largest) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (std::filesystem::is_directory(status)) reject(file, "found a folder, expected a file");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "rb"),
                                                           &std::fclose);
  if (!in) reject(file, "cannot be opened: " + std::generic_category().message(errno));

  std::string text;
  if (std::filesystem::is_regular_file(status)) {
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    if (!error && size > static_cast<std::uintmax_t>(largest)) reject_size(file, largest);
    if (!error) text.reserve(static_cast<std::size_t>(size));
  }
  // Pipes and devices have no size, and a file may grow: the limit holds while it is read.
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  const auto chunk = std::make_unique<char[]>(kChunk);
  while (const std::size_t count = std::fread(chunk.get(), 1, kChunk, in.get())) {
    if (text.size() + count > static_cast<std::size_t>(largest)) reject_size(file, largest);
    text.append(chunk.get(), count);
  }
  if (std::ferror(in.get()) != 0) reject(file, "cannot be read to its end");
  return text;
}

}  // namespace rockmate
