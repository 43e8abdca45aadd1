// Runs the plan of a training model, step after step, inside one piece of memory that has exactly
// the bytes that the plan needs: parameters, data and optimizer states at its start, everything
// else behind them. After construction nothing that grows with the model is allocated. The bits of
// every value depend on the model, the data and the seed alone: neither on the plan nor on the
// number of threads.
//
//   TrainingOptions options;
//   aim_at_engine(options, "cpu");
//   const TrainingModel model = make_training_model(graph, options);
//   Executor executor(model, *plan(model.graph, 2_GiB), {.engine = "cpu"});
//   for (...) { executor.set<float>("image", pixels); executor.step(); }
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "rockmate/schedule.h"
#include "rockmate/training_model.h"
#include "rockmate/units.h"

namespace rockmate {

class Engine;
class Machine;

struct ExecutorOptions {
  std::string engine = "reference";
  int threads = 0;  ///< 0: all cores
  std::uint64_t seed = 0;
  /// Holds the engine to its contract in every run, at several times the memory and the time: a
  /// kernel that reads or writes what it may not is an InternalError that names it.
  bool guard = false;
  /// Time every run of an op: `Executor::op_times`.
  bool time_ops = false;
  /// The memory has so many bytes at least; an `Evaluator` may need more than the plan.
  Bytes at_least = {};
};

struct StepReport {
  std::uint64_t step = 0;           ///< from 0
  std::vector<double> losses = {};  ///< as TrainingModel::losses, without their weights
  double loss = 0;                  ///< sum of weight * loss
  Seconds seconds = {};
  /// The end of the highest 64 bytes of the executor's memory that have ever been written.
  Bytes measured = {};
};

/// How long a run of an op took.
struct OpTime {
  OpId op;
  Seconds seconds;
};

/// What a run of an op left behind: one of its outputs, or a source that it updated.
struct Observation {
  OpId op;
  ValueId value;
  std::span<const std::byte> bytes;  ///< valid during the call
};
using Observer = std::function<void(const Observation&)>;

/// The element type that a C++ type stands for.
template <class T>
inline constexpr DType kDTypeOf = [] {
  if constexpr (std::is_same_v<T, double>) return DType::kFloat64;
  if constexpr (std::is_same_v<T, float>) return DType::kFloat32;
  if constexpr (std::is_same_v<T, std::int64_t>) return DType::kInt64;
  if constexpr (std::is_same_v<T, std::int32_t>) return DType::kInt32;
  if constexpr (std::is_same_v<T, std::uint8_t>) return DType::kUInt8;
  if constexpr (std::is_same_v<T, bool>) return DType::kBool;
}();

class Executor {
 public:
  /// The model outlives the executor. Sources begin with the model's data and fills. Throws
  /// InvalidInput where the plan is for another graph, breaks a rule or its own budget, has no
  /// layout or too little workspace for the engine, or the engine lacks a kernel.
  Executor(const TrainingModel& model, const Plan& plan, const ExecutorOptions& options = {});
  /// With an engine of one's own (src/exec/engine.h).
  Executor(const TrainingModel& model, const Plan& plan, std::unique_ptr<Engine> engine,
           const ExecutorOptions& options = {});
  ~Executor();
  Executor(Executor&&) noexcept;
  Executor& operator=(Executor&&) noexcept;

  /// Overwrites a source: row-major elements, little-endian. What is made of it before the first
  /// step is made again before the next one; where the source itself is kept no longer, all that
  /// goes into the same packed operand has to be set again, too. Data and targets stay until they
  /// are set again; those that have never been set are drawn anew in every step (whole numbers
  /// within their range, normal numbers otherwise). Throws InvalidInput where there is no such
  /// source, the number of bytes is another one, or an index lies outside its range.
  void set(std::string_view source, std::span<const std::byte> bytes);
  template <class T>
  void set(std::string_view source, std::span<const T> elements) {
    check_type(source, kDTypeOf<T>);
    set(source, std::as_bytes(elements));
  }

  /// From the next step on, updates multiply the model's learning rate by this number, 0 or more.
  void set_rate(double factor);
  /// The number of the next step, from 0. Whoever goes on with a training that was saved sets it,
  /// beside all sources but the data: random numbers and bias corrections follow from it.
  [[nodiscard]] std::uint64_t next_step() const;
  void set_next_step(std::uint64_t step);

  /// Runs one iteration. Throws InvalidInput where a loss is no finite number.
  StepReport step();

  /// The bytes of a source, or of a value that is resident when a step ends: losses, results.
  /// Valid until the next step. Throws InvalidInput for another one.
  [[nodiscard]] std::span<const std::byte> bytes(std::string_view value) const;
  template <class T>
  [[nodiscard]] std::span<const T> values(std::string_view value) const {
    check_type(value, kDTypeOf<T>);
    const std::span<const std::byte> raw = bytes(value);
    return {reinterpret_cast<const T*>(raw.data()), raw.size() / sizeof(T)};
  }

  /// Called after each run of an op, once for each value that it made or updated. Parameter
  /// gradients die in the update of their parameter: here they can be seen.
  void observe(Observer observer);

  /// With ExecutorOptions::time_ops: the runs of the last step, in their order, views left out.
  /// Valid until the next step.
  [[nodiscard]] std::span<const OpTime> op_times() const;

  [[nodiscard]] const TrainingModel& model() const;
  [[nodiscard]] std::uint64_t seed() const;
  /// The bytes of the executor's memory: Plan::needed(), or ExecutorOptions::at_least.
  [[nodiscard]] Bytes planned() const;

 private:
  friend class Evaluator;
  void check_type(std::string_view value, DType expected) const;
  struct State;
  std::unique_ptr<State> state_;
};

/// Judges what an executor has trained, between two steps and in the executor's own memory, so that
/// evaluation takes no byte beside the budget of the training.
class Evaluator {
 public:
  /// `model` is `make_evaluation_model` of the same network; executor and model outlive the
  /// evaluator. Throws InvalidInput where a source is none of the executor's, or the plan needs
  /// more than the executor has.
  Evaluator(Executor& executor, const TrainingModel& model, const Plan& plan);
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  /// What the plan of an evaluation may take.
  [[nodiscard]] static Bytes budget(const Executor& executor, const TrainingModel& model);

  /// The sum of weight * loss on the data that `Executor::set` has set.
  [[nodiscard]] double run();
  /// Of a source, or of a value that is resident when a run ends. Valid until the next step.
  [[nodiscard]] std::span<const std::byte> bytes(ValueId value) const;

 private:
  Executor& executor_;
  const TrainingModel& model_;
  std::unique_ptr<Machine> machine_;
};

/// What `TrainingOptions::workspace` is for an engine. Throws InvalidInput that lists the engines.
[[nodiscard]] std::function<Bytes(const KernelSpec&)> engine_workspace(std::string_view engine,
                                                                       int threads = 0);

/// What `TrainingOptions::packings` is for an engine. Throws as `engine_workspace` does.
[[nodiscard]] std::function<std::vector<Packing>(const KernelSpec&)> engine_packings(
    std::string_view engine, int threads = 0);

/// Options for an iteration that this engine is to run: its workspaces, and what makes it fast
/// (`channels_last`, `winograd`, `fuse`, `packings` for "cpu"). Throws InvalidInput that lists the
/// engines.
void aim_at_engine(TrainingOptions& options, std::string_view engine, int threads = 0);

}  // namespace rockmate
