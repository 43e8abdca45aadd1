#include "exec/cpu/source_axis.h"

#include <algorithm>

namespace rockmate::cpu {

SourceAxis SourceAxis::plain(std::int64_t source, std::int64_t results, const Window& window) {
  SourceAxis axis;
  axis.source = source;
  axis.results = results;
  axis.source_step = window.stride;
  Class all{0, results, {}};
  for (std::int64_t k = 0; k < window.extent; ++k) {
    all.taps.push_back({k * window.dilation - window.pad, k});
  }
  axis.classes.push_back(std::move(all));
  axis.find_bounds();
  return axis;
}

// Result r meets source s at position k where r = s stride + k dilation - pad.
SourceAxis SourceAxis::transposed(std::int64_t source, std::int64_t results, const Window& window) {
  SourceAxis axis;
  axis.source = source;
  axis.results = results;
  axis.result_step = window.stride;
  for (std::int64_t first = 0; first < std::min(window.stride, results); ++first) {
    Class each{first, (results - first + window.stride - 1) / window.stride, {}};
    for (std::int64_t k = 0; k < window.extent; ++k) {
      const std::int64_t distance = first + window.pad - k * window.dilation;
      if (distance % window.stride == 0) each.taps.push_back({distance / window.stride, k});
    }
    std::reverse(each.taps.begin(), each.taps.end());  // by rising offsets
    axis.classes.push_back(std::move(each));
  }
  axis.find_bounds();
  return axis;
}

void SourceAxis::find_bounds() {
  bool is_first = true;
  for (const Class& each : classes) {
    for (const Tap& tap : each.taps) {
      low = is_first ? tap.offset : std::min(low, tap.offset);
      high = is_first ? tap.offset : std::max(high, tap.offset);
      is_first = false;
    }
  }
}

}  // namespace rockmate::cpu
