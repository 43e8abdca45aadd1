// The costs reader under random bytes: it either throws InvalidInput with one bounded line, or
// takes costs that survive being written and read.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/expect.h"
#include "rockmate/cost_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rockmate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::guard([&] {
    std::vector<std::string> warnings;
    CostModel costs = CostModel::measured();
    costs.parse(text, "input", &warnings);
    for (const std::string& warning : warnings) fuzz::expect_one_line(warning);
    const std::string written = costs.to_json();
    fuzz::expect(CostModel::measured().parse(written, "written").to_json() == written);
  });
  return 0;
}
