// Measured costs on disk: one rockmate.costs/1 file for each computer, engine and number of
// threads. A cache only saves time: what cannot be read, or is not what it should be, is not there,
// and what cannot be written is not kept. Any number of processes may share a folder: a file is
// replaced whole, and under a lock, so that nobody's measurements are lost.
#pragma once

#include <filesystem>
#include <string>

#include "rockmate/cost_model.h"

namespace rockmate {

class CostCache {
 public:
  /// `where`: what the costs hold for. Without a folder nothing is kept.
  CostCache(std::filesystem::path folder, std::string where);

  [[nodiscard]] CostModel read() const;
  /// Adds these, which come before what is there.
  void add(const CostModel& costs) const;
  [[nodiscard]] std::filesystem::path file() const;

 private:
  std::filesystem::path folder_;
  std::string where_;
};

}  // namespace rockmate
