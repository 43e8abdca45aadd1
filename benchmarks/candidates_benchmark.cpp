// Candidates of the distinct blocks of a graph: how many, by how many integer programs of what
// size, in how many seconds of a core, with each solver that is linked.
//
//   candidates_benchmark [--candidates N] MODEL...

#include <fmt/format.h>

#include <cstring>
#include <ctime>

#include "checkmate/block_candidates.h"
#include "checkmate/candidates.h"
#include "checkmate/formulation.h"
#include "graph/repeats.h"
#include "rockmate/onnx.h"
#include "rockmate/training_model.h"

namespace rockmate {
namespace {

TrainingGraph read_model(const std::string& file) {
  if (file.ends_with(".json")) return read_graph(file);
  return make_training_graph(import_onnx(file));
}

void measure(const std::string& file, std::size_t candidates) {
  const TrainingGraph graph = read_model(file);
  const Chain chain = checkmate::candidate_chain(graph);
  const Repeats repeats = find_repeats(graph, chain);
  fmt::print("{}: {} blocks, {} of them distinct\n", graph.name(), chain.blocks.size(),
             repeats.classes());
  for (std::size_t k = 0; k < repeats.classes(); ++k) {
    const Block& block = chain.blocks[repeats.representative[k]];
    const checkmate::StagedProblem problem = checkmate::staged_block(graph, block);
    const auto plain = checkmate::weigh(problem, checkmate::Reruns(problem.steps.size()));
    const checkmate::Formulation largest(problem, {plain->saved / 2, plain->peak - 1});
    std::size_t whole = 0;
    for (const Variable& variable : largest.model().variables()) whole += variable.is_integer;
    fmt::print("  {:3} + {:3} ops, {:4} variables, {:4} of them 0/1, {:4} rows",
               block.forward.size(), block.backward.size(), largest.model().variables().size(),
               whole, largest.model().rows().size());
    for (const Solver name : linked_solvers()) {
      const auto solver = make_solver(name);
      const std::clock_t start = std::clock();
      checkmate::SweepOptions options;
      options.candidates = candidates;
      const checkmate::Sweep sweep = checkmate::sweep(problem, *solver, options);
      const double spent = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      fmt::print(
          "; {}: {:3} candidates, {:3} programs, {:6.2f} s, {:3} of {:3} pairs proven, gap {:.3f}",
          to_string(name), sweep.choices.size(), sweep.progress.programs, spent,
          sweep.progress.proven, sweep.progress.all_pairs, sweep.progress.gap);
    }
    fmt::print("\n");
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  std::size_t candidates = 400;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--candidates") == 0 && i + 1 < argc) {
      candidates = std::strtoul(argv[++i], nullptr, 10);
    } else {
      rockmate::measure(argv[i], candidates);
    }
  }
}
