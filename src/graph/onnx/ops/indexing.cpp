// Picking by indices, and indices spread out as ones.

#include <fmt/format.h>

#include <numeric>

#include "graph/onnx/ops/importers.h"
#include "graph/onnx/ops/picking.h"

namespace rockmate::from_onnx {
namespace {

// The graph's gather takes indices >= 0 only; known ones are counted from the front here.
TensorId indices_from_front(NodeCall& call, std::int64_t extent) {
  const Constant* indices = call.foldable(1);
  if (indices == nullptr) return call.tensor(1);
  Constant front = Constant::zeros(DType::kInt64, indices->shape(), indices->stored());
  for (std::int64_t i = 0; i < indices->stored(); ++i) {
    const std::int64_t index = indices->whole(i);
    if (index < -extent || index >= extent) {
      NodeCall::reject(fmt::format("index {} lies outside {} elements", index, extent));
    }
    front.set(i, index < 0 ? index + extent : index);
  }
  return call.values().constant(std::make_shared<const Constant>(std::move(front)));
}

void import_gather(NodeCall& call) {
  const Shape& from = call.shape(0);
  const std::size_t axis = call.axis(call.integer("axis", 0), from.size());
  if (call.all_foldable()) {
    Folded result = fold_gather(*call.foldable(0), *call.foldable(1), axis);
    if (result) return call.set(*std::move(result));
  }
  const TensorId x = call.tensor(0);
  const Constant* index = call.foldable(1);
  // A single known element is a slice: a gather's gradient would scatter.
  if (index != nullptr && index->shape().empty()) {
    const std::int64_t extent = from[axis];
    const std::int64_t at = index->whole(0) < 0 ? index->whole(0) + extent : index->whole(0);
    if (at < 0 || at >= extent) {
      NodeCall::reject(fmt::format("index {} lies outside {} elements", index->whole(0), extent));
    }
    const auto a = static_cast<std::int64_t>(axis);
    const TensorId row = call.b().slice(x, a, at, at + 1);
    return call.set(call.b().squeeze(row, a));
  }
  const TensorId indices = indices_from_front(call, from[axis]);
  call.set(call.b().gather(x, indices, static_cast<std::int64_t>(axis)));
}

// Known indices count from the front; what lies outside stays and matches nothing.
TensorId one_hot_indices(NodeCall& call, std::int64_t depth) {
  const Constant* indices = call.foldable(0);
  if (indices == nullptr) return call.tensor(0);
  Constant front = *indices;
  for (std::int64_t i = 0; i < front.stored(); ++i) {
    if (front.real(i) < 0) front.set(i, front.real(i) + static_cast<double>(depth));
  }
  return call.values().constant(std::make_shared<const Constant>(std::move(front)));
}

// where(indices == 0 ... depth - 1, on, off), the new axis at `axis`
void import_one_hot(NodeCall& call) {
  const std::int64_t depth = checked_pick(whole_number(call, 1, "the depth"));
  const Constant& values = call.known(2, "the values");
  if (depth < 1 || values.count() != 2) {
    NodeCall::reject(fmt::format("depth {} and {} values, expected a depth >= 1 and 2 values",
                                 depth, values.count()));
  }
  const std::size_t rank = call.shape(0).size() + 1;
  const std::size_t axis = call.axis(call.integer("axis", -1), rank);
  Shape shape(rank, 1);
  shape[axis] = depth;
  Constant numbers = Constant::zeros(call.dtype(0), shape, depth);
  for (std::int64_t i = 0; i < depth; ++i) numbers.set(i, i);
  const auto source = [&](Constant constant) {
    return call.values().constant(std::make_shared<const Constant>(std::move(constant)));
  };
  const auto scalar = [&](std::int64_t i) {
    Constant one = Constant::zeros(values.dtype(), {}, 1);
    one.copy(0, values, i);
    return source(std::move(one));
  };
  const TensorId indices = one_hot_indices(call, depth);
  const TensorId apart = call.b().unsqueeze(indices, static_cast<std::int64_t>(axis));
  const TensorId places = source(std::move(numbers));
  const TensorId hit = call.b().equal(apart, places);
  const TensorId on = scalar(1);
  const TensorId off = scalar(0);
  call.set(call.b().where(hit, on, off));
}

// Assignments to slices of masks, as exporters of windowed attention write them: the last axis of
// the indices names a slice of the data, which the updates overwrite.
void import_scatter_nd(NodeCall& call) {
  if (!call.all_foldable() || call.inputs() != 3 || call.text("reduction", "none") != "none") {
    NodeCall::reject("supported for constants without a reduction only");
  }
  const Constant& data = *call.foldable(0);
  const Constant& indices = *call.foldable(1);
  const Constant& updates = *call.foldable(2);
  const Shape& shape = data.shape();
  const std::int64_t depth = indices.shape().empty() ? 0 : indices.shape().back();
  if (depth < 1 || depth > static_cast<std::int64_t>(shape.size()) || data.count() > kLargestFold ||
      indices.count() > kLargestFold) {
    NodeCall::reject(
        fmt::format("indices {} into {}", to_string(indices.shape()), to_string(shape)));
  }
  const std::int64_t slice = element_count({shape.begin() + depth, shape.end()});
  const std::int64_t slices = indices.count() / depth;
  if (updates.count() != slices * slice) {
    NodeCall::reject(fmt::format("updates {}, expected {} elements", to_string(updates.shape()),
                                 slices * slice));
  }
  const auto strides = strides_of(shape);
  Constant result = Constant::zeros(data.dtype(), shape, data.count());
  for (std::int64_t i = 0; i < data.count(); ++i) result.copy(i, data, i);
  for (std::int64_t s = 0; s < slices; ++s) {
    std::int64_t place = 0;
    for (std::int64_t d = 0; d < depth; ++d) {
      const std::int64_t extent = shape[static_cast<std::size_t>(d)];
      const std::int64_t index = indices.whole(s * depth + d);
      if (index < -extent || index >= extent) {
        NodeCall::reject(fmt::format("index {} lies outside {} elements", index, extent));
      }
      place += (index < 0 ? index + extent : index) * strides[static_cast<std::size_t>(d)];
    }
    for (std::int64_t i = 0; i < slice; ++i) result.copy(place + i, updates, s * slice + i);
  }
  call.set(std::move(result));
}

}  // namespace

void add_indexing_importers(Importers& importers) {
  importers["Gather"] = import_gather;
  importers["OneHot"] = import_one_hot;
  importers["ScatterND"] = import_scatter_nd;
}

}  // namespace rockmate::from_onnx
