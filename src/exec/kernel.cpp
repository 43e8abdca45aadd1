#include "exec/kernel.h"

#include <fmt/format.h>

#include "rockmate/error.h"

namespace rockmate::kernels {

KernelView::KernelView(const KernelSpec& spec)
    : op(spec.op),
      kind(spec.kernel.kind),
      attributes(spec.kernel.attributes),
      adds(spec.kernel.attributes.flag("adds")),
      inputs(spec.inputs),
      outputs(spec.outputs) {
  if (adds) inputs.pop_back();
}

void KernelView::reject(const std::string& text) const {
  throw InvalidInput(fmt::format("op '{}' ({}): {}", op, to_string(kind), text));
}

std::int64_t extent(const Shape& shape, std::size_t begin, std::size_t end) {
  std::int64_t product = 1;
  for (std::size_t a = begin; a < end; ++a) product *= shape[a];
  return product;
}

}  // namespace rockmate::kernels
