// The kernels of the interpreter: plain loops over multi-indices, one family per file.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "rockmate/graph.h"
#include "support/interpreter.h"

namespace rockmate::testing {

/// One run of a kernel. Outputs have their shapes and are zero.
struct Call {
  OpKind kind;
  const Attributes& attributes;
  std::vector<Array*> inputs;  ///< the addend among them; a family sees them without it
  std::vector<TensorType> input_types;
  std::vector<Array> outputs;
  std::uint64_t seed = 0;
  std::int64_t step = 0;
  double rate = 1;

  [[nodiscard]] const Array& in(std::size_t i) const { return *inputs[i]; }
  [[nodiscard]] Array& out(std::size_t i = 0) { return outputs[i]; }
  [[nodiscard]] bool has(std::size_t i) const { return i < inputs.size(); }
};

/// Runs a kernel of any family and adds the addend, if there is one.
void run_kernel(Call& call);

// Each returns false where the kind is of another family.
bool run_elementwise(Call& call);
bool run_windows(Call& call);
bool run_movement(Call& call);
bool run_products(Call& call);
bool run_norms(Call& call);
bool run_reductions(Call& call);
bool run_losses(Call& call);
bool run_optimizers(Call& call);

using Index = std::vector<std::int64_t>;
/// Visits all indices of a shape in row-major order.
void for_each_index(const Shape& shape, const std::function<void(const Index&)>& visit);
[[nodiscard]] std::size_t offset(const Shape& shape, const Index& index);
/// The element that is read at `index` of the shape to which `array` is broadcast.
[[nodiscard]] double broadcast_at(const Array& array, const Index& index);
/// The offset, among the elements reduced over `axes`, to which `index` of `shape` contributes.
[[nodiscard]] std::size_t reduced_offset(const Shape& shape, const Index& index,
                                         const std::vector<std::int64_t>& axes);
/// log of the sum of exponentials over one axis, per element of the shape without it.
[[nodiscard]] std::vector<double> log_sums(const Array& x, std::int64_t axis);

}  // namespace rockmate::testing
