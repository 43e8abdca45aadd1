// The vectorized families of the cpu engine, for float32. They take row-major tensors and, where a
// tensor is an image, channels-last ones.
#pragma once

#include "exec/cpu/kernel.h"

namespace rockmate::cpu {

void add_elementwise_kernels(Makers& makers);
void add_batch_norm_kernels(Makers& makers);
void add_pooling_kernels(Makers& makers);
void add_reduction_kernels(Makers& makers);
void add_line_kernels(Makers& makers);
void add_transpose_kernels(Makers& makers);
void add_optimizer_kernels(Makers& makers);
/// Those that win over oneDNN's: the weight gradient of windows larger than 3 x 3, which costs
/// oneDNN tens of times as much.
void add_large_depthwise_kernels(Makers& makers);
void add_depthwise_kernels(Makers& makers);
/// Convolutions of few channels in each group, which cost oneDNN two or three times as much.
void add_grouped_convolutions(Makers& makers);
void add_grouped_weight_gradients(Makers& makers);
/// Linear layers of few rows.
void add_few_row_kernels(Makers& makers);
/// Fused kernels: depthwise convolutions with 1x1 ones around them, in bands of rows.
void add_banded_convolutions(Makers& makers);
/// Fused kernels: batch norm's gradient behind that of a clamp, and point-wise parts in tiles.
void add_fused_kernels(Makers& makers);

/// Fused kernels: batch norm's gradient behind that of a clamp, of a concatenation.
void add_pieced_norms(Makers& makers);

/// Whether all inputs and outputs are float32.
[[nodiscard]] bool is_float32(const KernelView& kernel);
/// Whether all inputs and outputs lie in one order, whatever it is.
[[nodiscard]] bool has_one_format(const KernelView& kernel);

}  // namespace rockmate::cpu
