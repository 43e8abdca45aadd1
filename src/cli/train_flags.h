// The options of `rockmate train`, and what they make of a model.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/model_flags.h"
#include "cli/planning_flags.h"
#include "rockmate/graph.h"
#include "rockmate/rate_schedule.h"

namespace rockmate::cli {

struct TrainFlags {
  ModelFlags model;
  PlanningFlags planning;
  std::string budget;
  std::string plan;
  std::optional<std::string> engine;   ///< none: cpu, or that of the plan
  std::optional<std::string> offload;  ///< of engine `vector` alone
  std::size_t steps = 1;
  // How it learns.
  std::optional<double> learning_rate;
  std::string schedule = "constant";
  std::uint64_t warm_up = 0;
  double weight_decay = 0;
  double clip_norm = 0;
  std::int64_t accumulate = 1;
  std::vector<std::string> freeze;
  // What it learns from.
  std::string data;
  bool shuffle = false;
  std::string held_out;
  std::size_t evaluate_every = 0;
  // What it leaves behind.
  std::string save;
  std::size_t save_every = 0;
  std::string resume;
  std::string trained;
  std::string gradients;
  std::string picture;
  bool compare = false;
  bool guard = false;
  bool time_ops = false;
  bool json = false;

  void add_to(CLI::App& verb);
  /// Files that are read, and files that are written, as far as they were named.
  [[nodiscard]] std::vector<std::string> inputs() const;
  [[nodiscard]] std::vector<std::string> outputs() const;

  /// Throw InvalidInput for numbers that are no good.
  void check() const;
  /// Of the iteration that `run_by` runs, with the roofline's costs where `measures`.
  [[nodiscard]] TrainingOptions training_options(const std::string& run_by) const;
  /// Whether ops are to be measured before anything is planned: unless the costs are stated, or the
  /// plan is.
  [[nodiscard]] bool measures() const;
  [[nodiscard]] RateSchedule rate_schedule() const;

  /// The model with the parameters frozen that a pattern of `freeze` matches. Throws InvalidInput
  /// where the model cannot be read, or a pattern matches none.
  [[nodiscard]] Graph load_graph() const;
};

}  // namespace rockmate::cli
