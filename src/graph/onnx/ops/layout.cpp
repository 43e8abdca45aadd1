// Ops that reorder, join or cut whole axes.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "graph/onnx/batch.h"
#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

void import_transpose(NodeCall& call) {
  const Shape& from = call.shape(0);
  std::vector<std::int64_t> permutation(from.size());
  std::iota(permutation.rbegin(), permutation.rend(), std::int64_t{0});
  permutation = call.integers("perm").value_or(permutation);
  const auto sorted = call.rising_axes(permutation, from.size());
  if (sorted.size() != from.size()) {
    NodeCall::reject(fmt::format("perm {}: expected each of the {} axes once",
                                 to_string(permutation), from.size()));
  }
  for (std::int64_t& axis : permutation) {
    axis = static_cast<std::int64_t>(call.axis(axis, from.size()));
  }
  if (permutation == sorted) return call.set(call.value(0));
  if (const Constant* x = call.foldable(0)) {
    const auto strides = strides_of(from);
    Shape shape;
    std::vector<std::int64_t> moved;
    for (const std::int64_t axis : permutation) {
      shape.push_back(from[static_cast<std::size_t>(axis)]);
      moved.push_back(strides[static_cast<std::size_t>(axis)]);
    }
    if (Folded result = fold_strided(*x, shape, 0, moved)) return call.set(*std::move(result));
  }
  const TensorId x = call.tensor(0);
  call.set(call.b().transpose(x, permutation));
}

// Parts without elements contribute nothing, whatever their rank.
void import_concat(NodeCall& call) {
  if (call.inputs() == 0) NodeCall::reject("no parts, expected at least one");
  const std::size_t rank = call.shape(0).size();
  const std::size_t axis = call.axis(call.integer("axis", 1), rank);
  std::vector<const Constant*> constants;
  for (std::size_t i = 0; i < call.inputs(); ++i) {
    Shape expected = call.shape(0);
    const Shape& found = call.shape(i);
    if (found.size() != rank) {
      NodeCall::reject(fmt::format("part {} is {}, expected {} axes", i, to_string(found), rank));
    }
    expected[axis] = found[axis];
    const Constant* part = call.foldable(i);
    if (part != nullptr && found == expected) constants.push_back(part);
  }
  if (constants.size() == call.inputs()) {
    if (Folded result = fold_concat(constants, axis)) return call.set(*std::move(result));
  }
  std::vector<TensorId> parts;
  for (std::size_t i = 0; i < call.inputs(); ++i) {
    if (call.shape(i)[axis] != 0 || call.inputs() == 1) parts.push_back(call.tensor(i));
  }
  if (parts.empty()) parts.push_back(call.tensor(0));
  if (parts.size() == 1) return call.set(parts.front());
  parts = concat_parts(call, std::move(parts), axis);
  call.set(call.b().concat(parts, static_cast<std::int64_t>(axis)));
}

std::vector<std::int64_t> split_sizes(NodeCall& call, std::int64_t extent) {
  if (const auto sizes = call.list("split", 1)) return *sizes;
  const auto parts = static_cast<std::int64_t>(call.outputs());
  if (parts == 0) NodeCall::reject("no outputs, expected at least one");
  const std::int64_t size = (extent + parts - 1) / parts;
  std::vector<std::int64_t> sizes;
  for (std::int64_t p = 0; p < parts; ++p) {
    sizes.push_back(std::clamp<std::int64_t>(extent - p * size, 0, size));
  }
  return sizes;
}

