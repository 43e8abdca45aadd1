// The readers of what is kept on disk under random bytes: plans and candidates. The sum that
// protects files is left out, or nothing would ever come through.
#include <cstdint>
#include <string_view>

#include "checkmate/candidate_cache.h"
#include "fuzz/expect.h"
#include "fuzz/fuzz_graph.h"
#include "plan/kept_plans.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rockmate;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  static const TrainingGraph graph = fuzz::small_graph();
  fuzz::guard([&] {
    if (const auto kept = parse_kept_plans(input, graph)) {
      for (const std::vector<KeptDraft>& curve : kept->curves) {
        for (const KeptDraft& draft : curve) {
          const Runs runs = kept->chains[draft.chain].runs(draft.plan);
          fuzz::expect(simulate(graph, schedule_from_runs(graph, runs)).has_value());
        }
      }
      const auto again = parse_kept_plans(to_text(*kept), graph);
      fuzz::expect(again && again->curves.size() == kept->curves.size());
    }
    const checkmate::CacheKey key{{1, 2}, Solver::kGlpk, 25, 2, 2};
    if (const auto candidates = checkmate::parse_candidates(input, key)) {
      for (const Candidate& candidate : *candidates) {
        for (const std::uint32_t op : candidate.backward) fuzz::expect(op < 4);
      }
    }
    fuzz::expect(unsealed(sealed("head", input), "head") == input);
  });
  return 0;
}
