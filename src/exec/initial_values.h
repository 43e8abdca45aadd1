// The elements with which sources begin, and data for a model whose user gives none. Both are a
// pure function of the seed, the position of the source among the model's, the step and the
// element: they depend neither on the plan nor on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rockmate/training_model.h"

namespace rockmate {

/// A source, and where it is to be written.
struct SourceMemory {
  const Source& source;
  std::size_t position;  ///< among the model's sources
  const TensorType& type;
  std::span<std::byte> bytes;
  std::uint64_t first = 0;  ///< the number of its first element, where it is a part of a batch
};

/// The source's data, else its fill. Throws InvalidInput for a type of 16 bits.
void write_initial_values(const SourceMemory& memory, std::uint64_t seed, int threads);

/// Whole numbers within the range of the source (0 or 1 where it has none), normal numbers of mean
/// 0 and standard deviation 1 for other floating-point types; new ones in every step.
void write_synthetic_data(const SourceMemory& memory, std::uint64_t seed, std::uint64_t step,
                          int threads);

}  // namespace rockmate
