#include "base/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace rockmate {
namespace {

constexpr std::string_view kGrid = "#e5e9f0", kAxis = "#94a3b8", kLabel = "#64748b";

// The least of 1, 2, 5 x 10^k that makes no more than `count` steps.
double round_step(double span, int count) {
  const double least = span / std::max(count, 1);
  if (!(least > 0) || !std::isfinite(least)) return 1;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

// Ticks at multiples of `step`, which is in units of `unit`.
std::vector<Tick> ticks_at(double low, double high, double step, double unit,
                           std::string_view suffix) {
  std::vector<Tick> ticks;
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  const auto first = static_cast<long long>(std::ceil(low / unit / step - 1e-9));
  const auto last = static_cast<long long>(std::floor(high / unit / step + 1e-9));
  for (long long k = first; k <= last; ++k) {
    const double in_units = static_cast<double>(k) * step;
    std::string label = k == 0                     ? std::string("0")
                        : std::abs(in_units) < 1e6 ? fmt::format("{:.{}f}", in_units, decimals)
                                                   : fmt::format("{:.3g}", in_units);
    if (k != 0) label.append(suffix);
    ticks.push_back({in_units * unit, std::move(label)});
  }
  return ticks;
}

struct Unit {
  double size;
  std::string_view suffix;
};

template <std::size_t N>
Unit unit_for(double value, const std::array<Unit, N>& units) {
  Unit best = units[0];
  for (const Unit& unit : units) {
    if (value >= unit.size) best = unit;
  }
  return best;
}

}  // namespace

std::vector<Tick> percent_ticks(double low, double high, int count) {
  return ticks_at(low, high, round_step((high - low) * 100, count), 0.01, " %");
}

std::vector<Tick> number_ticks(double low, double high, int count) {
  return ticks_at(low, high, std::max(1.0, round_step(high - low, count)), 1, "");
}

std::vector<Tick> second_ticks(double low, double high, int count) {
  constexpr std::array<Unit, 4> units = {{{1e-9, " ns"}, {1e-6, " µs"}, {1e-3, " ms"}, {1, " s"}}};
  const Unit unit = unit_for(high, units);
  return ticks_at(low, high, round_step((high - low) / unit.size, count), unit.size, unit.suffix);
}

std::vector<Tick> byte_ticks(double low, double high, int count) {
  constexpr double k = 1024;
  constexpr std::array<Unit, 6> units = {{{1, " B"},
                                          {k, " KiB"},
                                          {k * k, " MiB"},
                                          {k * k * k, " GiB"},
                                          {k * k * k * k, " TiB"},
                                          {k * k * k * k * k, " PiB"}}};
  const Unit unit = unit_for(high, units);
  const double span = (high - low) / unit.size;
  // Within a few hundred units powers of two divide evenly what people buy: 256, 512, 1024.
  double step = round_step(span, count);
  if (step >= 50) step = std::exp2(std::ceil(std::log2(span / count)));
  if (unit.size == 1) step = std::max(step, 1.0);
  return ticks_at(low, high, step, unit.size, unit.suffix);
}

void draw_y_axis(Svg& svg, const Frame& frame, const Scale& y, const std::vector<Tick>& ticks) {
  for (const Tick& tick : ticks) {
    const double at = y(tick.value);
    svg.line(frame.left, at, frame.right, at, {kGrid, 1});
    svg.text(frame.left - 8, at + 4, tick.label, {.size = 11.5, .colour = kLabel, .anchor = "end"});
  }
}

void draw_x_axis(Svg& svg, const Frame& frame, double at, const Scale& x,
                 const std::vector<Tick>& ticks, std::string_view title) {
  svg.line(frame.left, at, frame.right, at, {kAxis, 1});
  for (const Tick& tick : ticks) {
    svg.line(x(tick.value), at, x(tick.value), at + 4, {kAxis, 1});
    svg.text(x(tick.value), at + 18, tick.label,
             {.size = 11.5, .colour = kLabel, .anchor = "middle"});
  }
  svg.text((frame.left + frame.right) / 2, at + 38, title,
           {.size = 12, .colour = kLabel, .anchor = "middle"});
}

double draw_legend(Svg& svg, double left, double top, double right,
                   const std::vector<LegendEntry>& entries) {
  constexpr double kSize = 12, kRow = 20, kMark = 20, kGap = 18;
  double x = left, y = top;
  for (const LegendEntry& entry : entries) {
    const double width = kMark + text_width(entry.text, kSize);
    if (x > left && x + width > right) {
      x = left;
      y += kRow;
    }
    const double middle = y + kRow / 2;
    switch (entry.mark) {
      case Mark::kPatch:
        svg.rect(x, middle - 6, 12, 12, entry.colour, 2);
        break;
      case Mark::kLine:
        svg.line(x, middle, x + 14, middle, {entry.colour, 2});
        break;
      case Mark::kDashes:
        svg.line(x, middle, x + 14, middle, {entry.colour, 2, "4 3"});
        break;
      case Mark::kDots:
        svg.circle(x + 6, middle, 5, entry.colour);
        break;
    }
    svg.text(x + kMark, middle + 4, entry.text, {.size = kSize});
    x += width + kGap;
  }
  return y + kRow - top;
}

}  // namespace rockmate
