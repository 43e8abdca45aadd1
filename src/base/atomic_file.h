// Writing a file whole or not at all: whoever opens it sees the old content or the new one.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

namespace rockmate {

/// Writes to a temporary file in the same folder, flushes it to the disk and renames it; where the
/// system allows it, that file has no name until it is whole, so that nothing is left of one whose
/// writer was killed. A link is followed, an existing file keeps its permissions. A target that is
/// no regular file (/dev/stdout, a pipe) cannot be replaced and is written to directly. Throws
/// InvalidInput, with the file's name and the system's reason, when that fails; the old content is
/// then untouched.
void write_file_atomically(const std::filesystem::path& file, std::string_view content);
/// The same for a content in pieces, which stand one behind the other.
void write_file_atomically(const std::filesystem::path& file,
                           std::span<const std::string_view> pieces);

}  // namespace rockmate
