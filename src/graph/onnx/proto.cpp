#include "graph/onnx/proto.h"

#include <fmt/format.h>

#include <algorithm>

#include "rockmate/error.h"

namespace rockmate::from_onnx {

void check_shape(const Shape& shape) {
  if (shape.size() > kMostAxes) {
    throw InvalidInput(
        fmt::format("a tensor of {} axes, expected at most {}", shape.size(), kMostAxes));
  }
  const auto too_large = [](std::int64_t extent) { return extent > kMostElements; };
  if (std::any_of(shape.begin(), shape.end(), too_large) || element_count(shape) > kMostElements) {
    throw InvalidInput(fmt::format("shape {}: expected at most 2^48 elements", to_string(shape)));
  }
}

DType dtype_of(std::int32_t data_type) {
  using Proto = onnx::TensorProto;
  switch (data_type) {
    case Proto::DOUBLE:
      return DType::kFloat64;
    case Proto::FLOAT:
      return DType::kFloat32;
    case Proto::FLOAT16:
      return DType::kFloat16;
    case Proto::BFLOAT16:
      return DType::kBFloat16;
    case Proto::INT64:
    case Proto::UINT64:
    case Proto::UINT32:
      return DType::kInt64;
    case Proto::INT32:
    case Proto::INT16:
    case Proto::UINT16:
    case Proto::INT8:
      return DType::kInt32;
    case Proto::UINT8:
      return DType::kUInt8;
    case Proto::BOOL:
      return DType::kBool;
    default:
      break;
  }
  const bool known = onnx::TensorProto_DataType_IsValid(data_type);
  throw InvalidInput(
      fmt::format("elements of type {}, expected floating-point or whole numbers",
                  known ? onnx::TensorProto_DataType_Name(static_cast<Proto::DataType>(data_type))
                        : std::to_string(data_type)));
}

}  // namespace rockmate::from_onnx
