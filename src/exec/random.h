// Random numbers that are a pure function of where they are used: element e of stream s in step t
// under a seed is the same whenever, and in whatever order, it is asked for. So a dropout mask is
// never stored, and a recomputation draws the same one.
//
// Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2,
// 3", SC 2011. The counter is (element / 4 low, element / 4 high, step, stream), the key the seed;
// element e takes word e % 4.
#pragma once

#include <array>
#include <cstdint>

namespace rockmate {

using PhiloxBlock = std::array<std::uint32_t, 4>;
/// The four words of one counter. Constant time.
[[nodiscard]] PhiloxBlock philox(PhiloxBlock counter, std::array<std::uint32_t, 2> key);

/// The numbers of one stream in one step.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint32_t stream, std::uint32_t step)
      : seed_(seed), stream_(stream), step_(step) {}

  [[nodiscard]] std::uint32_t bits(std::uint64_t element) const;
  /// In [0, 1), a multiple of 2^-24: exact in float32.
  [[nodiscard]] double uniform(std::uint64_t element) const;
  /// Mean 0, standard deviation 1 (Box and Muller on elements 2e and 2e + 1).
  [[nodiscard]] double normal(std::uint64_t element) const;

 private:
  std::uint64_t seed_;
  std::uint32_t stream_;
  std::uint32_t step_;
};

}  // namespace rockmate
