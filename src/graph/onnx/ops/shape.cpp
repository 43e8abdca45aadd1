// Ops that change shapes and move nothing, and those that repeat elements.

#include <fmt/format.h>

#include <algorithm>

#include "graph/onnx/batch.h"
#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

void set_reshaped(NodeCall& call, const Shape& shape) {
  check_shape(shape);
  const Shape& from = call.shape(0);
  if (element_count(shape) != element_count(from)) {
    NodeCall::reject(fmt::format("{} has {} elements, {} has {}, expected as many", to_string(from),
                                 element_count(from), to_string(shape), element_count(shape)));
  }
  if (from == shape) return call.set(call.value(0));
  if (const Constant* x = call.foldable(0)) return call.set(x->reshaped(shape));
  const TensorId x = call.tensor(0);
  call.set(call.b().reshape(x, shape));
}

// 0 copies the input's extent; -1 is what is left.
Shape resolved(NodeCall& call, const std::vector<std::int64_t>& stated) {
  const Shape& from = call.shape(0);
  Shape target = stated;
  const bool copies = call.integer("allowzero", 0) == 0;
  std::optional<std::size_t> open;
  for (std::size_t a = 0; a < target.size(); ++a) {
    if (target[a] == 0 && copies) {
      if (a >= from.size()) NodeCall::reject(fmt::format("extent {} is 0 and has no input", a));
      target[a] = from[a];
    }
    if (target[a] < -1 || (target[a] == -1 && open)) {
      NodeCall::reject(
          fmt::format("the shape {}: expected numbers >= 0 and at most one -1", to_string(stated)));
    }
    if (target[a] == -1) open = a;
  }
  if (!open) return target;
  target[*open] = 1;
  const std::int64_t rest = element_count(target);
  target[*open] = rest == 0 ? 0 : element_count(from) / rest;
  return target;
}

void import_reshape(NodeCall& call) {
  const auto stated = call.opset() < 5 && !call.has(1) ? call.integers("shape").value_or(Shape{})
                                                       : call.known_wholes(1, "the shape");
  set_reshaped(call, reshape_target(call, stated, resolved(call, stated)));
}

void import_flatten(NodeCall& call) {
  const Shape& from = call.shape(0);
  const auto rank = static_cast<std::int64_t>(from.size());
  std::int64_t axis = call.integer("axis", 1);
  if (axis < -rank || axis > rank) {
    NodeCall::reject(fmt::format("axis {} of {} axes does not exist", axis, rank));
  }
  if (axis < 0) axis += rank;
  set_reshaped(call, {element_count(Shape(from.begin(), from.begin() + axis)),
                      element_count(Shape(from.begin() + axis, from.end()))});
}

void import_squeeze(NodeCall& call) {
  const Shape& from = call.shape(0);
  const auto axes = call.list("axes", 1);
  std::vector<std::int64_t> gone;
  if (axes) gone = call.rising_axes(*axes, from.size());
  Shape shape;
  for (std::size_t a = 0; a < from.size(); ++a) {
    const bool named = std::binary_search(gone.begin(), gone.end(), static_cast<std::int64_t>(a));
    if (named && from[a] != 1) {
      NodeCall::reject(
          fmt::format("axis {} of {} has {} elements, expected 1", a, to_string(from), from[a]));
    }
    if (!named && (axes || from[a] != 1)) shape.push_back(from[a]);
  }
  set_reshaped(call, shape);
}

void import_unsqueeze(NodeCall& call) {
  const Shape& from = call.shape(0);
  const auto stated = call.list("axes", 1);
  if (!stated) NodeCall::reject("the axes are missing");
  const std::size_t rank = from.size() + stated->size();
  if (rank > kMostAxes) NodeCall::reject(fmt::format("{} axes, expected fewer", rank));
  const std::vector<std::int64_t> axes = call.rising_axes(*stated, rank);
  Shape shape = from;
  for (const std::int64_t axis : axes) shape.insert(shape.begin() + axis, 1);
  set_reshaped(call, shape);
}

void set_expanded(NodeCall& call, const Shape& shape) {
  check_shape(shape);
  if (call.shape(0) == shape) return call.set(call.value(0));
  if (const Constant* x = call.foldable(0)) {
    if (Folded result = fold_expand(*x, shape)) return call.set(*std::move(result));
  }
  const TensorId x = call.tensor(0);
  call.set(call.b().expand(x, shape));
}

// Both ways: an extent of 1 in the target keeps the input's.
void import_expand(NodeCall& call) {
  const auto stated = call.known_wholes(1, "the shape");
  check_shape(stated);
  const Shape target = expand_target(call, stated, stated);
  set_expanded(call, broadcast_shapes(call.shape(0), target));
}

// [a, b] tiled by [r, s] is [1, a, 1, b] expanded to [r, a, s, b] and reshaped to [r a, s b].
void import_tile(NodeCall& call) {
  const Shape from = call.shape(0);
  const auto repeats = call.known_wholes(1, "the repeats");
  check_shape(repeats);
  if (repeats.size() != from.size()) {
    NodeCall::reject(
        fmt::format("{} repeats of {} axes, expected as many", repeats.size(), from.size()));
  }
  Shape apart, spread, shape;
  for (std::size_t a = 0; a < from.size(); ++a) {
    if (repeats[a] != 1) {
      apart.push_back(1);
      spread.push_back(repeats[a]);
    }
    apart.push_back(from[a]);
    spread.push_back(from[a]);
    shape.push_back(element_count({from[a], repeats[a]}));
  }
  check_shape(spread);
  if (shape == from) return call.set(call.value(0));
  if (const Constant* x = call.foldable(0)) {
    if (Folded result = fold_expand(x->reshaped(apart), spread)) {
      return call.set(result->reshaped(shape));
    }
  }
  const TensorId x = call.tensor(0);
  const TensorId separated = call.b().reshape(x, apart);
  const TensorId tiled = call.b().expand(separated, spread);
  call.set(call.b().reshape(tiled, shape));
}

}  // namespace

void add_shape_importers(Importers& importers) {
  importers["Reshape"] = import_reshape;
  importers["Flatten"] = import_flatten;
  importers["Squeeze"] = import_squeeze;
  importers["Unsqueeze"] = import_unsqueeze;
  importers["Expand"] = import_expand;
  importers["Tile"] = import_tile;
}

}  // namespace rockmate::from_onnx
