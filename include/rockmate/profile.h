// How long the ops of a training iteration take on this computer: each distinct op is run by an
// engine, as it would run within a step, and its median time becomes a cost to plan with. What has
// been measured once is kept on disk. How it is measured, and why so: docs/costs.md.
//
//   TrainingOptions options;
//   TrainingModel model = make_training_model(graph, options);
//   options.costs = profile(model, {.engine = "cpu"}).costs();
//   model = make_training_model(graph, options);  // the same iteration with measured costs
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "rockmate/cost_model.h"
#include "rockmate/training_model.h"
#include "rockmate/units.h"

namespace rockmate {

class Engine;

/// How far profiling has come.
struct ProfileProgress {
  std::size_t done = 0;  ///< of the ops that no cache knows
  std::size_t all = 0;
  std::string op;  ///< the signature of the next one
};

struct ProfileOptions {
  std::string engine = "reference";
  int threads = 0;  ///< 0: all cores
  /// A folder where measurements are kept; empty: none. Any number of processes may share it.
  std::filesystem::path cache = {};
  bool again = false;   ///< measure what the cache knows too
  Seconds per_op{0.5};  ///< the time after which an op gets no further run
  /// Who touches as much memory finds nothing of what it touched before in a cache.
  Bytes caches{256_MiB};
  std::stop_token stop = {};  ///< when asked to stop: after the run of an op
  std::function<void(const ProfileProgress&)> progress = nullptr;
};

/// All ops of one signature.
struct OpProfile {
  std::string signature;
  OpKind kind = OpKind::kAdd;
  std::size_t count = 0;   ///< of them in the iteration
  Work work;               ///< of one
  OpCost cost;             ///< of one: median seconds, and the engine's workspace
  bool was_known = false;  ///< from the cache
};

struct Profile {
  std::string where;                 ///< computer, engine, threads: what the seconds hold for
  std::vector<OpProfile> ops = {};   ///< in the order of the iteration
  std::optional<Bytes> caches = {};  ///< what the caches hold, all together
  std::size_t missing = 0;           ///< distinct ops that a stop has left unmeasured

  /// Measurements alone.
  [[nodiscard]] CostModel costs() const;
};

/// Takes memory beside the training: as much as the op with the largest tensors, at least a few
/// times the caches. Throws InvalidInput where the engine lacks a kernel. A cache that cannot be
/// read or written costs time only.
[[nodiscard]] Profile profile(const TrainingModel& model, const ProfileOptions& options = {});
/// With an engine of one's own (src/exec/engine.h), whose name is part of what is kept.
[[nodiscard]] Profile profile(const TrainingModel& model, const Engine& engine,
                              const ProfileOptions& options);

}  // namespace rockmate
