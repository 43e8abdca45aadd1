// The one place where the generated protobuf classes come in.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>

#include "base/shown.h"
#include "rockmate/graph.h"

namespace rockmate::from_onnx {

/// The most elements of any tensor: products of extents and strides stay within 64 bits.
inline constexpr std::int64_t kMostElements = std::int64_t{1} << 48;
inline constexpr std::size_t kMostAxes = 32;

/// Names of a file, as they may stand in messages and in the graph.
[[nodiscard]] inline std::string shown_name(const std::string& name) { return shown(name, 120); }

/// Throws InvalidInput where an extent is negative, or a tensor has too many axes or elements.
void check_shape(const Shape& shape);

/// Of TensorProto::DataType. Narrow whole numbers become int32, unsigned ones int64, except uint8.
/// Throws InvalidInput that names a type which has no counterpart.
[[nodiscard]] DType dtype_of(std::int32_t data_type);

}  // namespace rockmate::from_onnx
