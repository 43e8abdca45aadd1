#include "schedule/curve_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/plot.h"
#include "base/svg.h"

namespace rockmate {
namespace {

constexpr double kWidth = 820, kHeight = 460;
constexpr std::string_view kOurs = "#3b82bd", kInk = "#0f172a", kPlain = "#64748b";
constexpr std::array<std::string_view, 4> kOthers = {"#d9730d", "#2f9e83", "#b07aa1", "#7c6f64"};

std::vector<CurvePoint> by_bytes(std::vector<CurvePoint> points) {
  std::erase_if(points, [](const CurvePoint& point) { return !std::isfinite(point.overhead); });
  std::stable_sort(points.begin(), points.end(),
                   [](const CurvePoint& a, const CurvePoint& b) { return a.bytes < b.bytes; });
  return points;
}

// Only points with less overhead than all cheaper ones.
std::vector<CurvePoint> staircase(const std::vector<CurvePoint>& points) {
  std::vector<CurvePoint> steps;
  for (const CurvePoint& point : by_bytes(points)) {
    if (!steps.empty() && point.overhead >= steps.back().overhead) continue;
    if (!steps.empty() && point.bytes == steps.back().bytes) steps.pop_back();
    steps.push_back(point);
  }
  return steps;
}

// Only points with more overhead than all dearer ones: less memory never takes less time.
std::vector<CurvePoint> bound_staircase(const std::vector<CurvePoint>& points) {
  const std::vector<CurvePoint> sorted = by_bytes(points);
  std::vector<CurvePoint> steps;
  for (auto point = sorted.rbegin(); point != sorted.rend(); ++point) {
    if (!steps.empty() && point->overhead <= steps.back().overhead) continue;
    if (!steps.empty() && point->bytes == steps.back().bytes) steps.pop_back();
    steps.push_back(*point);
  }
  std::reverse(steps.begin(), steps.end());
  return steps;
}

std::vector<CurvePoint> arranged(const CurveSeries& series) {
  switch (series.style) {
    case CurveStyle::kSteps:
      return staircase(series.points);
    case CurveStyle::kDots:
      return by_bytes(series.points);
    case CurveStyle::kBound:
      return bound_staircase(series.points);
  }
  return {};
}

class Curve {
 public:
  Curve(const std::vector<CurvePoint>& points, const CurveOptions& options)
      : options_(options), svg_(kWidth, kHeight, options.title) {
    series_.push_back({options.name, points, CurveStyle::kSteps});
    series_.insert(series_.end(), options.others.begin(), options.others.end());
    for (CurveSeries& series : series_) series.points = arranged(series);
  }

  std::string draw() && {
    draw_frame();
    draw_plain_peak();
    for (std::size_t k = series_.size(); k-- > 0;) draw_series(series_[k], colour(k));
    return std::move(svg_).finish();
  }

 private:
  [[nodiscard]] static std::string_view colour(std::size_t k) {
    return k == 0 ? kOurs : kOthers[(k - 1) % kOthers.size()];
  }
  [[nodiscard]] double x(const CurvePoint& point) const {
    return x_(static_cast<double>(point.bytes.count()));
  }
  void set_scales();
  void draw_frame();
  void draw_plain_peak();
  void draw_series(const CurveSeries& series, std::string_view colour);

  const CurveOptions& options_;
  std::vector<CurveSeries> series_;  // ours first
  Svg svg_;
  Frame frame_{84, 0, kWidth - 32, kHeight - 62};
  Scale x_;
  Scale y_;
};

void Curve::set_scales() {
  double least = std::numeric_limits<double>::max(), most = 0, low = 0, high = 0;
  const auto include = [&](double bytes) {
    least = std::min(least, bytes);
    most = std::max(most, bytes);
  };
  for (const CurveSeries& series : series_) {
    for (const CurvePoint& point : series.points) {
      include(static_cast<double>(point.bytes.count()));
      low = std::min(low, point.overhead);
      high = std::max(high, point.overhead);
    }
  }
  if (options_.plain_peak) include(static_cast<double>(options_.plain_peak->count()));
  if (most == 0) least = 0, most = 1;
  const double margin = std::max(0.06 * (most - least), 0.02 * most);
  x_ = {std::max(0.0, least - margin), most + margin, frame_.left, frame_.right};
  const double height = std::max(high - low, 0.01);
  y_ = {low < 0 ? low - 0.05 * height : 0, high + 0.08 * height, frame_.bottom, frame_.top};
}

void Curve::draw_frame() {
  svg_.text(24, 36, shortened(options_.title, 60), {.size = 19, .colour = kInk, .bold = true});
  std::vector<LegendEntry> legend;
  for (std::size_t k = 0; k < series_.size(); ++k) {
    const CurveStyle style = series_[k].style;
    const Mark mark = style == CurveStyle::kSteps  ? Mark::kLine
                      : style == CurveStyle::kDots ? Mark::kDots
                                                   : Mark::kDashes;
    legend.push_back({mark, colour(k), shortened(series_[k].name, 40)});
  }
  frame_.top = 50 + draw_legend(svg_, 24, 50, kWidth - 24, legend) + 24;
  set_scales();
  svg_.text(24, frame_.top - 8, "overhead in time", {.size = 12, .colour = "#64748b"});
  draw_y_axis(svg_, frame_, y_, percent_ticks(y_.from, y_.to, 7));
  draw_x_axis(svg_, frame_, frame_.bottom, x_, byte_ticks(x_.from, x_.to, 7), "memory budget");
}

void Curve::draw_plain_peak() {
  if (!options_.plain_peak) return;
  const double at = x_(static_cast<double>(options_.plain_peak->count()));
  svg_.line(at, frame_.top, at, frame_.bottom, {kPlain, 1.2, "3 3"});
  svg_.text(at - 6, frame_.top + 12,
            fmt::format("plain iteration: {}", to_string(*options_.plain_peak)),
            {.size = 12, .colour = kPlain, .anchor = "end", .halo = true});
}

void Curve::draw_series(const CurveSeries& series, std::string_view colour) {
  if (series.points.empty()) return;
  if (series.style == CurveStyle::kDots) {
    for (const CurvePoint& point : series.points) {
      svg_.circle(x(point), y_(point.overhead), 4.5, colour);
    }
    return;
  }
  const bool is_bound = series.style == CurveStyle::kBound;
  PathData path;
  path.move(is_bound ? frame_.left : x(series.points[0]), y_(series.points[0].overhead));
  for (std::size_t i = 1; i < series.points.size(); ++i) {
    path.horizontal(x(series.points[is_bound ? i - 1 : i]));
    path.vertical(y_(series.points[i].overhead));
  }
  path.horizontal(is_bound ? x(series.points.back()) : frame_.right);
  svg_.stroke(path, {colour, is_bound ? 1.6 : 2.4, is_bound ? "5 4" : ""});
  if (is_bound || series.points.size() > 40) return;
  for (const CurvePoint& point : series.points) {
    svg_.circle(x(point), y_(point.overhead), 3.5, colour);
  }
}

}  // namespace

std::string curve_svg(const std::vector<CurvePoint>& points, const CurveOptions& options) {
  return Curve(points, options).draw();
}

}  // namespace rockmate
