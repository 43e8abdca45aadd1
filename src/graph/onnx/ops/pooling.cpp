// Pooling over windows and over whole images.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "graph/onnx/ops/importers.h"
#include "graph/onnx/ops/windows.h"

namespace rockmate::from_onnx {
namespace {

PoolOptions options_of(NodeCall& call, const Windows& windows) {
  PoolOptions options;
  options.stride = windows.strides;
  options.padding = windows.pads;
  options.dilation = windows.dilations;
  options.ceil_mode = call.integer("ceil_mode", 0) != 0;
  options.count_include_pad = call.integer("count_include_pad", 0) != 0;
  return options;
}

// Windows of one element that take every element (adaptive pooling to the present size).
bool does_nothing(const Windows& windows) {
  const auto all = [](const std::vector<std::int64_t>& list, std::int64_t value) {
    return std::all_of(list.begin(), list.end(), [&](std::int64_t x) { return x == value; });
  };
  return all(windows.kernel, 1) && all(windows.strides, 1) && all(windows.pads, 0);
}

void import_max_pool(NodeCall& call) {
  call.only_outputs(1);
  const Windows windows = windows_of(call, {});
  if (does_nothing(windows)) return call.set(call.value(0));
  const TensorId x = call.tensor(0);
  call.set(call.b().max_pool(x, windows.kernel, options_of(call, windows)));
}

void import_average_pool(NodeCall& call) {
  const Windows windows = windows_of(call, {});
  if (does_nothing(windows)) return call.set(call.value(0));
  const auto is_one = [](std::int64_t dilation) { return dilation == 1; };
  if (!std::all_of(windows.dilations.begin(), windows.dilations.end(), is_one)) {
    NodeCall::reject(fmt::format("dilations {}: expected 1 everywhere in average pooling",
                                 to_string(windows.dilations)));
  }
  const TensorId x = call.tensor(0);
  call.set(call.b().average_pool(x, windows.kernel, options_of(call, windows)));
}

void require_image(NodeCall& call) {
  if (call.shape(0).size() < 3) {
    NodeCall::reject(fmt::format("the input has the shape {}, expected [batch, channels, ...]",
                                 to_string(call.shape(0))));
  }
}

void import_global_average(NodeCall& call) {
  require_image(call);
  const TensorId x = call.tensor(0);
  call.set(call.b().global_average_pool(x));
}

void import_global_max(NodeCall& call) {
  require_image(call);
  std::vector<std::int64_t> axes(call.shape(0).size() - 2);
  std::iota(axes.begin(), axes.end(), std::int64_t{2});
  const TensorId x = call.tensor(0);
  call.set(call.b().reduce_max(x, axes, true));
}

}  // namespace

void add_pooling_importers(Importers& importers) {
  importers["MaxPool"] = import_max_pool;
  importers["AveragePool"] = import_average_pool;
  importers["GlobalAveragePool"] = import_global_average;
  importers["GlobalMaxPool"] = import_global_max;
}

}  // namespace rockmate::from_onnx
