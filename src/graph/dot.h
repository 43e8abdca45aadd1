// A training graph as text for Graphviz: ops are nodes, values are edges from their makers to their
// readers.
#pragma once

#include <string>

#include "graph/chain.h"
#include "rockmate/training_graph.h"

namespace rockmate {

/// Ops coloured by phase; an edge carries the value's name and bytes (a view: those of its
/// storage). Sources and what nobody reads have no edges. Any name is safe: it is escaped.
[[nodiscard]] std::string graph_dot(const TrainingGraph& graph);

/// The same, with a cluster for the forward and one for the backward part of each block.
[[nodiscard]] std::string graph_dot(const TrainingGraph& graph, const Chain& chain);

}  // namespace rockmate
