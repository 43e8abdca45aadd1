// Aligned columns for people.
#pragma once

#include <string>
#include <vector>

namespace rockmate::cli {

class Table {
 public:
  /// One letter per column: 'l' or 'r', the side to which it is aligned.
  explicit Table(std::string columns) : columns_(std::move(columns)) {}
  /// Adds a row of at most as many cells as there are columns.
  Table& row(std::vector<std::string> cells);
  /// The rows, each indented by two spaces and ended by a newline.
  [[nodiscard]] std::string text() const;

 private:
  std::string columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// "7.36 %".
[[nodiscard]] std::string percent(double share);

/// "1 block", "2 blocks".
[[nodiscard]] std::string counted(std::size_t count, const std::string& noun);

}  // namespace rockmate::cli
