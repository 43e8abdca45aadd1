// Runs a planned pipeline, step after step, on real ranks: each has its part of the model in a
// piece of memory of exactly the bytes that its part needs, received messages included. What the
// ranks compute together is, bit for bit, what one rank computes alone with the same micro-batches
// in the same order of accumulation (docs/pipeline.md).
//
//   auto planned = plan_pipeline(micro_batch.graph, m, cluster);
//   auto transport = make_mpi_transport();
//   PipelineRank rank(micro_batch, planned->pipeline, *transport);
//   for (...) rank.step();
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/pipeline.h"
#include "rockmate/training_model.h"
#include "rockmate/transport.h"
#include "rockmate/units.h"

namespace rockmate {

/// Writes the rows of one micro-batch of an input, or says that there are none and they are to be
/// made up: `micro_batch` counts through all replicas.
using PipelineData = std::function<bool(std::string_view input, std::uint64_t step,
                                        std::size_t micro_batch, std::span<std::byte> bytes)>;

struct PipelineRunOptions {
  std::string engine = "reference";  ///< of devices that name none
  int threads = 1;                   ///< of each rank; 0: all cores
  std::uint64_t seed = 0;
  /// Copies of the whole pipeline, each with its own micro-batches; their gradients are summed in
  /// the order of the replicas. Rank r of replica q is rank q * ranks + r of the transport.
  std::size_t replicas = 1;
  std::size_t max_blocks = PipelineOptions().max_blocks;  ///< as the pipeline was planned with
  Seconds deadline{60};                                   ///< of each wait for another rank
  PipelineData data = nullptr;                            ///< null: made up, anew in each step
};

/// What a rank did in a step.
struct RankStep {
  std::uint64_t step = 0;
  double loss = 0;  ///< of this rank's micro-batches, their share of the mean over all of them
  std::vector<TimedAction> actions;  ///< those that compute, since the ranks began the step
  Seconds update;                    ///< what its updates took, waiting left out
  Seconds makespan;                  ///< until this rank was done
  Bytes measured;                    ///< the end of the highest 64 bytes ever written
};

/// A tensor of a rank that outlives the step. A parameter with copies on several ranks is owned by
/// the one that updates it.
struct RankState {
  std::string name;  ///< as the micro-batch model calls it
  ValueKind kind = ValueKind::kParameter;
  bool is_owned = true;
  std::span<std::byte> bytes;
};

/// What the transport's rank needs for its part, whatever its device has. Throws as PipelineRank.
[[nodiscard]] Bytes needed_by_rank(const TrainingModel& micro_batch, const Pipeline& pipeline,
                                   Transport& transport, const PipelineRunOptions& options = {});

class PipelineRank {
 public:
  /// `micro_batch` is the iteration of one micro-batch, and the graph that `pipeline` was planned
  /// for; it and the transport outlive the rank. Throws InvalidInput where they do not belong
  /// together, the transport has another number of ranks, the engine lacks a kernel, or the rank
  /// needs more than its device has.
  PipelineRank(const TrainingModel& micro_batch, const Pipeline& pipeline, Transport& transport,
               const PipelineRunOptions& options = {});
  ~PipelineRank();
  PipelineRank(PipelineRank&&) noexcept;

  /// Runs one iteration. Throws RankFailure where another rank does not answer in time, and
  /// InvalidInput where a loss is no finite number.
  RankStep step();

  /// The bytes of its memory, all of it.
  [[nodiscard]] Bytes planned() const;
  /// Parameters, statistics and states of the optimizer, where they lie.
  [[nodiscard]] std::vector<RankState> states() const;
  /// Called with each parameter's gradient, summed over all micro-batches, before its update.
  void observe_gradients(
      std::function<void(const std::string& parameter, std::span<const std::byte> gradient)>
          observer);

  /// The step that comes next; a run that goes on from a checkpoint begins there.
  [[nodiscard]] std::uint64_t next_step() const;
  void set_next_step(std::uint64_t step);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What all ranks did in one step.
struct PipelineStep {
  std::uint64_t step = 0;
  double loss = 0;                      ///< the mean over all micro-batches
  std::vector<PipelineTrace> replicas;  ///< peaks are measured bytes; no transfers, no curves
  std::vector<Seconds> updates;         ///< by rank of the first replica
  Seconds makespan;                     ///< of the slowest rank
};
/// Rank 0 gets it, the others nothing; all of them call it. `ranks`: of one replica.
[[nodiscard]] std::optional<PipelineStep> gather_step(Transport& transport, std::size_t ranks,
                                                      const RankStep& step, Seconds deadline);

/// The pipeline with the seconds that its actions took in the first replica: of each stage, the
/// median for each kind of action and strategy.
[[nodiscard]] Pipeline with_measured_seconds(const Pipeline& pipeline,
                                             const std::vector<PipelineStep>& steps);

// --- Checkpoints
// ---------------------------------------------------------------------------------

/// Writes what the ranks need to go on, one file per rank, each whole or not at all, and then marks
/// the checkpoint as complete: `folder`/step-N. All ranks call it; earlier ones but the last are
/// removed. Throws InvalidInput where a file cannot be written.
void write_checkpoint(const std::filesystem::path& folder, const PipelineRank& rank,
                      Transport& transport, Seconds deadline);

/// Goes on from the last checkpoint in the folder that is complete and sound on all ranks; the step
/// that comes next, nullopt: there is none. What was passed over is told in `warnings`. All ranks
/// call it. Throws InvalidInput where a sound one belongs to another pipeline.
[[nodiscard]] std::optional<std::uint64_t> read_checkpoint(const std::filesystem::path& folder,
                                                           PipelineRank& rank, Transport& transport,
                                                           Seconds deadline,
                                                           std::vector<std::string>* warnings);

}  // namespace rockmate
