// One rank's part of a pipeline as a training model: its stages' ops for each micro-batch, in the
// order of its row, messages as ops of their own, gradients summed over micro-batches and replicas,
// and the updates of what it owns. Planned bytes, addresses and the machine that runs it are those
// of any other plan.
#pragma once

#include "pipeline/run/rank_ops.h"

namespace rockmate {

/// `trace` is the simulation of the context's pipeline: it says when sends are over.
[[nodiscard]] RankModel make_rank_model(const RankContext& context, const PipelineTrace& trace,
                                        RankWriter::Workspace workspace);

}  // namespace rockmate
