// Ctrl-C while a plan is searched or run: the first asks the work to stop with what it has, the
// second ends the program at once. Outside the life of a StopOnInterrupt, Ctrl-C does what it
// always does. One at a time.
#pragma once

#include <signal.h>

#include <atomic>
#include <stop_token>
#include <string>
#include <thread>

namespace rockmate::cli {

class StopOnInterrupt {
 public:
  /// `promise`: what the first Ctrl-C brings about, for the user.
  explicit StopOnInterrupt(std::string promise);
  ~StopOnInterrupt();
  StopOnInterrupt(const StopOnInterrupt&) = delete;
  StopOnInterrupt& operator=(const StopOnInterrupt&) = delete;

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
  [[nodiscard]] bool interrupted() const { return stop_.stop_requested(); }

 private:
  void watch();

  const std::string promise_;
  std::stop_source stop_;
  std::atomic<bool> is_over_ = false;
  struct sigaction before_ = {};
  std::thread watcher_;
};

}  // namespace rockmate::cli
