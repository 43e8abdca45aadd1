// Graph to graph: what an exporter took apart is put together again (recognise.h), and what is then
// left over is dropped.
#pragma once

#include "rockmate/graph.h"

namespace rockmate {

/// Names of inputs, parameters and statistics stay as they are. Linear, but for the sizes of the
/// patterns.
[[nodiscard]] Graph simplify(const Graph& graph);

/// Without the nodes and sources on which no loss and no output depends. Data inputs stay, and so
/// do updates of statistics whose inputs are made anyway.
[[nodiscard]] Graph drop_unused(const Graph& graph);

}  // namespace rockmate
