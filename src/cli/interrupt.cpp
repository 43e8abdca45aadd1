#include "cli/interrupt.h"

#include <pthread.h>

#include <csignal>

#include "cli/console.h"

namespace rockmate::cli {
namespace {

constexpr int kWatchNoMore = SIGUSR1;

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

void mask(int how, std::initializer_list<int> signals) {
  const sigset_t set = set_of(signals);
  pthread_sigmask(how, &set, nullptr);
}

}  // namespace

// A thread waits for the signal, because a handler may not touch a stop_source. All other threads
// inherit the mask and never see it.
StopOnInterrupt::StopOnInterrupt(std::string promise) : promise_(std::move(promise)) {
  mask(SIG_BLOCK, {SIGINT, kWatchNoMore});
  watcher_ = std::thread([this] { watch(); });
  mask(SIG_UNBLOCK, {kWatchNoMore});
}

StopOnInterrupt::~StopOnInterrupt() {
  pthread_kill(watcher_.native_handle(), kWatchNoMore);
  watcher_.join();
  mask(SIG_UNBLOCK, {SIGINT});
}

void StopOnInterrupt::watch() {
  const sigset_t awaited = set_of({SIGINT, kWatchNoMore});
  int signal = 0;
  sigwait(&awaited, &signal);
  if (signal != SIGINT) return;
  stop_.request_stop();
  warn(promise_ + "; once more to end at once");
  mask(SIG_UNBLOCK, {SIGINT});  // the second one finds the default action
  const sigset_t last = set_of({kWatchNoMore});
  sigwait(&last, &signal);
}

}  // namespace rockmate::cli
