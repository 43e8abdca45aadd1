#include "bounds/minimum_cut.h"

#include <algorithm>
#include <boost/graph/boykov_kolmogorov_max_flow.hpp>
#include <boost/graph/compressed_sparse_row_graph.hpp>
#include <boost/property_map/property_map.hpp>
#include <numeric>

namespace rockmate {
namespace {

using Graph = boost::compressed_sparse_row_graph<boost::directedS>;
using Edge = boost::graph_traits<Graph>::edge_descriptor;

// Numbers by their keys, which are below `limit`; equal keys stay in their order. Linear.
template <class Key>
std::vector<std::size_t> sorted_by(const std::vector<std::size_t>& numbers, std::size_t limit,
                                   Key key) {
  std::vector<std::size_t> next(limit + 1);
  for (const std::size_t number : numbers) ++next[key(number) + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<std::size_t> sorted(numbers.size());
  for (const std::size_t number : numbers) sorted[next[key(number)]++] = number;
  return sorted;
}

}  // namespace

// An edge for every pair of nodes between which an arc runs, and one back: Boost's algorithm knows
// no parallel edges. Sorted by where they begin.
struct MinimumCut::Network {
  Network(std::size_t nodes, const std::vector<Arc>& arcs);

  Graph graph;
  std::vector<std::size_t> edge_of;  // by arc
  std::vector<Edge> reverse;         // by edge
  std::vector<std::int64_t> capacity, residual;
  std::vector<Edge> predecessor;  // by node
  std::vector<boost::default_color_type> color;
  std::vector<std::int64_t> distance;
};

MinimumCut::Network::Network(std::size_t nodes, const std::vector<Arc>& arcs)
    : predecessor(nodes), color(nodes), distance(nodes) {
  // Each arc makes two halves, 2a from its beginning and 2a + 1 back.
  const auto from = [&](std::size_t half) {
    return half % 2 == 0 ? arcs[half / 2].from : arcs[half / 2].to;
  };
  std::vector<std::size_t> halves(2 * arcs.size());
  std::iota(halves.begin(), halves.end(), 0);
  halves = sorted_by(halves, nodes, [&](std::size_t half) { return from(half ^ 1); });
  halves = sorted_by(halves, nodes, from);
  std::vector<std::pair<std::size_t, std::size_t>> ends;
  std::vector<std::size_t> edge(halves.size());  // by half
  for (const std::size_t half : halves) {
    const std::pair both(from(half), from(half ^ 1));
    if (ends.empty() || ends.back() != both) ends.push_back(both);
    edge[half] = ends.size() - 1;
  }
  graph = Graph(boost::edges_are_sorted, ends.begin(), ends.end(), nodes);
  std::vector<Edge> edges;
  for (auto [it, end] = boost::edges(graph); it != end; ++it) edges.push_back(*it);
  reverse.resize(edges.size());
  for (std::size_t half = 0; half < edge.size(); ++half)
    reverse[edge[half]] = edges[edge[half ^ 1]];
  for (std::size_t a = 0; a < arcs.size(); ++a) edge_of.push_back(edge[2 * a]);
  capacity.resize(ends.size());
  residual.resize(ends.size());
}

MinimumCut::MinimumCut(std::size_t nodes, std::vector<Arc> arcs)
    : arcs_(std::move(arcs)),
      network_(std::make_unique<Network>(nodes, arcs_)),
      is_with_source_(nodes) {}

MinimumCut::~MinimumCut() = default;

std::int64_t MinimumCut::solve() {
  Network& n = *network_;
  std::fill(n.capacity.begin(), n.capacity.end(), 0);
  for (std::size_t a = 0; a < arcs_.size(); ++a) {
    std::int64_t& capacity = n.capacity[n.edge_of[a]];
    capacity = std::min(capacity + arcs_[a].capacity, kUncuttable);
  }
  const auto by_edge = boost::get(boost::edge_index, n.graph);
  const auto by_node = boost::get(boost::vertex_index, n.graph);
  const auto of_edges = [&](auto& list) {
    return boost::make_iterator_property_map(list.begin(), by_edge);
  };
  const auto of_nodes = [&](auto& list) {
    return boost::make_iterator_property_map(list.begin(), by_node);
  };
  const std::int64_t flow = boost::boykov_kolmogorov_max_flow(
      n.graph, of_edges(n.capacity), of_edges(n.residual), of_edges(n.reverse),
      of_nodes(n.predecessor), of_nodes(n.color), of_nodes(n.distance), by_node, kSource, kSink);
  for (std::size_t i = 0; i < n.color.size(); ++i) {
    is_with_source_[i] = n.color[i] == boost::black_color;
  }
  return flow;
}

}  // namespace rockmate
