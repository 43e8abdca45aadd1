// Describes one training iteration by hand: two layers, their loss and their gradients.
#include <rockmate/rockmate.h>

#include <iostream>

using namespace rockmate::literals;
using rockmate::Phase;
using rockmate::Seconds;
using rockmate::ValueKind;

int main() {
  rockmate::TrainingGraphBuilder b("two-layers");
  b.value({.name = "x", .bytes = 4_KiB, .kind = ValueKind::kInput});
  for (const char* name : {"h", "y"}) b.value({.name = name, .bytes = 64_KiB});
  for (const char* name : {"dy", "dh"}) {
    b.value({.name = name, .bytes = 64_KiB, .kind = ValueKind::kGradient});
  }
  b.op({.name = "wide", .seconds = Seconds(2e-3), .inputs = {"x"}, .outputs = {"h"}});
  b.op({.name = "relu", .seconds = Seconds(1e-4), .inputs = {"h"}, .outputs = {"y"}});
  b.op({.name = "loss",
        .phase = Phase::kLoss,
        .seconds = Seconds(1e-4),
        .inputs = {"y"},
        .outputs = {"dy"}});
  b.op({.name = "relu.backward",
        .phase = Phase::kBackward,
        .seconds = Seconds(1e-4),
        .inputs = {"dy", "h"},
        .outputs = {"dh"}});
  const auto graph = std::move(b).build();

  const auto plan = Rockmate::plan(graph, 1_MiB);
  if (!plan) {
    std::cerr << plan.error() << "\n";
    return 1;
  }
  for (const auto& action : plan->schedule) {
    if (const auto* compute = std::get_if<rockmate::Compute>(&action)) {
      std::cout << "run  " << graph[compute->op].name << "\n";
    } else {
      std::cout << "free " << graph[std::get<rockmate::Free>(action).value].name << "\n";
    }
  }
}
