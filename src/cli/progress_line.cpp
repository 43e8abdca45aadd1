#include "cli/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/table.h"

namespace rockmate::cli {
namespace {

constexpr std::string_view kWipe = "\r\033[K";

}  // namespace

ProgressLine::ProgressLine() : on_terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (on_terminal_) print_error(kWipe);
}

void ProgressLine::show(const Progress& progress) {
  const std::string best = progress.overhead ? percent(*progress.overhead) : "none yet";
  show(fmt::format("{:.1f} s  {}  overhead {}  (at least {})", progress.elapsed.count(),
                   progress.stage, best, percent(progress.lower_bound_overhead)));
}

void ProgressLine::show(const std::string& text) {
  if (!on_terminal_) return;
  const std::scoped_lock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  print_error(fmt::format("{}{}", kWipe, text));
}

}  // namespace rockmate::cli