void import_split(NodeCall& call) {
  const Shape from = call.shape(0);
  const std::size_t axis = call.axis(call.integer("axis", 0), from.size());
  const std::vector<std::int64_t> sizes = split_sizes(call, from[axis]);
  std::int64_t total = 0;
  for (const std::int64_t size : sizes) {
    if (size < 0 || size > from[axis] - total) {
      NodeCall::reject(
          fmt::format("a part of {} of the {} elements that are left", size, from[axis] - total));
    }
    total += size;
  }
  if (total != from[axis] || sizes.size() != call.outputs()) {
    NodeCall::reject(fmt::format("{} parts of {} elements in all, expected {} parts of {}",
                                 sizes.size(), total, call.outputs(), from[axis]));
  }
  if (const Constant* x = call.foldable(0)) {
    const auto strides = strides_of(from);
    std::int64_t start = 0;
    std::vector<Constant> parts;
    for (const std::int64_t size : sizes) {
      Shape shape = from;
      shape[axis] = size;
      Folded part = fold_strided(*x, shape, start * strides[axis], strides);
      if (part) parts.push_back(*std::move(part));
      start += size;
    }
    if (parts.size() == sizes.size()) {
      for (std::size_t i = 0; i < parts.size(); ++i) call.set(std::move(parts[i]), i);
      return;
    }
  }
  const TensorId x = call.tensor(0);
  const auto parts = call.b().split(x, sizes, static_cast<std::int64_t>(axis));
  for (std::size_t i = 0; i < parts.size(); ++i) call.set(parts[i], i);
}

Shape image_of(NodeCall& call) {
  if (call.shape(0).size() != 4) {
    NodeCall::reject(
        fmt::format("the input has the shape {}, expected 4 axes", to_string(call.shape(0))));
  }
  return call.shape(0);
}

std::int64_t block_of(NodeCall& call, std::int64_t largest) {
  const std::int64_t block = call.integer("blocksize", 0);
  if (block < 1 || block > largest) {
    NodeCall::reject(fmt::format("blocksize is {}, expected 1 to {}", block, largest));
  }
  return block;
}

void import_depth_to_space(NodeCall& call) {
  const Shape s = image_of(call);
  const std::int64_t k = block_of(call, std::min<std::int64_t>(s[1], 1 << 14));
  if (s[1] % (k * k) != 0) {
    NodeCall::reject(fmt::format("{} channels do not divide into blocks of {} x {}", s[1], k, k));
  }
  const std::int64_t c = s[1] / (k * k);
  const TensorId x = call.tensor(0);
  const bool columns_first = call.text("mode", "DCR") == "CRD";
  const TensorId apart = columns_first ? call.b().reshape(x, {s[0], c, k, k, s[2], s[3]})
                                       : call.b().reshape(x, {s[0], k, k, c, s[2], s[3]});
  const TensorId moved = columns_first ? call.b().transpose(apart, {0, 1, 4, 2, 5, 3})
                                       : call.b().transpose(apart, {0, 3, 4, 1, 5, 2});
  call.set(call.b().reshape(moved, {s[0], c, s[2] * k, s[3] * k}));
}

void import_space_to_depth(NodeCall& call) {
  const Shape s = image_of(call);
  const std::int64_t k = block_of(call, std::max<std::int64_t>(std::min(s[2], s[3]), 1));
  if (s[2] % k != 0 || s[3] % k != 0) {
    NodeCall::reject(
        fmt::format("an image of {} x {} does not divide into blocks of {}", s[2], s[3], k));
  }
  const TensorId x = call.tensor(0);
  const TensorId apart = call.b().reshape(x, {s[0], s[1], s[2] / k, k, s[3] / k, k});
  const TensorId moved = call.b().transpose(apart, {0, 3, 5, 1, 2, 4});
  call.set(call.b().reshape(moved, {s[0], s[1] * k * k, s[2] / k, s[3] / k}));
}

}  // namespace

void add_layout_importers(Importers& importers) {
  importers["Transpose"] = import_transpose;
  importers["Concat"] = import_concat;
  importers["Split"] = import_split;
  importers["DepthToSpace"] = import_depth_to_space;
  importers["SpaceToDepth"] = import_space_to_depth;
}

}  // namespace rockmate::from_onnx
