#include "exec/run_delay.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace rockmate {

RunDelay::RunDelay() {
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const int file = ::open((thread.path() / "schedstat").c_str(), O_RDONLY | O_CLOEXEC);
    if (file >= 0) files_.push_back(file);
  }
}

RunDelay::~RunDelay() {
  for (const int file : files_) ::close(file);
}

// A line "nanoseconds on a core, nanoseconds waiting for one, number of times on one".
Seconds RunDelay::total() const {
  Seconds sum;
  for (const int file : files_) {
    std::array<char, 128> text = {};
    if (::pread(file, text.data(), text.size() - 1, 0) <= 0) continue;
    char* end = nullptr;
    static_cast<void>(std::strtoull(text.data(), &end, 10));
    sum += Seconds(1e-9 * static_cast<double>(std::strtoull(end, nullptr, 10)));
  }
  return sum;
}

}  // namespace rockmate
