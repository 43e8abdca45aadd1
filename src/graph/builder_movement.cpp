// Methods that move elements: numpy's conventions (negative axes and positions, -1 in a shape) are
// resolved here, so that the op table sees plain numbers only.

#include <fmt/format.h>

#include <algorithm>

#include "rockmate/error.h"
#include "rockmate/graph_builder.h"

namespace rockmate {
namespace {

std::int64_t from_front(std::int64_t axis, std::size_t rank) {
  return axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
}

// An axis as an index into a shape of `rank` axes; InvalidInput names the method.
std::size_t checked_axis(std::int64_t axis, std::size_t rank, const char* method) {
  const std::int64_t result = from_front(axis, rank);
  if (result < 0 || result >= static_cast<std::int64_t>(rank)) {
    throw InvalidInput(fmt::format("{}: axis {} of {} axes does not exist", method, axis, rank));
  }
  return static_cast<std::size_t>(result);
}

}  // namespace

TensorId GraphBuilder::concat(const std::vector<TensorId>& parts, std::int64_t axis) {
  if (parts.empty()) throw InvalidInput("concat: no parts, expected at least one");
  return single(OpKind::kConcat, parts, {{"axis", from_front(axis, shape(parts[0]).size())}});
}

std::vector<TensorId> GraphBuilder::split(TensorId x, const std::vector<std::int64_t>& sizes,
                                          std::int64_t axis) {
  return node(OpKind::kSplit, {x}, {{"axis", from_front(axis, shape(x).size())}, {"sizes", sizes}});
}

std::vector<TensorId> GraphBuilder::chunk(TensorId x, std::int64_t parts, std::int64_t axis) {
  const std::int64_t extent = shape(x)[checked_axis(axis, shape(x).size(), "chunk")];
  if (parts < 1 || extent % parts != 0) {
    throw InvalidInput(fmt::format("chunk: {} elements of '{}' do not divide into {} equal parts",
                                   extent, (*this)[x].name, parts));
  }
  return split(x, std::vector<std::int64_t>(static_cast<std::size_t>(parts), extent / parts), axis);
}

TensorId GraphBuilder::slice(TensorId x, std::int64_t axis, std::int64_t start, std::int64_t end,
                             std::int64_t step) {
  const Shape& x_shape = shape(x);
  const std::size_t a = checked_axis(axis, x_shape.size(), "slice");
  if (step < 1) throw InvalidInput(fmt::format("slice: step is {}, expected >= 1", step));
  const std::int64_t extent = x_shape[a];
  const auto position = [&](std::int64_t at) {
    return std::clamp(at < 0 ? at + extent : at, std::int64_t{0}, extent);
  };
  Shape starts(x_shape.size(), 0);
  Shape sizes = x_shape;
  Shape steps(x_shape.size(), 1);
  starts[a] = position(start);
  const std::int64_t taken = position(end) - starts[a];
  sizes[a] = taken > 0 ? (taken - 1) / step + 1 : 0;
  steps[a] = step;
  return single(OpKind::kSlice, {x}, {{"starts", starts}, {"sizes", sizes}, {"steps", steps}});
}

TensorId GraphBuilder::reshape(TensorId x, Shape to) {
  const auto unknown = std::find(to.begin(), to.end(), -1);
  if (unknown != to.end()) {
    *unknown = 1;
    const std::int64_t known = element_count(to);
    *unknown = known == 0 ? 0 : element_count(shape(x)) / known;
  }
  return single(OpKind::kReshape, {x}, {{"shape", std::move(to)}});
}

TensorId GraphBuilder::flatten(TensorId x, std::int64_t first_axis) {
  const Shape& from = shape(x);
  const std::int64_t first = std::clamp<std::int64_t>(from_front(first_axis, from.size()), 0,
                                                      static_cast<std::int64_t>(from.size()));
  Shape to(from.begin(), from.begin() + first);
  to.push_back(element_count({from.begin() + first, from.end()}));
  return reshape(x, std::move(to));
}

TensorId GraphBuilder::squeeze(TensorId x, std::int64_t axis) {
  Shape to = shape(x);
  const std::size_t a = checked_axis(axis, to.size(), "squeeze");
  if (to[a] != 1) {
    throw InvalidInput(fmt::format("squeeze: axis {} of '{}' {} has {} elements, expected 1", a,
                                   (*this)[x].name, to_string(to), to[a]));
  }
  to.erase(to.begin() + static_cast<std::ptrdiff_t>(a));
  return reshape(x, std::move(to));
}

TensorId GraphBuilder::unsqueeze(TensorId x, std::int64_t axis) {
  Shape to = shape(x);
  const std::size_t a = checked_axis(axis, to.size() + 1, "unsqueeze");
  to.insert(to.begin() + static_cast<std::ptrdiff_t>(a), 1);
  return reshape(x, std::move(to));
}

TensorId GraphBuilder::transpose(TensorId x, const std::vector<std::int64_t>& permutation) {
  std::vector<std::int64_t> list = permutation;
  for (std::int64_t& axis : list) axis = from_front(axis, list.size());
  return single(OpKind::kTranspose, {x}, {{"permutation", list}});
}

TensorId GraphBuilder::pad(TensorId x, const std::vector<std::int64_t>& before,
                           const std::vector<std::int64_t>& after, double value) {
  return single(OpKind::kPad, {x}, {{"before", before}, {"after", after}, {"value", value}});
}

TensorId GraphBuilder::expand(TensorId x, Shape to) {
  return single(OpKind::kExpand, {x}, {{"shape", std::move(to)}});
}

TensorId GraphBuilder::resize(TensorId x, const Extents& size, ResizeMode mode,
                              bool align_corners) {
  return single(OpKind::kResize, {x},
                {{"size", per_dimension(x, size)},
                 {"mode", std::string(mode == ResizeMode::kNearest ? "nearest" : "linear")},
                 {"align_corners", align_corners}});
}

TensorId GraphBuilder::cast(TensorId x, DType dtype) {
  return single(OpKind::kCast, {x}, {{"dtype", std::string(to_string(dtype))}});
}

TensorId GraphBuilder::trilu(TensorId x, bool upper, std::int64_t diagonal) {
  return single(OpKind::kTrilu, {x}, {{"upper", upper}, {"diagonal", diagonal}});
}

}  // namespace rockmate
