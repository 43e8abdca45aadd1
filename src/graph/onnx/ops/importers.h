// The ops that can be imported, in families; each adds its importers by op type. An importer reads
// a NodeCall and defines its outputs, as constants where it can.
#pragma once

#include <string_view>
#include <unordered_map>

#include "graph/onnx/node_call.h"

namespace rockmate::from_onnx {

using Importer = void (*)(NodeCall&);
using Importers = std::unordered_map<std::string_view, Importer>;

void add_activation_importers(Importers& importers);
void add_arithmetic_importers(Importers& importers);
void add_comparison_importers(Importers& importers);
void add_constant_importers(Importers& importers);
void add_convolution_importers(Importers& importers);
void add_indexing_importers(Importers& importers);
void add_layout_importers(Importers& importers);
void add_linear_importers(Importers& importers);
void add_loss_importers(Importers& importers);
void add_normalization_importers(Importers& importers);
void add_pooling_importers(Importers& importers);
void add_reduction_importers(Importers& importers);
void add_resize_importers(Importers& importers);
void add_shape_importers(Importers& importers);
void add_slicing_importers(Importers& importers);
void add_softmax_importers(Importers& importers);
void add_unary_importers(Importers& importers);

/// Null where the op is not supported. Constant time.
[[nodiscard]] Importer find_importer(std::string_view op);

}  // namespace rockmate::from_onnx
