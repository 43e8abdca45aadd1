#include "exec/cache_bench.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "exec/arena.h"
#include "exec/parallel.h"

namespace rockmate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Bytes kLeast = 8_MiB;
constexpr auto kLine = static_cast<std::int64_t>(kAlignment.count());

// Seconds per byte of a pass that reads and writes every line, the shortest of some.
double pass(std::span<std::byte> memory, int threads) {
  constexpr int kPasses = 4;  // the first one brings the memory into the caches
  double shortest = 0;
  const auto lines = static_cast<std::int64_t>(memory.size()) / kLine;
  for (int p = 0; p < kPasses; ++p) {
    const auto start = Clock::now();
    kernels::parallel_for(threads, lines, lines / threads + 1,
                          [&](std::int64_t begin, std::int64_t end) {
                            for (std::int64_t line = begin; line < end; ++line) {
                              volatile std::byte* const at = memory.data() + line * kLine;
                              *at = *at;
                            }
                          });
    const double taken = std::chrono::duration<double>(Clock::now() - start).count();
    if (p > 0) shortest = p == 1 ? taken : std::min(shortest, taken);
  }
  return shortest / static_cast<double>(memory.size());
}

}  // namespace

Bytes measure_caches(int threads, Bytes most) {
  constexpr double kAlike = 1.15;
  const int team = kernels::thread_count(threads);
  const Arena arena(aligned(std::max(most, kLeast)));
  std::vector<std::pair<Bytes, double>> found;
  for (Bytes size = kLeast; size <= most;) {
    found.emplace_back(size,
                       pass(arena.bytes().first(static_cast<std::size_t>(size.count())), team));
    // 8, 12, 16, 24, 32, ...
    const bool is_power = (size.count() & (size.count() - 1)) == 0;
    size = Bytes(is_power ? size.count() / 2 * 3 : size.count() / 3 * 4);
  }
  if (found.empty() || found.back().second < kAlike * found.front().second) return kLeast;
  const double middle = (found.front().second + found.back().second) / 2;
  Bytes held = kLeast;
  for (const auto& [size, seconds] : found) {
    if (seconds < middle) held = size;
  }
  return held;
}

}  // namespace rockmate
