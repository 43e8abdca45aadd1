// Ops that take or add elements at places known beforehand: slices, paddings, triangles.

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "graph/onnx/ops/importers.h"
#include "graph/onnx/ops/picking.h"

namespace rockmate::from_onnx {
namespace {

struct Slices {
  Shape starts, sizes, steps;  // per axis; a step may be negative
};

// One axis, by numpy's rule. Never overflows: the numbers are clamped to the axis first.
void slice_axis(Slices& slices, std::size_t axis, std::int64_t extent, std::int64_t start,
                std::int64_t end, std::int64_t step) {
  if (step == 0) NodeCall::reject("a step is 0, expected another number");
  step = std::clamp<std::int64_t>(step, -(kMostElements + 1), kMostElements + 1);
  const std::int64_t low = step > 0 ? 0 : -1;
  const std::int64_t high = step > 0 ? extent : extent - 1;
  const auto place = [&](std::int64_t at) {
    if (at < -extent) return low;
    return std::clamp(at < 0 ? at + extent : at, low, high);
  };
  const std::int64_t first = place(start);
  const std::int64_t distance = step > 0 ? place(end) - first : first - place(end);
  const std::int64_t stride = step > 0 ? step : -step;
  slices.sizes[axis] = distance <= 0 ? 0 : (distance - 1) / stride + 1;
  slices.starts[axis] = slices.sizes[axis] == 0 ? 0 : first;
  slices.steps[axis] = slices.sizes[axis] <= 1 ? 1 : step;
}

Slices slices_of(NodeCall& call) {
  const Shape& from = call.shape(0);
  Slices slices{Shape(from.size(), 0), from, Shape(from.size(), 1)};
  const auto starts = call.list("starts", 1);
  const auto ends = call.list("ends", 2);
  if (!starts || !ends || starts->size() != ends->size()) {
    NodeCall::reject("expected as many starts as ends");
  }
  std::vector<std::int64_t> axes(starts->size());
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  axes = call.list("axes", 3).value_or(axes);
  const auto steps = call.list("steps", 4).value_or(std::vector<std::int64_t>(starts->size(), 1));
  if (axes.size() != starts->size() || steps.size() != starts->size()) {
    NodeCall::reject("expected as many axes and steps as starts");
  }
  static_cast<void>(call.rising_axes(axes, from.size()));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = call.axis(axes[i], from.size());
    slice_axis(slices, axis, from[axis], (*starts)[i], (*ends)[i], steps[i]);
  }
  return slices;
}

bool fold_slice(NodeCall& call, const Slices& slices) {
  const Constant* x = call.foldable(0);
  if (x == nullptr) return false;
  std::vector<std::int64_t> strides = strides_of(x->shape());
  std::int64_t offset = 0;
  for (std::size_t a = 0; a < strides.size(); ++a) {
    offset += slices.starts[a] * strides[a];
    strides[a] *= slices.steps[a];
  }
  Folded result = fold_strided(*x, slices.sizes, offset, strides);
  if (!result) return false;
  call.set(*std::move(result));
  return true;
}

// All elements of every axis, in order.
bool takes_all(const Slices& slices, const Shape& from) {
  const auto is_one = [](std::int64_t step) { return step == 1; };
  return slices.sizes == from && std::all_of(slices.steps.begin(), slices.steps.end(), is_one);
}

// Steps back are a gather: a slice goes forward.
void import_slice(NodeCall& call) {
  Slices slices = slices_of(call);
  const Shape& from = call.shape(0);
  if (takes_all(slices, from)) return call.set(call.value(0));
  if (fold_slice(call, slices)) return;
  TensorId x = call.tensor(0);
  for (std::size_t a = 0; a < slices.steps.size(); ++a) {
    if (slices.steps[a] > 0) continue;
    std::vector<std::int64_t> places(static_cast<std::size_t>(checked_pick(slices.sizes[a])));
    for (std::size_t i = 0; i < places.size(); ++i) {
      places[i] = slices.starts[a] + static_cast<std::int64_t>(i) * slices.steps[a];
    }
    x = pick(call, x, a, places);
    slices.starts[a] = 0;
    slices.steps[a] = 1;
  }
  if (takes_all(slices, call.values().builder().shape(x))) return call.set(x);
  call.set(call.b()
               .node(OpKind::kSlice, {x},
                     {{"starts", slices.starts}, {"sizes", slices.sizes}, {"steps", slices.steps}})
               .front());
}

struct Padding {
  std::vector<std::int64_t> before, after;
};

Padding padding_of(NodeCall& call) {
  const std::size_t rank = call.shape(0).size();
  auto pads = call.list("pads", 1);
  if (!pads) pads = call.integers("paddings");
  if (!pads) NodeCall::reject("the pads are missing");
  std::vector<std::int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  if (call.has(3)) axes = call.known_wholes(3, "the axes");
  static_cast<void>(call.rising_axes(axes, rank));
  if (pads->size() != 2 * axes.size()) {
    NodeCall::reject(fmt::format("{} pads, expected {}", pads->size(), 2 * axes.size()));
  }
  Padding padding{Shape(rank, 0), Shape(rank, 0)};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = call.axis(axes[i], rank);
    padding.before[axis] = (*pads)[i];
    padding.after[axis] = (*pads)[axes.size() + i];
    for (const std::int64_t pad : {padding.before[axis], padding.after[axis]}) {
      if (pad < -kMostElements || pad > kMostElements) {
        NodeCall::reject(fmt::format("a pad is {}, expected at most 2^48", pad));
      }
    }
  }
  return padding;
}

