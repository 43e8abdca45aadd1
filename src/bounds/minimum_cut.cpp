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
  // By where they begin, in linear time; the few that begin at one node are then sorted.
  std::vector<std::size_t> first(nodes + 1);
  for (const Arc& arc : arcs) {
    ++first[arc.from + 1];
    ++first[arc.to + 1];
  }
  std::partial_sum(first.begin(), first.end(), first.begin());
  std::vector<std::size_t> heads(2 * arcs.size()), next(first.begin(), first.end() - 1);
  for (const Arc& arc : arcs) {
    heads[next[arc.from]++] = arc.to;
    heads[next[arc.to]++] = arc.from;
  }
  std::vector<std::pair<std::size_t, std::size_t>> ends;
  ends.reserve(heads.size());
  for (std::size_t node = 0; node < nodes; ++node) {
    const auto begin = heads.begin() + static_cast<std::ptrdiff_t>(first[node]);
    const auto end = heads.begin() + static_cast<std::ptrdiff_t>(first[node + 1]);
    std::sort(begin, end);
    first[node] = ends.size();
    std::for_each(begin, std::unique(begin, end),
                  [&](std::size_t head) { ends.emplace_back(node, head); });
  }
  first[nodes] = ends.size();
  const auto place = [&](std::size_t from, std::size_t to) {
    const auto begin = ends.begin() + static_cast<std::ptrdiff_t>(first[from]);
    const auto end = ends.begin() + static_cast<std::ptrdiff_t>(first[from + 1]);
    return static_cast<std::size_t>(std::lower_bound(begin, end, std::pair(from, to)) -
                                    ends.begin());
  };
  graph = Graph(boost::edges_are_sorted, ends.begin(), ends.end(), nodes);
  std::vector<Edge> edges;
  for (auto [it, end] = boost::edges(graph); it != end; ++it) edges.push_back(*it);
  for (const auto& [from, to] : ends) reverse.push_back(edges[place(to, from)]);
  for (const Arc& arc : arcs) edge_of.push_back(place(arc.from, arc.to));
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
