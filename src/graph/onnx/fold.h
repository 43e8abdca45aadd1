// Folding: ops on constants. Every function yields nothing where the result would have more than
// kLargestFold elements of its own; the op is then left to the graph. A uniform constant stays
// uniform wherever it can. Whole numbers wrap around as two's complement does.
#pragma once

#include <optional>
#include <vector>

#include "graph/onnx/constant.h"

namespace rockmate::from_onnx {

using Folded = std::optional<Constant>;

/// numpy's rule; throws InvalidInput where the shapes do not broadcast.
[[nodiscard]] Shape broadcast_shapes(const Shape& a, const Shape& b);

/// x with element i of the result at `offset` + i . strides, in elements of x.
[[nodiscard]] Folded fold_strided(const Constant& x, const Shape& shape, std::int64_t offset,
                                  const std::vector<std::int64_t>& strides);
/// Row-major strides.
[[nodiscard]] std::vector<std::int64_t> strides_of(const Shape& shape);
[[nodiscard]] Folded fold_expand(const Constant& x, const Shape& shape);

[[nodiscard]] Folded fold_cast(const Constant& x, DType dtype);
/// Elements of `axis` picked by `indices` of any shape; negative ones count from the end. Throws
/// InvalidInput where an index lies outside.
[[nodiscard]] Folded fold_gather(const Constant& x, const Constant& indices, std::size_t axis);
/// All parts have one rank.
[[nodiscard]] Folded fold_concat(const std::vector<const Constant*>& parts, std::size_t axis);
[[nodiscard]] Folded fold_where(const Constant& condition, const Constant& a, const Constant& b);

using RealFunction = double (*)(double);
using RealBinary = double (*)(double, double);
using WholeBinary = std::int64_t (*)(std::int64_t, std::int64_t);

[[nodiscard]] Folded fold_unary(const Constant& x, RealFunction function);
/// Whole numbers take `whole` unless it is null.
[[nodiscard]] Folded fold_binary(const Constant& a, const Constant& b, DType result,
                                 WholeBinary whole, RealBinary real);
/// Reduces over rising `axes`, beginning with the first element of each group.
[[nodiscard]] Folded fold_reduce(const Constant& x, const std::vector<std::int64_t>& axes,
                                 bool keep, RealBinary combine, bool mean);

}  // namespace rockmate::from_onnx
