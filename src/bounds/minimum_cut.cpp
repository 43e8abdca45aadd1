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

}  // namespace

// Every arc is an edge there and one back, sorted by where they begin.
struct MinimumCut::Network {
  Network(std::size_t nodes, const std::vector<Arc>& arcs);

  Graph graph;
  std::vector<std::size_t> edge_of;  // by arc: the edge there
  std::vector<Edge> reverse;         // by edge
  std::vector<std::int64_t> capacity, residual;
  std::vector<Edge> predecessor;  // by node
  std::vector<boost::default_color_type> color;
  std::vector<std::int64_t> distance;
};

MinimumCut::Network::Network(std::size_t nodes, const std::vector<Arc>& arcs)
    : edge_of(arcs.size()),
      capacity(2 * arcs.size()),
      residual(2 * arcs.size()),
      predecessor(nodes),
      color(nodes),
      distance(nodes) {
  // Edge 2 i is arc i, edge 2 i + 1 is the way back.
  const auto from = [&](std::size_t e) { return e % 2 == 0 ? arcs[e / 2].from : arcs[e / 2].to; };
  const auto to = [&](std::size_t e) { return e % 2 == 0 ? arcs[e / 2].to : arcs[e / 2].from; };
  std::vector<std::size_t> order(2 * arcs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return from(a) < from(b); });
  std::vector<std::pair<std::size_t, std::size_t>> ends;
  std::vector<std::size_t> place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    ends.emplace_back(from(order[i]), to(order[i]));
    place[order[i]] = i;
  }
  graph = Graph(boost::edges_are_sorted, ends.begin(), ends.end(), nodes);
  std::vector<Edge> edges;
  for (auto [it, end] = boost::edges(graph); it != end; ++it) edges.push_back(*it);
  for (std::size_t i = 0; i < order.size(); ++i) reverse.push_back(edges[place[order[i] ^ 1]]);
  for (std::size_t a = 0; a < arcs.size(); ++a) edge_of[a] = place[2 * a];
}

MinimumCut::MinimumCut(std::size_t nodes, std::vector<Arc> arcs)
    : arcs_(std::move(arcs)),
      network_(std::make_unique<Network>(nodes, arcs_)),
      is_with_source_(nodes) {}

MinimumCut::~MinimumCut() = default;

std::int64_t MinimumCut::solve() {
  Network& n = *network_;
  for (std::size_t a = 0; a < arcs_.size(); ++a) n.capacity[n.edge_of[a]] = arcs_[a].capacity;
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
