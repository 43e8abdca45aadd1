// One kernel of an engine between canaries: its buffers lie in one piece of memory with guard zones
// around them, outputs and workspace begin as garbage, and whatever changes without permission is
// told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exec/engine.h"

namespace rockmate::testing {

using Bits = std::vector<std::byte>;

struct RunOptions {
  std::vector<std::size_t> skipped = {};   ///< outputs
  std::vector<std::size_t> in_place = {};  ///< per output, the input on which it lies, or kNowhere
  std::size_t shift = 0;                   ///< of all addresses, in units of 64 bytes
  std::byte garbage{0xff};                 ///< NaN, as floating-point elements
  std::byte canary{0xa5};                  ///< around all buffers; a small negative number
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
};

struct RunResult {
  std::vector<Bits> outputs;  ///< empty where skipped
  std::vector<Bits> inputs;   ///< as they are afterwards
  std::string complaint;      ///< what was written without permission; "" if nothing was
};

class KernelRig {
 public:
  /// `inputs` as the kernel takes them; rounded to the types of the model. Inputs that are one
  /// value share a buffer. The engine outlives the rig.
  KernelRig(const Engine& engine, const TrainingModel& model, OpId op, std::vector<Bits> inputs);

  [[nodiscard]] RunResult run(const RunOptions& options = {});
  /// Seed and step of all runs.
  static constexpr std::uint64_t kSeed = 11;
  static constexpr std::uint64_t kStep = 2;

 private:
  const Engine& engine_;
  KernelSpec spec_;
  const TrainingModel& model_;
  std::vector<Bits> inputs_;
  Bytes workspace_;
  std::unique_ptr<PreparedKernel> kernel_;
};

/// The choices of one input for one output that the op table allows, where the sizes are equal:
/// ready to be RunOptions::in_place.
[[nodiscard]] std::vector<std::vector<std::size_t>> in_place_choices(const TrainingModel& model,
                                                                     OpId op);

}  // namespace rockmate::testing
