// The plan reader and the judge under random bytes. An input may start with a graph of its own: the
// part before the first NUL byte.
#include <cstdint>
#include <string_view>

#include "fuzz/expect.h"
#include "fuzz/fuzz_graph.h"
#include "rockmate/schedule.h"

namespace {

void read_and_judge(std::string_view text, const rockmate::TrainingGraph& graph) {
  using namespace rockmate;
  std::vector<std::string> warnings;
  const auto document = parse_plan(text, "input", graph, &warnings);
  for (const std::string& warning : warnings) fuzz::expect_one_line(warning);
  if (!document) return fuzz::expect_one_line(document.error().message);
  const auto trace = judge(graph, *document);
  if (!trace) return fuzz::expect_one_line(trace.error().message);

  // What is valid stays valid when it is written and read.
  Plan plan;
  plan.graph = document->graph;
  plan.schedule = document->schedule;
  plan.layout = document->layout;
  plan.peak = trace->peak;
  plan.static_bytes = trace->static_bytes;
  plan.seconds = trace->seconds;
  plan.overhead = overhead(graph, trace->seconds);
  plan.planner = document->planner;
  plan.budget = plan.needed();
  const auto again = parse_plan(plan_to_json(plan, graph), "written", graph);
  fuzz::expect(again && judge(graph, *again));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rockmate;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  static const TrainingGraph graph = fuzz::small_graph();
  fuzz::guard([&] {
    const std::size_t cut = input.find('\0');
    if (cut == std::string_view::npos) return read_and_judge(input, graph);
    read_and_judge(input.substr(cut + 1), parse_graph(input.substr(0, cut), "graph"));
  });
  return 0;
}
