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
  if (!on_terminal_) return;
  const std::scoped_lock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  const std::string best = progress.overhead ? percent(*progress.overhead) : "none yet";
  print_error(fmt::format("{}{:.1f} s  {}  overhead {}  (at least {})", kWipe,
                          progress.elapsed.count(), progress.stage, best,
                          percent(progress.lower_bound_overhead)));
}

}  // namespace rockmate::cli
