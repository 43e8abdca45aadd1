// The reader of pipelines and their judge under random bytes: the reader throws InvalidInput with
// one bounded line, or takes a pipeline that survives being written and read, and that the
// simulator either refuses in one line or runs.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/expect.h"
#include "rockmate/pipeline.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rockmate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::guard([&] {
    std::vector<std::string> warnings;
    const Pipeline pipeline = parse_pipeline(text, "input", &warnings);
    for (const std::string& warning : warnings) fuzz::expect_one_line(warning);
    const std::string written = pipeline_to_json(pipeline);
    fuzz::expect(pipeline_to_json(parse_pipeline(written, "written")) == written);
    const auto trace = simulate(pipeline);
    fuzz::expect(trace.has_value() != check_rows(pipeline).has_value());
    if (trace) {
      fuzz::expect(std::isfinite(trace->makespan.count()));
      for (const RankTrace& rank : trace->ranks) fuzz::expect(rank.peak >= rank.static_bytes);
    } else {
      fuzz::expect_one_line(trace.error().message);
    }
  });
  return 0;
}
