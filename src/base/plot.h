// The frame of a drawing: linear scales with round ticks, gridlines, a legend.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/svg.h"
#include "rockmate/units.h"

namespace rockmate {

struct Tick {
  double value = 0;
  std::string label;
};

/// Round multiples of 1, 2 or 5 times a power of ten within [low, high], `count` or a few less.
[[nodiscard]] std::vector<Tick> percent_ticks(double low, double high, int count);  ///< of shares
[[nodiscard]] std::vector<Tick> second_ticks(double low, double high, int count);
[[nodiscard]] std::vector<Tick> number_ticks(double low, double high, int count);
/// The same in the binary unit that suits the largest value; of 1024 in a unit, not of 1000.
[[nodiscard]] std::vector<Tick> byte_ticks(double low, double high, int count);

/// Maps [from, to] of values linearly onto [at_from, at_to] of pixels.
struct Scale {
  double from = 0, to = 1, at_from = 0, at_to = 1;
  [[nodiscard]] double operator()(double value) const {
    return at_from + (value - from) / (to - from) * (at_to - at_from);
  }
};

/// The inside of a drawing, in pixels.
struct Frame {
  double left = 0, top = 0, right = 0, bottom = 0;
};

void draw_y_axis(Svg& svg, const Frame& frame, const Scale& y, const std::vector<Tick>& ticks);
/// Labels stand below `at`, which may lie below the frame.
void draw_x_axis(Svg& svg, const Frame& frame, double at, const Scale& x,
                 const std::vector<Tick>& ticks, std::string_view title);

enum class Mark : std::uint8_t { kPatch, kLine, kDashes, kDots };
struct LegendEntry {
  Mark mark = Mark::kPatch;
  std::string_view colour;
  std::string text;
};
/// In rows from the left, broken at `right`. Returns the height of what it drew.
double draw_legend(Svg& svg, double left, double top, double right,
                   const std::vector<LegendEntry>& entries);

}  // namespace rockmate
