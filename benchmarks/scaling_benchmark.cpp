// How do planning time and memory grow with the graph?
//   scaling_benchmark [rotor|portfolio] [OPS...]   GPTs of about so many ops, at half their memory
// By default both planners on 1000, 3000, 10000, 30000 and 100000 ops. Layers are those of GPT-2,
// with Adam; only their number grows. `first plan` is when the planner had one within the budget,
// `memory` the most that the process ever held. The table is Markdown.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "rockmate/plan.h"
#include "rockmate/training_model.h"
#include "support/models.h"

namespace rockmate {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

TrainingGraph gpt_of_layers(int layers) {
  const testing::GptSize size{
      .layers = layers, .heads = 8, .features = 512, .vocabulary = 5000, .positions = 256};
  return make_training_model(testing::gpt(4, 256, size), {.optimizer = OptimizerKind::kAdam}).graph;
}

TrainingGraph gpt_of_ops(std::size_t ops) {
  const std::size_t few = gpt_of_layers(2).ops().size(), more = gpt_of_layers(4).ops().size();
  const std::size_t per_layer = (more - few) / 2;
  return gpt_of_layers(static_cast<int>(std::max<std::size_t>(1, ops / per_layer)));
}

double peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void print_row(std::size_t ops, Planner planner) {
  auto start = Clock::now();
  const TrainingGraph graph = gpt_of_ops(ops);
  const double made = seconds_since(start);
  std::optional<double> first;
  PlanOptions options;
  options.planner = planner;
  options.progress = [&](const Progress& progress) {
    if (!first && progress.overhead) first = progress.elapsed.count();
  };
  start = Clock::now();
  const PlanResult result = plan(graph, Budget::share(0.5), options);
  const double planned = seconds_since(start);
  fmt::print("| {} | {} | {:.1f} | {} | {:.1f} | {:.0f} | {} | {} |\n", graph.ops().size(),
             to_string(planner), made, first ? fmt::format("{:.1f}", *first) : "none", planned,
             peak_mebibytes(), result ? fmt::format("{:.2f}", 100 * result->overhead) : "none",
             result ? result->planner : "");
  std::fflush(stdout);
}

int run(int argc, char** argv) {
  std::vector<Planner> planners;
  std::vector<std::size_t> sizes;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    std::size_t ops = 0;
    const auto read = std::from_chars(word.data(), word.data() + word.size(), ops);
    if (read.ec == std::errc()) {
      sizes.push_back(ops);
    } else {
      planners.push_back(parse_planner(word));
    }
  }
  if (planners.empty()) planners = {Planner::kRotor, Planner::kPortfolio};
  if (sizes.empty()) sizes = {1000, 3000, 10'000, 30'000, 100'000};
  fmt::print(
      "| ops | planner | graph, s | first plan, s | plan, s | memory, MiB | overhead, % | by |\n"
      "|---|---|---|---|---|---|---|---|\n");
  for (const std::size_t ops : sizes) {
    for (const Planner planner : planners) print_row(ops, planner);
  }
  return 0;
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  try {
    return rockmate::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "scaling_benchmark: {}\n", error.what());
    return 2;
  }
}
