// The loss over the steps of a training as a picture.
#pragma once

#include <string>
#include <vector>

namespace rockmate::cli {

struct LossSeries {
  std::string name;
  std::vector<double> losses;  ///< of steps that follow each other
};

/// An SVG document. Later series lie on earlier ones, thinner: one that lies exactly on another
/// still shows it. Linear in the steps.
[[nodiscard]] std::string loss_svg(const std::string& title, std::size_t first_step,
                                   const std::vector<LossSeries>& series);

}  // namespace rockmate::cli
