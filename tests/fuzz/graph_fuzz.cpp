// The graph reader under random bytes: it either throws InvalidInput with one bounded line, or
// returns a graph that survives being written and read, and whose plain schedule is valid.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/expect.h"
#include "rockmate/schedule.h"
#include "rockmate/training_graph.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rockmate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::guard([&] {
    std::vector<std::string> warnings;
    const TrainingGraph graph = parse_graph(text, "input", &warnings);
    for (const std::string& warning : warnings) fuzz::expect_one_line(warning);
    const std::string written = graph_to_json(graph);
    fuzz::expect(graph_to_json(parse_graph(written, "written")) == written);
    const auto trace = simulate(graph, plain_schedule(graph));
    if (!trace) fuzz::expect_one_line(trace.error().message);
  });
  return 0;
}
