// Where every verb gets its model from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/model_flags.h"
#include "rockmate/largest_batch.h"
#include "rockmate/training_model.h"

namespace rockmate::cli {

/// The iteration of so many samples as an engine (of `make_engine`) runs it: its workspaces, and
/// its costs where the flags state none: modelled ones of a card, the roofline of this kind of
/// computer for others. Empty: by the options alone.
[[nodiscard]] TrainingGraph engine_graph(const ModelFlags& flags, TrainingOptions options,
                                         const std::string& engine, int threads,
                                         std::int64_t batch);

/// What a forward model says that its training iteration does not.
struct ForwardFigures {
  std::int64_t parameters = 0;  ///< elements
  Bytes parameter_bytes;
  double flops = 0;  ///< of one forward pass over the whole batch, losses left out
};

struct Model {
  TrainingGraph graph;
  std::optional<ForwardFigures> forward;  ///< of an ONNX model
};

/// Reads a training graph, rockmate.graph/1; what was ignored goes to standard error. Throws
/// InvalidInput.
[[nodiscard]] TrainingGraph load_graph(const std::string& file);

/// Derives the training iteration of the ONNX model for any batch; `flags.batch` is not looked at.
/// Throws InvalidInput for a training graph.
[[nodiscard]] GraphOfBatch graphs_by_batch(const ModelFlags& flags);

/// Reads, or derives, the training iteration that the flags name; what was ignored on the way goes
/// to standard error. Flags are judged before the model is read. Throws InvalidInput.
[[nodiscard]] Model load_model(const ModelFlags& flags);

/// The forward model with first values, from an ONNX model alone.
[[nodiscard]] Graph load_forward_graph(const ModelFlags& flags);

}  // namespace rockmate::cli
