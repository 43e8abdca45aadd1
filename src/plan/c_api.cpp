#include "rockmate/c_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <sstream>
#include <string>

#include "rockmate/error.h"
#include "rockmate/plan.h"
#include "rockmate/schedule.h"
#include "rockmate/training_graph.h"

struct rockmate_result {
  std::string text;
  std::int64_t bytes = -1;
};

namespace rockmate {
namespace {

std::string_view text_of(const char* text, std::size_t size, const char* what) {
  if (text == nullptr) throw InvalidInput(fmt::format("{}: found NULL, expected a text", what));
  return {text, size};
}

// As far as the caller's structure goes; what it lacks has its default.
PlanOptions options_of(const rockmate_plan_options* given) {
  PlanOptions options;
  if (given == nullptr) return options;
  if (given->size < sizeof(given->size)) {
    throw InvalidInput(
        fmt::format("options of {} bytes, expected the size of their structure", given->size));
  }
  rockmate_plan_options known = {};
  std::memcpy(&known, given, std::min(given->size, sizeof(known)));
  if (known.planner != nullptr) options.planner = parse_planner(known.planner);
  if (!std::isfinite(known.time_limit) || known.time_limit < 0 || known.threads < 0) {
    throw InvalidInput(fmt::format("a time limit of {} on {} threads, expected 0 or more",
                                   known.time_limit, known.threads));
  }
  if (known.time_limit > 0) options.time_limit = Seconds(known.time_limit);
  if (known.work_limit > 0) options.work_limit = known.work_limit;
  options.threads = known.threads;
  options.seed = known.seed;
  return options;
}

template <class Action>
rockmate_status guarded(rockmate_result** result, const Action& action) {
  if (result == nullptr) return ROCKMATE_INVALID;
  *result = new (std::nothrow) rockmate_result;
  if (*result == nullptr) return ROCKMATE_INVALID;
  try {
    try {
      return action(**result);
    } catch (const InvalidInput& error) {
      (*result)->text = error.what();
      return ROCKMATE_INVALID;
    } catch (const std::bad_alloc&) {
      (*result)->text = "no memory";  // short enough to need none
      return ROCKMATE_INVALID;
    } catch (const std::exception& error) {
      (*result)->text = error.what();
      return ROCKMATE_BUG;
    }
  } catch (...) {
    return ROCKMATE_BUG;
  }
}

}  // namespace
}  // namespace rockmate

extern "C" {

const char* rockmate_version(void) { return ROCKMATE_VERSION; }

rockmate_status rockmate_plan(const char* graph, std::size_t graph_size, const char* budget,
                              const rockmate_plan_options* options, rockmate_result** result) {
  using namespace rockmate;
  return guarded(result, [&](rockmate_result& answer) {
    const TrainingGraph parsed = parse_graph(text_of(graph, graph_size, "graph"), "graph");
    const auto found =
        plan(parsed, Budget::parse(text_of(budget, budget ? std::strlen(budget) : 0, "budget")),
             options_of(options));
    if (found) {
      answer.text = plan_to_json(*found, parsed);
      answer.bytes = found->needed().count();
      return ROCKMATE_OK;
    }
    std::ostringstream why;
    why << found.error();
    answer.text = why.str();
    if (found.error().smallest_feasible) answer.bytes = found.error().smallest_feasible->count();
    return ROCKMATE_NO;
  });
}

rockmate_status rockmate_verify(const char* graph, std::size_t graph_size, const char* plan,
                                std::size_t plan_size, const char* budget,
                                rockmate_result** result) {
  using namespace rockmate;
  return guarded(result, [&](rockmate_result& answer) {
    const TrainingGraph parsed = parse_graph(text_of(graph, graph_size, "graph"), "graph");
    const auto document = parse_plan(text_of(plan, plan_size, "plan"), "plan", parsed);
    std::optional<Bytes> limit;
    if (budget != nullptr) limit = Budget::parse(budget).on(parsed);
    const auto trace = document ? judge(parsed, *document, limit) : Unexpected{document.error()};
    if (!trace) {
      answer.text = trace.error().message;
      return ROCKMATE_NO;
    }
    answer.bytes = trace->peak.count();
    return ROCKMATE_OK;
  });
}

const char* rockmate_result_text(const rockmate_result* result) {
  return result == nullptr ? "" : result->text.c_str();
}

std::size_t rockmate_result_size(const rockmate_result* result) {
  return result == nullptr ? 0 : result->text.size();
}

std::int64_t rockmate_result_bytes(const rockmate_result* result) {
  return result == nullptr ? -1 : result->bytes;
}

void rockmate_result_free(rockmate_result* result) { delete result; }

}  // extern "C"
