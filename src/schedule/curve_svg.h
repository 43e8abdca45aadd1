// Overhead against budget as a picture: our curve as steps, beside it whatever it is compared with.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rockmate/units.h"

namespace rockmate {

/// With this many bytes the iteration takes `overhead` more time (0.05: 5 %).
struct CurvePoint {
  Bytes bytes;
  double overhead = 0;
};

enum class CurveStyle : std::uint8_t {
  kSteps,  ///< a point holds for every larger budget, until a better one
  kDots,   ///< single results of others
  kBound   ///< dashed: a point holds for every smaller budget; nothing lies below
};

struct CurveSeries {
  std::string name;
  std::vector<CurvePoint> points;
  CurveStyle style = CurveStyle::kDots;
};

struct CurveOptions {
  std::string title = "Overhead against budget";
  std::string name = "Rockmate";         ///< of the curve itself
  std::vector<CurveSeries> others = {};  ///< peers, bounds; four colours, then they repeat
  std::optional<Bytes> plain_peak = std::nullopt;  ///< marked: there nothing need be done
};

/// An SVG document. Points may come in any order; those that are not finite are left out, dominated
/// ones do not bend the steps. O(n log n).
[[nodiscard]] std::string curve_svg(const std::vector<CurvePoint>& points,
                                    const CurveOptions& options = {});

}  // namespace rockmate
