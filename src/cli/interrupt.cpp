#include "cli/interrupt.h"

#include <semaphore.h>

#include <cerrno>

#include "cli/console.h"

namespace rockmate::cli {
namespace {

sem_t awake;  // of the only StopOnInterrupt that lives

void wake(int) { sem_post(&awake); }

}  // namespace

// A handler may not touch a stop_source, but wake a thread that does. The signal is blocked
// nowhere: threads that were there before (a linear algebra library may start some as it is loaded)
// would not know, and take it.
StopOnInterrupt::StopOnInterrupt(std::string promise) : promise_(std::move(promise)) {
  sem_init(&awake, 0, 0);
  watcher_ = std::thread([this] { watch(); });
  struct sigaction stops = {};
  stops.sa_handler = wake;
  stops.sa_flags = SA_RESTART | SA_RESETHAND;  // the second one finds the default action
  sigaction(SIGINT, &stops, &before_);
}

StopOnInterrupt::~StopOnInterrupt() {
  sigaction(SIGINT, &before_, nullptr);
  is_over_ = true;
  sem_post(&awake);
  watcher_.join();
  sem_destroy(&awake);
}

void StopOnInterrupt::watch() {
  while (sem_wait(&awake) != 0 && errno == EINTR) {
  }
  if (is_over_) return;
  warn(promise_ + "; once more to end at once");
  stop_.request_stop();
}

}  // namespace rockmate::cli
