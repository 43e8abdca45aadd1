// Linear layers of few rows, as a network has them that is used by the sample: they take as long as
// their weight takes to be read.

#include <algorithm>

#include "exec/cpu/families.h"
#include "exec/cpu/row_products.h"

namespace rockmate::cpu {
namespace {

std::optional<Prepared> make_linear(const KernelView& kernel, int) {
  const Shape& x = kernel.shape();
  const std::int64_t rows = extent(x, 0, x.size() - 1);
  const bool fits = is_float32(kernel) && has_one_format(kernel) &&
                    kernel.attributes.flag("transpose_weight") && rows >= 1 &&
                    rows <= kMostProductRows;
  if (!fits) return std::nullopt;
  const std::int64_t inner = x.back();
  const std::int64_t outputs = kernel.out_shape().back();
  const bool has_bias = kernel.inputs.size() > 2;
  return Prepared{[=](const Run& run) {
    const float* const bias = has_bias ? run.in<float>(2) : nullptr;
    const float* const addend = run.addend<float>();
    float* const y = run.out<float>();
    const std::int64_t grain = kGrain / std::max<std::int64_t>(inner, 1) + 1;
    parallel_for(run.threads(), outputs, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = 0; r < rows; ++r) {
        float* const line = y + r * outputs;
        for (std::int64_t n = begin; n < end; ++n) {
          const float added = addend != nullptr ? addend[r * outputs + n] : 0;
          line[n] = bias != nullptr ? added + bias[n] : added;
        }
      }
      add_row_products(run.in<float>(0), rows, run.in<float>(1) + begin * inner, inner, end - begin,
                       y + begin, outputs);
    });
  }};
}

}  // namespace

void add_few_row_kernels(Makers& makers) { add(makers, {OpKind::kLinear}, make_linear); }

}  // namespace rockmate::cpu
