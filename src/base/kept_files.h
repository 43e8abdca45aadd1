// Files that can be made again, in a folder that any number of processes share. They only save
// time: what cannot be read, or is not what it should be, is not there, and what cannot be written
// is not kept. Each file begins with a head that says what it holds and ends with a sum over all
// before it, so that a file that is cut off, damaged or of another version is recognised.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace rockmate {

class KeptFiles {
 public:
  /// Of all files with the same ending (".plans"), those used last stay: `most_bytes` of them.
  KeptFiles(std::filesystem::path folder, std::string ending, std::uintmax_t most_bytes)
      : folder_(std::move(folder)), ending_(std::move(ending)), most_bytes_(most_bytes) {}

  /// What was kept under that name behind that head.
  [[nodiscard]] std::optional<std::string> find(const std::string& name,
                                                std::string_view head) const;
  void keep(const std::string& name, std::string_view head, std::string_view content) const;
  [[nodiscard]] std::filesystem::path file(const std::string& name) const {
    return folder_ / (name + ending_);
  }

 private:
  void drop_oldest() const;

  std::filesystem::path folder_;
  std::string ending_;
  std::uintmax_t most_bytes_;
};

/// What KeptFiles writes, and the content of it; nothing if it is damaged or has another head.
[[nodiscard]] std::string sealed(std::string_view head, std::string_view content);
[[nodiscard]] std::optional<std::string_view> unsealed(std::string_view text,
                                                       std::string_view head);

}  // namespace rockmate
