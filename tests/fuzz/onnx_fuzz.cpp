// The ONNX importer under random bytes: it either throws InvalidInput with one bounded line, or
// returns a graph whose training iteration, where it has one, has a valid plain schedule.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/expect.h"
#include "rockmate/onnx.h"
#include "rockmate/schedule.h"
#include "rockmate/training_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rockmate;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const bool other_batch : {false, true}) {
    fuzz::guard([&] {
      OnnxOptions options;
      if (other_batch) options.batch = 3;
      const Graph graph = import_onnx_bytes(bytes, "input", options);
      const TrainingGraph training = make_training_graph(graph);
      const auto trace = simulate(training, plain_schedule(training));
      if (!trace) fuzz::expect_one_line(trace.error().message);
    });
  }
  return 0;
}
