#include "exec/parallel.h"

#include <fmt/format.h>

#include <thread>

#include "rockmate/error.h"

namespace rockmate::kernels {

int thread_count(int threads) {
  if (threads < 0) {
    throw InvalidInput(fmt::format("{} threads, expected 0 (all cores) or more", threads));
  }
  if (threads > 0) return threads;
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace rockmate::kernels
