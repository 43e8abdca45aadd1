// Loops over many elements that do not depend on each other, on several threads.
#pragma once

#include <algorithm>
#include <cstddef>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace rockmate {

/// Calls `part(begin, end)` for pieces that together are [0, count). `threads` of 0 stands for all
/// cores; one thread where OpenMP is missing.
template <class Part>
void for_each_part(std::size_t count, int threads, const Part& part) {
  constexpr std::size_t kPiece = std::size_t{1} << 14;
  const std::size_t pieces = (count + kPiece - 1) / kPiece;
#ifdef _OPENMP
  const int team = threads > 0 ? threads : omp_get_max_threads();
#pragma omp parallel for num_threads(team) if (pieces > 1)
#else
  static_cast<void>(threads);
#endif
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    part(piece * kPiece, std::min(count, (piece + 1) * kPiece));
  }
}

}  // namespace rockmate
