// Two choices per block on several chains, and many on one whose blocks an integer program can
// solve. Of their curves only what no other plan beats is kept, as choices, and the tables that
// they come from are dropped. So what is found and what is read from the cache is the same thing.
// Rotor's own curve stays beside the common one: a plan of it may have a layout where the plan that
// beats it has none.

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <stop_token>

#include "base/kept_files.h"
#include "checkmate/block_candidates.h"
#include "graph/repeats.h"
#include "plan/finish.h"
#include "plan/kept_plans.h"
#include "plan/shelf.h"
#include "rotor/candidate_rotor.h"
#include "rotor/dynamic_program.h"

namespace rockmate {
namespace {

// Raise it when other plans are found: chains, candidates, the dynamic programs, or the text.
constexpr int kVersion = 1;
// Ops of all plans that are judged at once: some seconds.
constexpr std::size_t kJudgedOps = 10'000'000;
constexpr std::uintmax_t kMostBytes = 1 << 28;  // of all graphs

std::string in_words(const checkmate::BlockProgress& now) {
  return fmt::format("block {} of {}, ILP {} of {}, gap {:.1f} %", now.block, now.blocks, now.pair,
                     now.pairs, 100 * now.gap);
}

class Finder {
 public:
  Finder(const TrainingGraph& graph, const PlanOptions& options,
         const std::function<void(const std::string&)>& report)
      : graph_(graph), options_(options), live_(options), report_(report) {
    live_.layout = false;
  }

  KeptPlans run() {
    report_("two choices per block");
    const std::vector<rotor::Rotor> two = solved_chains(graph_, Effort::kFull, options_);
    kept_.curves.resize(2);
    std::vector<KeptDraft>&of_two = kept_.curves[0], &of_all = kept_.curves[1];
    for (std::size_t i = 0; i < two.size(); ++i) add_points(two[i], i, of_two);
    of_all = of_two;
    const std::optional<rotor::CandidateRotor> many = many_choices();
    if (many) add_points(*many, two.size(), of_all);
    for (auto& curve : kept_.curves) keep_unbeaten(curve);
    for (std::size_t i = 0; i < two.size(); ++i) trace(two[i], i);
    if (many) trace(*many, two.size());
    judge_peaks();
    return std::move(kept_);
  }

  /// Neither a caller nor the clock has stopped it.
  [[nodiscard]] bool is_complete() const { return is_complete_; }

 private:
  template <class Solved>
  void add_points(const Solved& solved, std::size_t chain, std::vector<KeptDraft>& curve) {
    is_complete_ &= !solved.curve().empty();
    for (const rotor::CurvePoint& point : solved.curve()) {
      curve.push_back({point.peak, Bytes(), point.seconds, chain, 0});
    }
  }

  // The plans that no other beats.
  template <class Solved>
  void trace(const Solved& solved, std::size_t chain) {
    rotor::ChainPlans plans = solved.no_plans();
    if (!solved.curve().empty()) {
      std::vector<rotor::CurvePoint> points;
      const std::vector<KeptDraft*> drafts = all_drafts(chain);
      for (const KeptDraft* draft : drafts) points.push_back({draft->peak, draft->seconds});
      const std::vector<rotor::PartId> parts = solved.trace(points, plans);
      for (std::size_t i = 0; i < parts.size(); ++i) drafts[i]->plan = parts[i];
    }
    kept_.chains.push_back(std::move(plans));
  }

  [[nodiscard]] std::vector<KeptDraft*> all_drafts(std::optional<std::size_t> chain = {}) {
    std::vector<KeptDraft*> drafts;
    for (std::vector<KeptDraft>& curve : kept_.curves) {
      for (KeptDraft& draft : curve) {
        if (!chain || draft.chain == *chain) drafts.push_back(&draft);
      }
    }
    return drafts;
  }

