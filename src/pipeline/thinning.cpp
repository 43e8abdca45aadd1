#include "pipeline/thinning.h"

namespace rockmate {

rotor::Staircase thinned(const rotor::Staircase& points, double tolerance) {
  if (tolerance <= 0 || points.size() < 3) return points;
  const double fastest = points.back().seconds;
  rotor::Staircase kept;
  for (const rotor::Point& point : points) {
    const bool is_last = &point == &points.back();
    const bool stands_out = kept.empty() || kept.back().seconds - point.seconds >
                                                tolerance * (kept.back().seconds - fastest);
    if (stands_out || is_last) kept.push_back(point);
  }
  return kept;
}

rotor::Staircase thinned_to(rotor::Staircase points, std::size_t most) {
  for (double tolerance = 0.001; points.size() > most && tolerance < 1; tolerance *= 2) {
    points = thinned(points, tolerance);
  }
  if (points.size() > most) points = {points.front(), points.back()};
  return points;
}

}  // namespace rockmate
