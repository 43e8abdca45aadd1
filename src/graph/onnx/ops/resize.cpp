// Resize and Upsample of the spatial axes. Nearest neighbours become a `resize` where they are
// those of floor(i * in / out), which is so for every way of rounding when the factor is whole and
// the pixels' centres are aligned; else they are gathered, axis by axis.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graph/onnx/ops/importers.h"
#include "graph/onnx/ops/picking.h"

namespace rockmate::from_onnx {
namespace {

struct Resizing {
  Shape size;                  // of all axes
  std::vector<double> scales;  // of all axes
  std::string mode, coordinates, nearest;
};

std::vector<double> known_scales(NodeCall& call, std::size_t input) {
  const Constant& list = call.known(input, "the scales");
  if (list.shape().size() != 1 || list.count() > static_cast<std::int64_t>(kMostAxes)) {
    NodeCall::reject(
        fmt::format("the scales are {}, expected one per axis", to_string(list.shape())));
  }
  std::vector<double> scales;
  for (std::int64_t i = 0; i < list.count(); ++i) scales.push_back(list.real(i));
  return scales;
}

// Both lists may speak of some axes only.
template <class Number>
std::vector<Number> spread(NodeCall& call, const std::vector<Number>& list,
                           std::vector<Number> others, const char* what) {
  const std::size_t rank = others.size();
  std::vector<std::int64_t> axes;
  if (const auto stated = call.integers("axes")) axes = *stated;
  if (axes.empty()) {
    if (list.size() == rank) return list;
    NodeCall::reject(
        fmt::format("{} {} of {} axes, expected one per axis", list.size(), what, rank));
  }
  if (axes.size() != list.size()) {
    NodeCall::reject(fmt::format("{} {} for {} axes", list.size(), what, axes.size()));
  }
  for (std::size_t i = 0; i < axes.size(); ++i) others[call.axis(axes[i], rank)] = list[i];
  return others;
}

void set_by_scales(NodeCall& call, Resizing& resizing, const std::vector<double>& scales) {
  const Shape& from = call.shape(0);
  resizing.scales = spread(call, scales, std::vector<double>(from.size(), 1), "scales");
  for (std::size_t a = 0; a < from.size(); ++a) {
    const double extent = std::floor(static_cast<double>(from[a]) * resizing.scales[a]);
    if (!(extent >= 1 && extent < 1e9)) {
      NodeCall::reject(
          fmt::format("scale {} on axis {} of {}", resizing.scales[a], a, to_string(from)));
    }
    resizing.size.push_back(static_cast<std::int64_t>(extent));
  }
}

// Inputs: (x, scales) for Upsample and opset 10, (x, roi, scales, sizes) since.
Resizing resizing_of(NodeCall& call) {
  Resizing resizing;
  resizing.mode = call.text("mode", "nearest");
  const bool is_new = call.op() == "Resize" && call.opset() >= 11;
  resizing.coordinates = is_new ? call.text("coordinate_transformation_mode", "half_pixel")
                                : std::string("asymmetric");
  resizing.nearest = is_new ? call.text("nearest_mode", "round_prefer_floor") : "floor";
  const Shape& from = call.shape(0);
  const std::size_t scales_input = is_new ? 2 : 1;
  if (is_new && call.has(3)) {
    resizing.size = spread(call, call.known_wholes(3, "the sizes"), from, "sizes");
    for (std::size_t a = 0; a < from.size(); ++a) {
      resizing.scales.push_back(static_cast<double>(resizing.size[a]) /
                                static_cast<double>(std::max<std::int64_t>(from[a], 1)));
    }
  } else if (const auto attribute = call.reals("scales")) {
    set_by_scales(call, resizing, *attribute);
  } else {
    set_by_scales(call, resizing, known_scales(call, scales_input));
  }
  check_shape(resizing.size);
  if (call.integer("antialias", 0) != 0) NodeCall::reject("antialias is not supported");
  if (call.text("keep_aspect_ratio_policy", "stretch") != "stretch") {
    NodeCall::reject("keep_aspect_ratio_policy: expected stretch");
  }
  return resizing;
}

// Where element i of the output lies on the input's axis.
double coordinate(const Resizing& resizing, std::size_t axis, std::int64_t in, std::int64_t i) {
  const auto at = static_cast<double>(i);
  const std::int64_t out = resizing.size[axis];
  const double scale = resizing.scales[axis];
  if (resizing.coordinates == "align_corners") {
    return out == 1 ? 0 : at * static_cast<double>(in - 1) / static_cast<double>(out - 1);
  }
  if (resizing.coordinates == "asymmetric") return at / scale;
  if (resizing.coordinates == "pytorch_half_pixel" && out == 1) return 0;
  if (resizing.coordinates == "tf_half_pixel_for_nn") return (at + 0.5) / scale;
  return (at + 0.5) / scale - 0.5;
}

std::int64_t rounded(double x, const std::string& mode) {
  const double down = std::floor(x);
  double result = down;
  if (mode == "ceil") result = std::ceil(x);
  if (mode == "round_prefer_floor") result = x - down <= 0.5 ? down : down + 1;
  if (mode == "round_prefer_ceil") result = x - down < 0.5 ? down : down + 1;
  return static_cast<std::int64_t>(result);
}

void import_nearest(NodeCall& call, const Resizing& resizing) {
  const Shape from = call.shape(0);
  std::vector<std::vector<std::int64_t>> places(from.size());
  bool plain = from.size() >= 3 && resizing.size[0] == from[0] && resizing.size[1] == from[1];
  for (std::size_t a = 0; a < from.size(); ++a) {
    if (from[a] < 1) NodeCall::reject(fmt::format("axis {} is empty", a));
    if (resizing.size[a] == from[a]) continue;
    for (std::int64_t i = 0; i < checked_pick(resizing.size[a]); ++i) {
      const double at = coordinate(resizing, a, from[a], i);
      places[a].push_back(std::clamp<std::int64_t>(rounded(at, resizing.nearest), 0, from[a] - 1));
      plain = plain && places[a].back() == i * from[a] / resizing.size[a];
    }
  }
  TensorId x = call.tensor(0);
  if (plain) {
    return call.set(
        call.b().resize(x, {resizing.size.begin() + 2, resizing.size.end()}, ResizeMode::kNearest));
  }
  for (std::size_t a = 0; a < from.size(); ++a) {
    if (!places[a].empty()) x = pick(call, x, a, places[a]);
  }
  call.set(x);
}

// The op interpolates by the extents; a scale that leads to a fraction of an element differs, and
// so does PyTorch's coordinate of a single element.
void check_linear(const Resizing& resizing, std::size_t axis, std::int64_t in) {
  const std::int64_t out = resizing.size[axis];
  const double exact = static_cast<double>(in) * resizing.scales[axis];
  if (std::abs(exact - static_cast<double>(out)) > 1e-3) {
    NodeCall::reject(
        fmt::format("linear interpolation by {} makes {} elements of {}, expected a "
                    "whole number",
                    resizing.scales[axis], exact, in));
  }
  if (resizing.coordinates == "pytorch_half_pixel" && out == 1 && in != 1) {
    NodeCall::reject("linear interpolation to a single element by pytorch_half_pixel");
  }
}

void import_interpolated(NodeCall& call, const Resizing& resizing) {
  const Shape& from = call.shape(0);
  const bool aligned = resizing.coordinates == "align_corners";
  if (!aligned && resizing.coordinates != "half_pixel" &&
      resizing.coordinates != "pytorch_half_pixel") {
    NodeCall::reject(
        fmt::format("linear interpolation with coordinates '{}', expected half_pixel, "
                    "pytorch_half_pixel or align_corners",
                    resizing.coordinates));
  }
  if (from.size() < 3 || resizing.size[0] != from[0] || resizing.size[1] != from[1]) {
    NodeCall::reject(fmt::format("{} to {}: expected only spatial axes to change", to_string(from),
                                 to_string(resizing.size)));
  }
  for (std::size_t a = 2; a < from.size(); ++a) check_linear(resizing, a, from[a]);
  const TensorId x = call.tensor(0);
  call.set(call.b().resize(x, {resizing.size.begin() + 2, resizing.size.end()}, ResizeMode::kLinear,
                           aligned));
}

void import_resize(NodeCall& call) {
  const Resizing resizing = resizing_of(call);
  if (resizing.size == call.shape(0)) return call.set(call.value(0));
  if (resizing.coordinates == "tf_crop_and_resize") {
    NodeCall::reject("coordinates 'tf_crop_and_resize' are not supported");
  }
  if (resizing.mode == "nearest") return import_nearest(call, resizing);
  if (resizing.mode == "linear" || resizing.mode == "bilinear") {
    return import_interpolated(call, resizing);
  }
  NodeCall::reject(fmt::format("mode is '{}', expected nearest or linear", resizing.mode));
}

}  // namespace

void add_resize_importers(Importers& importers) {
  importers["Resize"] = import_resize;
  importers["Upsample"] = import_resize;
}

}  // namespace rockmate::from_onnx
