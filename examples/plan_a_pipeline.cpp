// Plans one iteration of a network on two unequal devices, and says what each of them does.
#include <rockmate/rockmate.h>

#include <iostream>

int main() {
  const auto micro_batch = rockmate::read_graph("graphs/measured/gpt2_8l.json");
  auto cluster = rockmate::Cluster::parse("1x1GiB,1x512MiB@10GB/s");
  cluster.devices[1].speed = 0.5;
  const auto plan = Rockmate::plan_pipeline(micro_batch, 8, cluster);
  if (!plan) {
    std::cout << plan.error() << "\n";  // what lies in memory all the time, what the devices have
    return 1;
  }
  std::cout << to_string(plan->family) << ": " << plan->trace.makespan
            << " per iteration, at least " << plan->lower_bound << "\n";
  for (const auto& stage : plan->pipeline.stages) {
    const auto& rank = plan->trace.ranks[stage.rank];
    std::cout << "device " << stage.rank << ": blocks " << stage.first_block << " to "
              << stage.last_block << ", peak " << rank.peak << ", busy " << rank.busy << "\n";
  }
}