  // The dynamic programs count some bytes that the judge does not. Knowing better once saves every
  // budget from trying plans around it.
  void judge_peaks() {
    const std::vector<KeptDraft*> drafts = all_drafts();
    if (drafts.size() * graph_.ops().size() > kJudgedOps) return;
    report_("judging plans");
    std::atomic<bool> stopped = false;
    std::exception_ptr failure;
    const int threads = rotor::team_size(options_.threads, drafts.size());
#pragma omp parallel for schedule(dynamic, 16) num_threads(threads)
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      if (stopped || options_.stop.stop_requested() || is_late()) {
        stopped = true;
        continue;
      }
      try {
        const Runs runs = kept_.chains[drafts[i]->chain].runs(drafts[i]->plan);
        drafts[i]->judged = needed_by(graph_, runs, TakeOver::kWhereEqual, live_);
      } catch (...) {
#pragma omp critical
        failure = std::current_exception();
      }
    }
    if (failure) std::rethrow_exception(failure);
    kept_.is_judged = !stopped;
    is_complete_ &= !stopped;
    if (stopped) return;
    for (KeptDraft& draft : kept_.curves.back()) draft.peak = draft.judged;
    keep_unbeaten(kept_.curves.back());
  }

  [[nodiscard]] bool is_late() const {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started_;
    return options_.time_limit && Seconds(spent.count()) > *options_.time_limit;
  }

  std::optional<rotor::CandidateRotor> many_choices() {
    Chain chain = checkmate::candidate_chain(graph_);
    if (chain.blocks.empty()) return std::nullopt;
    const checkmate::ChainCandidates found = candidates(chain);
    is_complete_ &= found.is_complete;
    kept_.origin = {found.count, found.solver ? std::string(to_string(*found.solver)) : ""};
    report_("many choices per block");
    const std::stop_token stop = options_.stop.stop_requested() ? std::stop_token() : options_.stop;
    return rotor::CandidateRotor(graph_, std::move(chain), found.of_block,
                                 {options_.threads, stop});
  }

  // Stopped by the caller or by the clock, what has been solved so far serves.
  checkmate::ChainCandidates candidates(const Chain& chain) {
    checkmate::BlockOptions blocks;
    blocks.candidates = options_.candidates;
    blocks.solver = options_.solver;
    std::optional<checkmate::CandidateCache> cache;
    if (options_.cache) cache.emplace(*options_.cache);
    blocks.cache = cache ? &*cache : nullptr;
    blocks.threads = options_.threads;
    std::stop_source enough;
    const std::stop_callback forward(options_.stop, [&] { enough.request_stop(); });
    blocks.stop = enough.get_token();
    blocks.progress = [&](const checkmate::BlockProgress& now) {
      if (is_late()) enough.request_stop();
      report_(in_words(now));
    };
    return checkmate::find_candidates(graph_, chain, blocks);
  }

  const TrainingGraph& graph_;
  const PlanOptions& options_;
  PlanOptions live_;  // those, for live bytes only
  const std::function<void(const std::string&)>& report_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  KeptPlans kept_;
  bool is_complete_ = true;
};

// The common curve first.
std::vector<Shelf> shelves_of(KeptPlans found) {
  std::vector<Shelf> shelves;
  const auto kept = std::make_shared<const KeptPlans>(std::move(found));
  for (std::size_t i = kept->curves.size(); i-- > 0;) {
    Shelf& shelf = shelves.emplace_back("rockmate");
    for (const KeptDraft& draft : kept->curves[i]) {
      shelf.add({draft.peak, draft.seconds,
                 [kept, draft] { return kept->chains[draft.chain].runs(draft.plan); },
                 kept->is_judged ? std::optional(draft.judged) : std::nullopt});
    }
    shelf.set_origin(kept->origin);
  }
  return shelves;
}

}  // namespace

std::vector<Shelf> rockmate_shelves(const TrainingGraph& graph, const PlanOptions& options,
                                    const std::function<void(const std::string&)>& report) {
  if (!options.cache) return shelves_of(Finder(graph, options, report).run());
  const auto solver = checkmate::chosen_solver({.solver = options.solver});
  const std::string name = fmt::format("{}-{}-{}", to_string(hash_of(graph)),
                                       solver ? to_string(*solver) : "none", options.candidates);
  const std::string head = fmt::format("rockmate.plans/{} {} {} static bytes\n", kVersion, name,
                                       graph.static_bytes().count());
  const KeptFiles files(*options.cache, ".plans", kMostBytes);
  if (const auto text = files.find(name, head)) {
    if (auto kept = parse_kept_plans(*text, graph)) return shelves_of(*std::move(kept));
  }
  Finder finder(graph, options, report);
  KeptPlans found = finder.run();
  if (finder.is_complete()) files.keep(name, head, to_text(found));
  return shelves_of(std::move(found));
}

}  // namespace rockmate
