// Sources of known numbers: constants, ranges, and the shapes of tensors.

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "graph/onnx/batch.h"
#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

void import_constant(NodeCall& call) {
  if (auto tensor = call.constant("value")) {
    return call.set(follow_constant(call, *std::move(tensor)));
  }
  if (call.find("value_int") != nullptr) {
    return call.set(Constant(DType::kInt64, {}, std::vector{call.integer("value_int", 0)}));
  }
  if (call.find("value_float") != nullptr) {
    return call.set(Constant(DType::kFloat32, {}, std::vector{call.real("value_float", 0)}));
  }
  if (const auto list = call.integers("value_ints")) return call.set(Constant(*list));
  if (const auto list = call.reals("value_floats")) {
    return call.set(Constant(DType::kFloat32, {static_cast<std::int64_t>(list->size())}, *list));
  }
  NodeCall::reject("expected one of value, value_int, value_ints, value_float, value_floats");
}

void import_constant_of_shape(NodeCall& call) {
  const Shape shape = call.known_wholes(0, "the shape");
  check_shape(shape);
  const auto value = call.constant("value");
  if (value && value->count() != 1) {
    NodeCall::reject(
        fmt::format("value has the shape {}, expected one element", to_string(value->shape())));
  }
  const bool empty = element_count(shape) == 0;
  Constant result = Constant::zeros(value ? value->dtype() : DType::kFloat32, shape, empty ? 0 : 1);
  if (value && !empty) result.copy(0, *value, 0);
  call.set(follow_constant(call, std::move(result)));
}

void import_range(NodeCall& call) {
  const double start = call.known_real(0, "the start");
  const double limit = call.known_real(1, "the limit");
  const double delta = call.known_real(2, "the step");
  const double count = std::ceil((limit - start) / delta);
  if (!(std::abs(count) < static_cast<double>(kLargestFold))) {
    NodeCall::reject(fmt::format("from {} to {} by {}: expected fewer than {} elements", start,
                                 limit, delta, kLargestFold));
  }
  const auto size = static_cast<std::int64_t>(std::max(count, 0.0));
  Constant result = Constant::zeros(call.dtype(0), {size}, size);
  for (std::int64_t i = 0; i < size; ++i) {
    result.set(i, start + static_cast<double>(i) * delta);
  }
  call.set(std::move(result));
}

void import_shape(NodeCall& call) {
  const Shape& shape = call.shape(0);
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto clamped = [&](std::int64_t place) {
    return std::clamp<std::int64_t>(place < 0 ? place + rank : place, 0, rank);
  };
  const std::int64_t start = clamped(call.integer("start", 0));
  const std::int64_t end = std::max(clamped(call.integer("end", rank)), start);
  call.set(Constant(std::vector(shape.begin() + start, shape.begin() + end)));
}

void import_size(NodeCall& call) {
  call.set(Constant(DType::kInt64, {}, std::vector{element_count(call.shape(0))}));
}

}  // namespace

void add_constant_importers(Importers& importers) {
  importers["Constant"] = import_constant;
  importers["ConstantOfShape"] = import_constant_of_shape;
  importers["Range"] = import_range;
  importers["Shape"] = import_shape;
  importers["Size"] = import_size;
}

}  // namespace rockmate::from_onnx
