// Graph to graph: what an exporter took apart is put together again (recognise.h), what is then
// left over is dropped, and what trains is made ready for use.
#pragma once

#include "rockmate/graph.h"

namespace rockmate {

/// Names of inputs, parameters and statistics stay as they are. Linear, but for the sizes of the
/// patterns.
[[nodiscard]] Graph simplify(const Graph& graph);

/// Without the nodes and sources on which no loss and no output depends. Data inputs stay, and so
/// do updates of statistics whose inputs are made anyway.
[[nodiscard]] Graph drop_unused(const Graph& graph);

/// The network as it is used once it is trained: without dropout, and with batch normalisation by
/// the running statistics, where it keeps some. Sources keep their names.
[[nodiscard]] Graph evaluation_graph(const Graph& graph);

}  // namespace rockmate
