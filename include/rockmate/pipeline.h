// Training one network on several devices: the network is cut into stages, the batch into
// micro-batches, and each rank (device) runs a row of actions. A `Pipeline` is all there is to know
// of such a run; `simulate` says when each action runs and what lies in each memory meanwhile. The
// file format `rockmate.pipeline/1` and the rules are in docs/pipeline.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/error.h"
#include "rockmate/milp.h"
#include "rockmate/schedule.h"
#include "rockmate/training_graph.h"
#include "rockmate/units.h"

namespace rockmate {

/// What a rank does with one micro-batch of one of its stages. Sends do not block; a receive is
/// posted first, and waited for just before its data is read.
enum class StageVerb : std::uint8_t {
  kForward,
  kBackward,        ///< both gradients, after recomputing what the strategy asks for
  kInputGradient,   ///< the first part of a backward that is split in two
  kWeightGradient,  ///< its second part
  kRecompute,       ///< ahead of the backward, which then has less to do
  kSendActivation,
  kSendGradient,
  kPostActivation,
  kPostGradient,
  kWaitActivation,
  kWaitGradient
};
/// F, B, I, W, R, SA, SG, PA, PG, WA, WG.
[[nodiscard]] std::string_view to_string(StageVerb verb);
[[nodiscard]] std::optional<StageVerb> parse_stage_verb(std::string_view word);
/// Whether it computes; else it communicates.
[[nodiscard]] constexpr bool is_compute(StageVerb verb) { return verb <= StageVerb::kRecompute; }

struct StageAction {
  StageVerb verb = StageVerb::kForward;
  std::uint32_t stage = 0;
  std::uint32_t micro_batch = 0;
  std::uint32_t strategy = 0;  ///< of a forward: which of its stage's strategies it runs with
  friend bool operator==(const StageAction&, const StageAction&) = default;
};
/// "F0.3", with a strategy other than the first "F0.3:2".
[[nodiscard]] std::string to_string(const StageAction& action);

/// A step of a plan for the blocks of a stage.
enum class StageStepKind : std::uint8_t {
  kReceive,          ///< the input of a micro-batch
  kPass,             ///< a block forward, its output alone is made
  kSave,             ///< a block forward with a candidate
  kDrop,             ///< the output that a pass made
  kReceiveGradient,  ///< of the stage's output
  kBackward          ///< a block; what its candidate saved and its output's gradient go
};

struct StageStep {
  StageStepKind kind = StageStepKind::kReceive;
  std::size_t micro_batch = 0;
  std::size_t block = 0;
  std::size_t candidate = 0;
  /// Of a backward that runs forward ops again among its own: all of them, by position in the
  /// block's forward part followed by its backward part.
  std::vector<std::uint32_t> runs = {};
};

/// One way to run one micro-batch through a stage; seconds are those of a device of speed 1. Peaks
/// count all bytes of the micro-batch on the stage but for its input and output gradient.
struct StageStrategy {
  Seconds forward;
  Seconds recompute = {};  ///< part of the backward, unless an action of its own runs it before
  Seconds input_gradient;
  Seconds weight_gradient = {};
  Bytes saved;               ///< from the end of the forward to that of the backward
  Bytes forward_peak = {};   ///< while the forward runs; at least `saved` is counted
  Bytes recomputed = {};     ///< from the recomputation on, `saved` included
  Bytes backward_peak = {};  ///< while the backward, or its first part, runs
  Bytes for_weights = {};    ///< between the two parts of a backward
  /// What it runs, where a planner made it: what comes before kReceiveGradient is the forward.
  std::vector<StageStep> steps = {};

  [[nodiscard]] Seconds backward() const { return recompute + input_gradient + weight_gradient; }
};

/// A part of the network, on one rank.
struct PipelineStage {
  std::size_t rank = 0;
  std::vector<StageStrategy> strategies = {};
  Bytes static_bytes = {};    ///< parameters, their gradients, optimizer state, buffers
  Bytes input = {};           ///< what it receives per micro-batch; 0 for the first stage
  Bytes input_gradient = {};  ///< what it sends back per micro-batch
  Seconds update = {};        ///< once per iteration, after its last backward
  std::size_t first_block = 0, last_block = 0;  ///< of the chain it was cut from, for people
};

struct PipelineDevice {
  std::string name = {};
  Bytes memory = Bytes(std::numeric_limits<std::int64_t>::max());
  double speed = 1;
  /// What runs its stages, and whose costs they have (engines as in `make_engine`, of executor.h:
  /// reference, cpu, vector:ve20b); empty: what all others run. Seconds are its own at speed 1.
  std::string engine = {};
};

/// A directed link: one message after the other, each arrives `latency` after it has been sent.
struct PipelineLink {
  std::size_t from = 0, to = 0;
  double bytes_per_second = std::numeric_limits<double>::infinity();
  Seconds latency = {};
};

/// The devices and how they are connected; what `links` does not name has the default.
struct Cluster {
  std::vector<PipelineDevice> devices = {};
  double bytes_per_second = std::numeric_limits<double>::infinity();
  Seconds latency = {};
  std::vector<PipelineLink> links = {};

