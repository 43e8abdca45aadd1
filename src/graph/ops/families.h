// The families of the op table; each adds its entries. Files here hold declarations of ops and
// nothing else, one family each.
#pragma once

#include <vector>

#include "graph/gradient_scope.h"
#include "graph/op_table.h"

namespace rockmate {

using OpDefinitions = std::vector<OpDefinition>;

void add_convolution_ops(OpDefinitions& table);
void add_linear_ops(OpDefinitions& table);
void add_normalization_ops(OpDefinitions& table);
void add_pooling_ops(OpDefinitions& table);
void add_activation_ops(OpDefinitions& table);
void add_softmax_ops(OpDefinitions& table);
void add_random_ops(OpDefinitions& table);
void add_indexing_ops(OpDefinitions& table);
void add_part_ops(OpDefinitions& table);
void add_movement_ops(OpDefinitions& table);
void add_resize_ops(OpDefinitions& table);
void add_arithmetic_ops(OpDefinitions& table);
void add_comparison_ops(OpDefinitions& table);
void add_unary_ops(OpDefinitions& table);
void add_reduction_ops(OpDefinitions& table);
void add_loss_ops(OpDefinitions& table);
void add_optimizer_ops(OpDefinitions& table);
void add_fused_ops(OpDefinitions& table);
void add_communication_ops(OpDefinitions& table);

}  // namespace rockmate
