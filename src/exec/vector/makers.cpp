#include <fmt/format.h>

#include "exec/nesting.h"
#include "exec/vector/fused.h"

namespace rockmate::vector {
namespace {

Makers make_makers() {
  Makers makers = {};
  add_map_kernels(makers);
  add_update_kernels(makers);
  add_strided_kernels(makers);
  add_element_kernels(makers);
  add_resize_kernels(makers);
  add_part_kernels(makers);
  add_product_kernels(makers);
  add_convolution_kernels(makers);
  add_norm_kernels(makers);
  add_pooling_kernels(makers);
  add_line_kernels(makers);
  add_indexing_kernels(makers);
  add_reduction_kernels(makers);
  return makers;
}

void check_formats(const KernelView& kernel) {
  for (const auto* types : {&kernel.inputs, &kernel.outputs}) {
    for (const TensorType& type : *types) {
      if (type.format == MemoryFormat::kRowMajor) continue;
      kernel.reject(
          fmt::format("{}: the vector engine computes on row-major tensors only", to_string(type)));
    }
  }
}

}  // namespace

bool is_wide(const KernelView& kernel, DType dtype) {
  if (dtype == DType::kFloat32) return false;
  if (dtype == DType::kFloat64) return true;
  kernel.reject(fmt::format(
      "the vector engine has no kernel for elements of type {}, expected float32 or float64",
      to_string(dtype)));
}

Prepared prepare(const KernelSpec& spec) {
  static const Makers makers = make_makers();
  const KernelView kernel(spec);
  check_formats(kernel);
  if (kernel.kind == OpKind::kFused) return make_fused(kernel).value();
  const Maker maker = makers[static_cast<std::size_t>(kernel.kind)];
  if (maker == nullptr) kernel.reject("the vector engine has no kernel for it");
  return maker(kernel);
}

std::optional<Kernel> in_parts(const KernelSpec& spec) {
  if (spec.kernel.kind != OpKind::kFused || make_fused(KernelView(spec))) return std::nullopt;
  Kernel nested = spec.kernel;
  nested.attributes.set("parts", nest_point_runs(nested.attributes.parts()));
  return nested;
}

}  // namespace rockmate::vector