  [[nodiscard]] PipelineLink link(std::size_t from, std::size_t to) const;
  /// "4x16GiB", "4x16GiB@12GB/s", "2x16GiB,2x8GiB@12GB/s", "2x8GiB,1xve20b" (cards with all their
  /// memory), or the name of a JSON file. Throws InvalidInput that shows the accepted forms.
  [[nodiscard]] static Cluster parse(std::string_view spec);
};
/// Throws InvalidInput for a cluster without devices, a device without memory or speed, a link
/// without bandwidth or to a device that is not there.
void check_cluster(const Cluster& cluster, const std::string& origin);

using PipelineRow = std::vector<StageAction>;

/// One iteration: rows[r] is what rank r does. Rows have either no communication, which is then
/// derived, or all of it.
struct Pipeline {
  Cluster cluster;
  std::vector<PipelineStage> stages;
  std::size_t micro_batches = 0;
  std::vector<PipelineRow> rows;
};

// --- Schedules: rows of compute actions, stage s on rank s mod ranks -----------------------------

enum class PipelineFamily : std::uint8_t {
  kGPipe,
  kOneForwardOneBackward,
  kInterleaved,
  kZeroBubbleH1
};
/// "gpipe", "1f1b", "interleaved", "zb-h1".
[[nodiscard]] std::string_view to_string(PipelineFamily family);
/// Throws InvalidInput that lists the families.
[[nodiscard]] PipelineFamily parse_pipeline_family(std::string_view word);

/// The family's rows. Throws InvalidInput for no stage or micro-batch, for stages that are no
/// multiple of the ranks (equal to them, but for kInterleaved), and for kInterleaved with
/// micro-batches that are none.
[[nodiscard]] std::vector<PipelineRow> pipeline_rows(PipelineFamily family, std::size_t ranks,
                                                     std::size_t stages, std::size_t micro_batches);
/// The largest number of micro-batches that stage s holds at once under these rows.
[[nodiscard]] std::vector<std::size_t> micro_batches_in_flight(const std::vector<PipelineRow>& rows,
                                                               std::size_t stages);

// --- Judging
// ---------------------------------------------------------------------------------------

/// The first rule that the rows break, memory left out: one forward, then one backward in one or
/// two parts, of each stage and micro-batch, on the stage's rank; strategies that exist; if there
/// is communication, all of it, in the same order at both ends; no deadlock. Linear.
[[nodiscard]] std::optional<Violation> check_rows(const Pipeline& pipeline);

/// The same pipeline with its communication: receives are posted one action ahead and in the order
/// in which they are sent. Must not have any yet.
[[nodiscard]] Pipeline with_communication(const Pipeline& pipeline);

struct TimedAction {
  StageAction action;
  Seconds start, end;
};
struct TimedTransfer {
  StageAction sent;  ///< SA or SG, of the sender
  std::size_t from = 0, to = 0;
  Seconds start, end;  ///< the end is the arrival
};
struct MemoryStep {
  Seconds time;
  Bytes bytes;  ///< from then on
};
struct RankTrace {
  std::vector<TimedAction> actions;  ///< those that compute
  std::vector<MemoryStep> memory;    ///< by time, static bytes included
  Bytes static_bytes;
  Bytes peak;
  Seconds busy;
};
struct PipelineTrace {
  std::vector<RankTrace> ranks;
  std::vector<TimedTransfer> transfers;
  Seconds makespan;  ///< updates included
  /// The share of all ranks' time in which they do not compute.
  [[nodiscard]] double bubble_ratio() const;
};

/// Runs the pipeline on its cluster. A broken rule of `check_rows` is the answer; a peak beyond a
/// device's memory is none (see `check_memory`). Linear but for sorting.
[[nodiscard]] Expected<PipelineTrace, Violation> simulate(const Pipeline& pipeline);
/// The first rank whose peak exceeds its device's memory.
[[nodiscard]] std::optional<Violation> check_memory(const Pipeline& pipeline,
                                                    const PipelineTrace& trace);

// --- Planning
// --------------------------------------------------------------------------------------

enum class PipelineMethod : std::uint8_t {
  kDirect,  ///< GPipe, every micro-batch alone with its share of the memory
  kGlobal,  ///< GPipe, all micro-batches of a stage as one chain
  kCoplan   ///< any schedule; cuts and strategies of all stages together
};
[[nodiscard]] std::string_view to_string(PipelineMethod method);
/// Throws InvalidInput that lists the methods.
[[nodiscard]] PipelineMethod parse_pipeline_method(std::string_view word);

struct PipelineOptions {
  PipelineMethod method = PipelineMethod::kCoplan;
  std::optional<PipelineFamily> family = std::nullopt;  ///< none: the best of all
  std::size_t max_blocks = 48;  ///< between which stages are cut; more are slower to plan
  std::size_t candidates =
      100;  ///< strategies of a part of a block, at most; 0: none are looked for
  std::optional<Solver> solver = std::nullopt;  ///< nothing: the fastest that is linked, if any
  /// Where strategies are kept for the next time; nothing: nowhere.
  std::optional<std::filesystem::path> cache = std::nullopt;
  int threads = 0;  ///< 0: all cores; never changes the answer
  std::function<void(const std::string&)> progress = nullptr;  ///< in words; from any thread
  std::stop_token stop = {};  ///< when asked to stop: the best pipeline so far
};

struct PipelinePlan {
  Pipeline pipeline;    ///< stages, strategies and rows; one stage or more on each device
  PipelineTrace trace;  ///< of the simulator: within every device's memory
  PipelineFamily family = PipelineFamily::kGPipe;
  /// No pipeline of the families that were tried, whatever its cuts, takes less with the ways to
  /// run blocks that were looked at.
  Seconds lower_bound;
  Seconds planning_seconds;
};

/// Why there is no plan.
struct NoPipeline {
  std::string reason;  ///< one line for people
  Bytes static_bytes;  ///< of the whole network, once
  Bytes memory;        ///< of all devices
};
std::ostream& operator<<(std::ostream& out, const NoPipeline& no_pipeline);

/// Plans one iteration of `micro_batches` micro-batches, each of which is the training iteration
/// `micro_batch`, whose seconds are those of a device of speed 1. Deterministic. Throws
/// InvalidInput for a cluster that cannot be (`check_cluster`), no micro-batch, more devices than
/// blocks, or a method that is not for the family.
[[nodiscard]] Expected<PipelinePlan, NoPipeline> plan_pipeline(const TrainingGraph& micro_batch,
                                                               std::size_t micro_batches,
                                                               const Cluster& cluster,
                                                               const PipelineOptions& options = {});

/// The training iteration of one micro-batch when the batch is cut into so many.
using GraphOfMicroBatches = std::function<TrainingGraph(std::size_t micro_batches)>;
/// The same for the best of several numbers of micro-batches.
[[nodiscard]] Expected<PipelinePlan, NoPipeline> plan_pipeline(
    const GraphOfMicroBatches& graph_of, const std::vector<std::size_t>& micro_batches,
    const Cluster& cluster, const PipelineOptions& options = {});

/// The same with what each engine makes of the iteration: its seconds and workspaces, of the same
/// ops. Empty: the engine of devices that name none; cuts are chosen there.
using GraphOfEngine =
    std::function<TrainingGraph(const std::string& engine, std::size_t micro_batches)>;
/// For devices with engines of their own. Throws InvalidInput where the ops differ.
[[nodiscard]] Expected<PipelinePlan, NoPipeline> plan_pipeline(
    const GraphOfEngine& graph_of, const std::vector<std::size_t>& micro_batches,
    const Cluster& cluster, const PipelineOptions& options = {});

// --- Files and drawings
// ----------------------------------------------------------------------------

/// Reads `rockmate.pipeline/1`. Throws InvalidInput.
[[nodiscard]] Pipeline read_pipeline(const std::filesystem::path& file,
                                     std::vector<std::string>* warnings = nullptr);
[[nodiscard]] Pipeline parse_pipeline(std::string_view text, const std::string& origin,
                                      std::vector<std::string>* warnings = nullptr);
[[nodiscard]] std::string pipeline_to_json(const Pipeline& pipeline);

/// Ranks over time as an SVG document.
[[nodiscard]] std::string pipeline_svg(const Pipeline& pipeline, const PipelineTrace& trace,
                                       std::string_view title);

}  // namespace rockmate
