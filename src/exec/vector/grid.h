// What slides over an image, as the kernels of convolutions and pooling take it.
#pragma once

#include <vector>

#include "exec/vector/kernel.h"

namespace rockmate::vector {

/// For each result of a convolution or pooling, the elements of the image that it reads.
[[nodiscard]] ve::Grid forward_grid(const KernelView& kernel, const Shape& window,
                                    const Shape& image, const Shape& result);
/// For each element of the result of a transposed convolution: one grid for each residue of its
/// position modulo the strides. Those without positions are left out.
[[nodiscard]] std::vector<ve::Grid> transposed_grids(const KernelView& kernel, const Shape& window,
                                                     const Shape& image, const Shape& result);
/// Cuts the positions of `batch` images into registers.
void cut_into_chunks(ve::Grid& grid, long batch);
[[nodiscard]] long chunk_count(const ve::Grid& grid, long batch);
[[nodiscard]] long tap_count(const ve::Grid& grid);

}  // namespace rockmate::vector