// Which element stands at place `at`, beyond the edges too.
std::int64_t source_of(std::int64_t at, std::int64_t extent, const std::string& mode) {
  if (mode == "edge") return std::clamp<std::int64_t>(at, 0, extent - 1);
  if (mode == "wrap") return ((at % extent) + extent) % extent;
  if (extent == 1) return 0;
  const std::int64_t period = 2 * (extent - 1);
  const std::int64_t phase = ((at % period) + period) % period;
  return phase < extent ? phase : period - phase;
}

void import_pad(NodeCall& call) {
  const Padding padding = padding_of(call);
  const std::string mode = call.text("mode", "constant");
  const auto is_zero = [](std::int64_t pad) { return pad == 0; };
  if (std::all_of(padding.before.begin(), padding.before.end(), is_zero) &&
      std::all_of(padding.after.begin(), padding.after.end(), is_zero)) {
    return call.set(call.value(0));
  }
  TensorId x = call.tensor(0);
  if (mode == "constant") {
    const double value = call.has(2) ? call.known_real(2, "the value") : call.real("value", 0);
    return call.set(call.b().pad(x, padding.before, padding.after, value));
  }
  if (mode != "reflect" && mode != "edge" && mode != "wrap") {
    NodeCall::reject(fmt::format("mode is '{}', expected constant, reflect, edge or wrap", mode));
  }
  const Shape from = call.shape(0);
  for (std::size_t a = 0; a < from.size(); ++a) {
    if (padding.before[a] == 0 && padding.after[a] == 0) continue;
    const std::int64_t size = padding.before[a] + from[a] + padding.after[a];
    if (from[a] < 1 || size < 0) NodeCall::reject(fmt::format("nothing to pad on axis {}", a));
    std::vector<std::int64_t> places(static_cast<std::size_t>(checked_pick(size)));
    for (std::size_t i = 0; i < places.size(); ++i) {
      places[i] = source_of(static_cast<std::int64_t>(i) - padding.before[a], from[a], mode);
    }
    x = pick(call, x, a, places);
  }
  call.set(x);
}

bool fold_trilu(NodeCall& call, bool upper, std::int64_t diagonal) {
  const Constant* x = call.foldable(0);
  if (x == nullptr || x->count() > kLargestFold) return false;
  const std::int64_t rows = x->shape()[x->shape().size() - 2];
  const std::int64_t columns = x->shape().back();
  Constant result = Constant::zeros(x->dtype(), x->shape(), x->count());
  for (std::int64_t i = 0; i < x->count(); ++i) {
    const std::int64_t distance = i % columns - i / columns % rows;
    if (upper ? distance >= diagonal : distance <= diagonal) result.copy(i, *x, i);
  }
  call.set(std::move(result));
  return true;
}

void import_trilu(NodeCall& call) {
  if (call.shape(0).size() < 2) {
    NodeCall::reject(fmt::format("the input has the shape {}, expected at least 2 axes",
                                 to_string(call.shape(0))));
  }
  const bool upper = call.integer("upper", 1) != 0;
  const std::int64_t diagonal =
      call.has(1) ? std::clamp(whole_number(call, 1, "the diagonal"), -kMostElements, kMostElements)
                  : 0;
  if (fold_trilu(call, upper, diagonal)) return;
  const TensorId x = call.tensor(0);
  call.set(call.b().trilu(x, upper, diagonal));
}

}  // namespace

void add_slicing_importers(Importers& importers) {
  importers["Slice"] = import_slice;
  importers["Pad"] = import_pad;
  importers["Trilu"] = import_trilu;
}

}  // namespace rockmate::from_onnx
