// Ctrl-C while a plan is searched: the first asks for the best plan so far, the second ends the
// program at once. Outside the life of a StopOnInterrupt, Ctrl-C does what it always does.
#pragma once

#include <stop_token>
#include <thread>

namespace rockmate::cli {

class StopOnInterrupt {
 public:
  StopOnInterrupt();
  ~StopOnInterrupt();
  StopOnInterrupt(const StopOnInterrupt&) = delete;
  StopOnInterrupt& operator=(const StopOnInterrupt&) = delete;

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
  [[nodiscard]] bool interrupted() const { return stop_.stop_requested(); }

 private:
  void watch();

  std::stop_source stop_;
  std::thread watcher_;
};

}  // namespace rockmate::cli
