#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {

Importer find_importer(std::string_view op) {
  static const Importers importers = [] {
    Importers all;
    for (const auto add :
         {add_activation_importers, add_arithmetic_importers, add_comparison_importers,
          add_constant_importers, add_convolution_importers, add_indexing_importers,
          add_layout_importers, add_linear_importers, add_loss_importers,
          add_normalization_importers, add_pooling_importers, add_reduction_importers,
          add_resize_importers, add_shape_importers, add_slicing_importers, add_softmax_importers,
          add_unary_importers}) {
      add(all);
    }
    return all;
  }();
  const auto at = importers.find(op);
  return at == importers.end() ? nullptr : at->second;
}

}  // namespace rockmate::from_onnx
