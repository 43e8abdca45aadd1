// Plans the graph file that it is given, within the budget that it is given.
#include <rockmate/rockmate.h>

#include <iostream>

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: embed GRAPH.json BUDGET\n";
    return 2;
  }
  const auto graph = rockmate::read_graph(argv[1]);
  const auto plan = Rockmate::plan(graph, rockmate::Budget::parse(argv[2]));
  if (!plan) {
    std::cout << plan.error() << "\n";
    return 1;
  }
  std::cout << graph.name() << " fits into " << plan->needed() << "\n";
} catch (const rockmate::InvalidInput& error) {
  std::cerr << "embed: " << error.what() << "\n";
  return 2;
}
