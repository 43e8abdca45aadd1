// Loops over threads. How the work is cut never shows in the bits: parts either write elements of
// their own, or are sums over chunks that do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace rockmate::kernels {

/// That many; 0 stands for all cores. Throws InvalidInput for negative numbers.
[[nodiscard]] int thread_count(int threads);

/// Elements of cheap work that are worth a thread.
inline constexpr std::int64_t kGrain = 16384;

/// Calls body(begin, end) for ranges that make up [0, count), each of at least `grain` but for the
/// last.
template <class F>
void parallel_for(int threads, std::int64_t count, std::int64_t grain, const F& body) {
  const std::int64_t parts =
      std::clamp<std::int64_t>(count / std::max<std::int64_t>(grain, 1), 1, threads);
  if (parts == 1) {
    if (count > 0) body(std::int64_t{0}, count);
    return;
  }
#ifdef ROCKMATE_WITH_OPENMP
#pragma omp parallel for schedule(static) num_threads(static_cast <int>(parts))
#endif
  for (std::int64_t p = 0; p < parts; ++p) body(count * p / parts, count * (p + 1) / parts);
}

/// The sum of f(begin, end) over fixed chunks of [0, count), added in their order.
template <class F>
double chunked_sum(int threads, std::int64_t count, const F& f) {
  constexpr std::int64_t kMostChunks = 256;
  constexpr std::int64_t kLeastChunk = 256;
  const std::int64_t size = std::max(kLeastChunk, (count + kMostChunks - 1) / kMostChunks);
  const std::int64_t chunks = (count + size - 1) / size;
  std::array<double, kMostChunks> sums = {};
  parallel_for(threads, chunks, kGrain / size, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t c = first; c < last; ++c) {
      sums[static_cast<std::size_t>(c)] = f(c * size, std::min(count, (c + 1) * size));
    }
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

/// The sum of f(0), ..., f(count - 1) in eight interleaved sums, which a compiler can vectorize
/// without changing a bit.
template <class F>
double lane_sum(std::int64_t count, const F& f) {
  constexpr std::int64_t kLanes = 8;
  std::array<double, kLanes> sums = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      sums[static_cast<std::size_t>(lane)] += f(i + lane);
    }
  }
  for (std::int64_t lane = 0; i < count; ++i, ++lane) sums[static_cast<std::size_t>(lane)] += f(i);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

}  // namespace rockmate::kernels
