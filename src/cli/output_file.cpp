#include "cli/output_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "rockmate/error.h"

namespace rockmate::cli {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

// A device or a pipe is written to directly, again and again.
bool is_device(const fs::path& file) {
  std::error_code error;
  return fs::is_other(fs::status(file, error));
}

void check_writable(const fs::path& file) {
  std::error_code error;
  if (fs::is_directory(file, error)) {
    throw InvalidInput(file.string() + ": is a folder, expected a file to write");
  }
  const fs::path folder = folder_of(file);
  if (!fs::is_directory(folder, error)) {
    throw InvalidInput(file.string() + ": cannot be written, there is no folder " +
                       folder.string());
  }
  if (access(folder.c_str(), W_OK) != 0) {
    throw InvalidInput(file.string() + ": cannot be written: " + std::strerror(errno));
  }
}

}  // namespace

void check_outputs(const std::vector<std::string>& outputs,
                   const std::vector<std::string>& inputs) {
  std::error_code error;
  std::set<fs::path> taken;
  for (const std::string& input : inputs) taken.insert(fs::weakly_canonical(input, error));
  for (const std::string& output : outputs) {
    if (output.empty() || is_device(output)) continue;
    check_writable(output);
    if (!taken.insert(fs::weakly_canonical(output, error)).second) {
      throw InvalidInput(output + ": would be overwritten: it is read, or written twice");
    }
  }
}

}  // namespace rockmate::cli
