// The families of reference kernels. A body is right for any number of threads because each element
// of an output is computed by one thread, in one order.
#pragma once

#include <array>

#include "exec/kernel.h"
#include "exec/parallel.h"

namespace rockmate::reference {

using namespace kernels;  // NOLINT: this room within the room is made of them

using Maker = Body (*)(const KernelView& kernel);
using Makers = std::array<Maker, kOpKinds>;

void add_smooth_kernels(Makers& makers);
void add_piecewise_kernels(Makers& makers);
void add_unary_kernels(Makers& makers);
void add_binary_kernels(Makers& makers);
void add_product_kernels(Makers& makers);
void add_convolution_kernels(Makers& makers);
void add_norm_kernels(Makers& makers);
void add_norm_gradient_kernels(Makers& makers);
void add_pooling_kernels(Makers& makers);
void add_resize_kernels(Makers& makers);
void add_softmax_kernels(Makers& makers);
void add_loss_kernels(Makers& makers);
void add_random_kernels(Makers& makers);
void add_movement_kernels(Makers& makers);
void add_strided_kernels(Makers& makers);
void add_part_kernels(Makers& makers);
void add_indexing_kernels(Makers& makers);
void add_reduction_kernels(Makers& makers);
void add_optimizer_kernels(Makers& makers);

inline void add(Makers& makers, std::initializer_list<OpKind> kinds, Maker maker) {
  for (const OpKind kind : kinds) makers[static_cast<std::size_t>(kind)] = maker;
}

}  // namespace rockmate::reference
