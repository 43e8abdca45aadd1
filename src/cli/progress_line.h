// One line on a terminal that says how far planning or training has come; nothing anywhere else.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "rockmate/plan.h"

namespace rockmate::cli {

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  ///< wipes the line
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// May be called from any thread; shows at most ten a second.
  void show(const Progress& progress);
  void show(const std::string& text);

 private:
  const bool on_terminal_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace rockmate::cli
