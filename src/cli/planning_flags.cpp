#include "cli/planning_flags.h"

#include <fmt/format.h>

#include <cmath>

#include "base/cache_folder.h"
#include "cli/interrupt.h"
#include "cli/progress_line.h"
#include "cli/whole_number.h"

namespace rockmate::cli {
namespace {

constexpr std::uint64_t kMostThreads = 4096;
constexpr std::uint64_t kMostCandidates = 100'000;

}  // namespace

void PlanningFlags::add_to(CLI::App& verb) {
  verb.add_option("--planner", planner,
                  "portfolio (the best we know), rockmate, checkmate, rotor, sqrt or plain")
      ->capture_default_str();
  verb.add_option("--solver", solver, "cbc or glpk, for lower bounds (default: the first linked)")
      ->type_name("NAME");
  verb.add_option("--candidates", candidates, "strategies of a block, at most")
      ->type_name("N")
      ->capture_default_str()
      ->check(whole_number(1, kMostCandidates));
  verb.add_option("--cache", cache,
                  "where measurements and strategies of blocks are kept, or 'none' (default: "
                  "~/.cache/rockmate)")
      ->type_name("DIR");
  verb.add_option("--time-limit", time_limit, "seconds to search at most")->type_name("S");
  verb.add_option("--work-limit", work_limit, "steps to search at most: same plan on any machine")
      ->type_name("N")
      ->check(whole_number());
  verb.add_option("--threads", threads, "0: all cores; never changes the plan")
      ->type_name("N")
      ->check(whole_number(0, kMostThreads));
  verb.add_option("--seed", seed, "of the search's random numbers")
      ->type_name("N")
      ->check(whole_number());
}

void PlanningFlags::add_no_layout_to(CLI::App& verb) {
  verb.add_flag("--no-layout", no_layout, "count live bytes only, assign no addresses");
}

std::filesystem::path cache_folder(const std::string& chosen) {
  if (chosen == "none") return {};
  return chosen.empty() ? usual_cache_folder() : std::filesystem::path(chosen);
}

void run_search(const PlanningFlags& flags, const std::function<void(const PlanOptions&)>& search) {
  PlanOptions options;
  options.planner = parse_planner(flags.planner);
  if (!flags.solver.empty()) options.solver = parse_solver(flags.solver);
  options.candidates = flags.candidates;
  const std::filesystem::path cache = cache_folder(flags.cache);
  if (!cache.empty()) options.cache = cache;
  options.layout = !flags.no_layout;
  options.threads = flags.threads;
  options.seed = flags.seed;
  options.work_limit = flags.work_limit;
  if (flags.time_limit) {
    if (!std::isfinite(*flags.time_limit) || *flags.time_limit < 0) {
      throw InvalidInput(
          fmt::format("--time-limit: found {}, expected seconds, 0 or more", *flags.time_limit));
    }
    options.time_limit = Seconds(*flags.time_limit);
  }
  StopOnInterrupt interrupt("stopping with the best plan so far");
  ProgressLine line;
  options.stop = interrupt.token();
  options.progress = [&line](const Progress& progress) { line.show(progress); };
  search(options);
}

}  // namespace rockmate::cli
