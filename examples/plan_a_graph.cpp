// Reads a training graph, plans it at 60 % of its bytes, and says what the plan costs.
#include <rockmate/rockmate.h>

#include <iostream>

int main() {
  const auto graph = rockmate::read_graph("graphs/measured/gpt2_8l.json");
  const auto plan = Rockmate::plan(graph, rockmate::Budget::parse("60%"));
  if (plan) {
    std::cout << "peak " << plan->peak << " of " << plan->budget << ", overhead "
              << 100 * plan->overhead << " %\n";
  } else {
    std::cout << plan.error() << "\n";  // the smallest budget that works, and what forces it
  }
}
