#include "cli/loss_svg.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/plot.h"

namespace rockmate::cli {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 420;
// A wide pale line below a thin dark one.
constexpr std::array kStrokes = {Stroke{"#fdba74", 6}, Stroke{"#1d4ed8", 1.6}};

}  // namespace

std::string loss_svg(const std::string& title, std::size_t first_step,
                     const std::vector<LossSeries>& series) {
  Svg svg(kWidth, kHeight, title);
  svg.text(24, 36, shortened(title, 80), {.size = 19, .colour = "#0f172a", .bold = true});
  std::vector<LegendEntry> legend;
  std::size_t steps = 1;
  double highest = 0;
  for (std::size_t k = 0; k < series.size(); ++k) {
    legend.push_back({Mark::kLine, kStrokes[k % kStrokes.size()].colour, series[k].name});
    steps = std::max(steps, series[k].losses.size());
    for (const double loss : series[k].losses) highest = std::max(highest, loss);
  }
  const Frame frame{84, 50 + draw_legend(svg, 24, 50, kWidth - 24, legend) + 24, kWidth - 32,
                    kHeight - 62};
  const auto first = static_cast<double>(first_step);
  const Scale x{first, first + std::max(1.0, static_cast<double>(steps - 1)), frame.left,
                frame.right};
  const Scale y{0, highest > 0 ? 1.05 * highest : 1, frame.bottom, frame.top};
  svg.text(24, frame.top - 8, "loss", {.size = 12, .colour = "#64748b"});
  draw_y_axis(svg, frame, y, number_ticks(y.from, y.to, 7));
  draw_x_axis(svg, frame, frame.bottom, x, number_ticks(x.from, x.to, 9), "step");
  for (std::size_t k = 0; k < series.size(); ++k) {
    PathData path;
    for (std::size_t i = 0; i < series[k].losses.size(); ++i) {
      const double loss = series[k].losses[i];
      if (!std::isfinite(loss)) continue;
      const double at = x(first + static_cast<double>(i));
      path.empty() ? path.move(at, y(loss)) : path.line(at, y(loss));
    }
    if (!path.empty()) svg.stroke(path, kStrokes[k % kStrokes.size()]);
  }
  return std::move(svg).finish();
}

}  // namespace rockmate::cli
