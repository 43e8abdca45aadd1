// Reading a file that someone else wrote.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace rockmate {

/// The whole file. Throws InvalidInput, with the file's name, when it is missing, a folder, not
/// readable, or larger than `largest` bytes (of which no more are read, whatever the file is).
[[nodiscard]] std::string read_file(const std::filesystem::path& file, std::int64_t largest);

}  // namespace rockmate
