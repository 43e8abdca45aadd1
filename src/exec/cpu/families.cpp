#include "exec/cpu/families.h"

#include <algorithm>

namespace rockmate::cpu {

bool is_float32(const KernelView& kernel) {
  const auto is = [](const TensorType& type) { return type.dtype == DType::kFloat32; };
  return std::all_of(kernel.inputs.begin(), kernel.inputs.end(), is) &&
         std::all_of(kernel.outputs.begin(), kernel.outputs.end(), is);
}

bool has_one_format(const KernelView& kernel) {
  const MemoryFormat format = kernel.inputs[0].format;
  const auto is = [=](const TensorType& type) { return type.format == format; };
  return std::all_of(kernel.inputs.begin(), kernel.inputs.end(), is) &&
         std::all_of(kernel.outputs.begin(), kernel.outputs.end(), is);
}

}  // namespace rockmate::cpu
