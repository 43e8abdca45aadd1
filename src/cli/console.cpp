#include "cli/console.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "rockmate/error.h"

namespace rockmate::cli {

void prepare_streams() {
  std::signal(SIGPIPE, SIG_IGN);
  // Opened the wrong way round on purpose: a write to a closed stream still fails.
  for (const auto& [stream, mode] :
       {std::pair{STDIN_FILENO, O_WRONLY}, std::pair{STDOUT_FILENO, O_RDONLY},
        std::pair{STDERR_FILENO, O_RDONLY}}) {
    if (fcntl(stream, F_GETFD) == -1 && open("/dev/null", mode) != stream) _exit(2);
  }
}

void print(std::string_view text) {
  errno = 0;
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (written && std::fflush(stdout) == 0) return;
  if (errno == EPIPE) return;
  throw InvalidInput(fmt::format("standard output cannot be written: {}", std::strerror(errno)));
}

void print_json(const nlohmann::ordered_json& object) { print(object.dump(2) + "\n"); }

void print_error(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

void warn(std::string_view message) {
  print_error(fmt::format("rockmate: warning: {}\n", message));
}

void warn(const std::vector<std::string>& messages) {
  for (const std::string& message : messages) warn(message);
}

}  // namespace rockmate::cli
