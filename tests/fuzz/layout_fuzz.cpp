// The judge of addresses: the input is the value of `layout` in a plan that is valid otherwise, and
// the verdict is compared with one that looks at every pair of rows.
#include <algorithm>
#include <cstdint>
#include <string>

#include "fuzz/expect.h"
#include "fuzz/fuzz_graph.h"
#include "rockmate/schedule.h"

namespace {

using namespace rockmate;

constexpr const char* kActions =
    R"([{"compute":"f","implementation":"q"},{"compute":"r","in_place":["y"]},{"compute":"v"},
        {"compute":"l"},{"free":"v"},{"free":"y"},{"compute":"b"},{"compute":"f"},{"compute":"u"}])";

bool overlap(const LayoutRow& a, const LayoutRow& b) {
  return a.first <= b.last && b.first <= a.last && a.offset < b.offset + b.bytes &&
         b.offset < a.offset + a.bytes;
}

bool is_row_of(const LayoutRow& row, bool is_workspace, ValueId value, std::size_t first,
               std::size_t last, Bytes bytes) {
  return row.is_workspace == is_workspace && (is_workspace || row.value == value) &&
         row.first == first && row.last == last && row.bytes >= bytes && row.offset >= Bytes() &&
         row.offset.count() <= INT64_MAX - row.bytes.count();
}

bool every_pair_is_apart(const MemoryTrace& trace, const Layout& layout) {
  const auto& rows = layout.rows;
  if (rows.size() != trace.lifetimes.size() + trace.workspaces.size()) return false;
  const auto once = [&](bool is_workspace, ValueId v, std::size_t first, std::size_t last,
                        Bytes b) {
    return std::count_if(rows.begin(), rows.end(), [&](const LayoutRow& row) {
             return is_row_of(row, is_workspace, v, first, last, b);
           }) == 1;
  };
  for (const auto& l : trace.lifetimes) {
    if (!once(false, l.value, l.first, l.last, l.bytes)) return false;
  }
  for (const auto& w : trace.workspaces) {
    if (!once(true, ValueId(), w.action, w.action, w.bytes)) return false;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t k = i + 1; k < rows.size(); ++k) {
      if (overlap(rows[i], rows[k])) return false;
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TrainingGraph graph = fuzz::small_graph();
  const std::string layout(reinterpret_cast<const char*>(data), size);
  fuzz::guard([&] {
    const auto document = parse_plan(std::string(R"({"format":"rockmate.plan/1","actions":)") +
                                         kActions + ",\"layout\":" + layout + "}",
                                     "input", graph);
    if (!document) return fuzz::expect_one_line(document.error().message);
    const auto trace = simulate(graph, document->schedule);
    fuzz::expect(trace.has_value());
    if (!document->layout) return;  // the input closed the object by itself
    const auto violation = check_layout(graph, *trace, *document->layout);
    if (violation) fuzz::expect_one_line(violation->message);
    fuzz::expect(!violation == every_pair_is_apart(*trace, *document->layout));
  });
  return 0;
}
