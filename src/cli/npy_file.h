// Arrays for NumPy: `numpy.load` reads them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "rockmate/graph.h"

namespace rockmate::cli {

/// Row-major elements of `type`, written whole or not at all. Throws InvalidInput where the file
/// cannot be written, and for types that NumPy does not have.
void write_npy(const std::filesystem::path& file, const TensorType& type,
               std::span<const std::byte> elements);

}  // namespace rockmate::cli
