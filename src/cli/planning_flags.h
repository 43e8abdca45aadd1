// The options of all verbs that plan, and the search that they run under Ctrl-C.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "rockmate/plan.h"

namespace rockmate::cli {

struct PlanningFlags {
  std::string planner = "portfolio";
  std::string solver;
  std::size_t candidates = 400;
  std::string cache;  ///< a folder, "none", or empty: the usual one
  std::optional<double> time_limit;
  std::optional<std::uint64_t> work_limit;
  int threads = 0;
  std::uint64_t seed = 0;
  bool no_layout = false;

  void add_to(CLI::App& verb);
  /// For verbs whose plans are not run.
  void add_no_layout_to(CLI::App& verb);
};

/// What `--cache` stands for: a folder, "none", or, where it is empty, the usual one. An empty
/// answer: nothing is kept.
[[nodiscard]] std::filesystem::path cache_folder(const std::string& chosen);

/// Calls `search` with the options that the flags stand for: it shows progress on a terminal and
/// stops at Ctrl-C. Throws InvalidInput for an unknown planner or a limit that is none.
void run_search(const PlanningFlags& flags, const std::function<void(const PlanOptions&)>& search);

}  // namespace rockmate::cli
