// What PyTorch computed when it trained a small network in float64: scripts/make_goldens.py made
// tests/goldens. Whoever claims to train gets the same sources and data, and is compared.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rockmate/training_model.h"

namespace rockmate::testing {

class Golden {
 public:
  [[nodiscard]] static std::vector<std::string> names();
  /// Reads the network and derives its training iteration.
  explicit Golden(const std::string& name, bool fuse = false);

  [[nodiscard]] const TrainingModel& model() const { return model_; }
  [[nodiscard]] std::size_t steps() const { return file_.at("losses").size() - 1; }

  /// How a parameter, a statistic or a state of the optimizer begins.
  [[nodiscard]] std::vector<double> beginning(const Source& source) const;
  /// What a source that is given holds in a step; targets are whole numbers.
  [[nodiscard]] std::vector<double> given(const Source& source, std::size_t step) const;

  /// One per loss, in the order of the model; `step` may be steps(): after the last update.
  [[nodiscard]] std::vector<double> losses(std::size_t step) const;

  /// Compares with "gradients" (of the first step), "parameters" or "statistics" (after the last);
  /// `tolerance` is relative to the norm. Empty if it agrees, else a line that says how not.
  [[nodiscard]] std::string difference(const std::string& section, const std::string& name,
                                       const std::vector<double>& found, double tolerance) const;
  /// The names in such a section.
  [[nodiscard]] std::vector<std::string> names_of(const std::string& section) const;

 private:
  nlohmann::json file_;
  TrainingModel model_;
};

}  // namespace rockmate::testing
