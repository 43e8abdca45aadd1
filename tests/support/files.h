// Files for tests: the project's own, and a folder of one's own.
#pragma once

#include <filesystem>
#include <string>

namespace rockmate::testing {

/// The root of the source tree.
[[nodiscard]] std::filesystem::path source_dir();

[[nodiscard]] std::string read_text(const std::filesystem::path& file);
/// Makes the folders that are missing.
void write_text(const std::filesystem::path& file, const std::string& text);

/// A fresh folder that is removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace rockmate::testing
