// Takes off the tape of an iteration that trains nothing what depends on parameters and constants
// alone, to be done once: ops of which little comes, such as the factors of a batch norm, and
// operands that a kernel would rather be given packed. What is left reads the results as sources;
// a parameter that only they are made of is no source of it any more.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "graph/tape.h"
#include "rockmate/training_model.h"

namespace rockmate {

/// Of a tape whose tensors outlive it.
struct ConstantPart {
  struct Packed {
    TensorId tensor;                            ///< a new one of the tape
    std::vector<std::optional<TensorId>> from;  ///< by input of the step that reads it
    std::size_t operand;                        ///< of that step: the tensor
  };
  std::vector<Step> steps;     ///< in their order; views among them
  std::vector<TensorId> kept;  ///< what they make that the tape still reads
  std::vector<Packed> packed;
};

using Packings = std::function<std::vector<Packing>(const KernelSpec&)>;

/// `outputs` stay results of the tape. Linear in the tape, but for `packings`.
[[nodiscard]] ConstantPart take_constants(Tape& tape, const std::vector<TensorId>& outputs,
                                          const Packings& packings);

/// What a TrainingModel says of it. `value` has the ids of the iteration; `sources` are all of the
/// network in their order, before anything was taken away. `model` is finished but for it.
[[nodiscard]] std::shared_ptr<const Load> make_load(
    const Tape& tape, const ConstantPart& part, const std::vector<TensorId>& sources,
    const IdVector<TensorId, std::optional<ValueId>>& value, const TrainingModel& model);

}  // namespace rockmate
