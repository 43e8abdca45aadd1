#include "graph/onnx/ops/picking.h"

#include <fmt/format.h>

namespace rockmate::from_onnx {

TensorId pick(NodeCall& call, TensorId x, std::size_t axis,
              const std::vector<std::int64_t>& places) {
  const TensorId indices = call.values().constant(std::make_shared<const Constant>(places));
  return call.b().gather(x, indices, static_cast<std::int64_t>(axis));
}

std::int64_t checked_pick(std::int64_t size) {
  if (size > kLargestFold) {
    NodeCall::reject(
        fmt::format("an axis of {} elements, expected at most {}", size, kLargestFold));
  }
  return size;
}

std::int64_t whole_number(NodeCall& call, std::size_t input, const char* what) {
  const Constant& number = call.known(input, what);
  if (number.count() != 1) {
    NodeCall::reject(
        fmt::format("{} has the shape {}, expected one number", what, to_string(number.shape())));
  }
  return number.whole(0);
}

}  // namespace rockmate::from_onnx
