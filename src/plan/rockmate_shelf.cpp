// Two choices per block on several chains, and many on one whose blocks an integer program can
// solve. Of all their curves only what no other plan beats is kept, as choices, and the tables that
// they come from are dropped. So what is found and what is read from the cache is the same thing.

#include <fmt/format.h>

#include <atomic>
#include <chrono>
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
    for (const rotor::Rotor& rotor : two) add_points(rotor);
    const std::optional<rotor::CandidateRotor> many = many_choices();
    if (many) add_points(*many);
    keep_unbeaten(kept_.drafts);
    for (std::size_t i = 0; i < two.size(); ++i) trace(two[i], i);
    if (many) trace(*many, two.size());
    judge_peaks();
    return std::move(kept_);
  }

  /// Neither a caller nor the clock has stopped it.
  [[nodiscard]] bool is_complete() const { return is_complete_; }

 private:
  template <class Curve>
  void add_points(const Curve& curve) {
    is_complete_ &= !curve.curve().empty();
    for (const rotor::CurvePoint& point : curve.curve()) {
      kept_.drafts.push_back({point.peak, point.seconds, curves_, 0});
    }
    ++curves_;
  }

  // The plans of a curve that none of another beats.
  template <class Curve>
  void trace(const Curve& curve, std::size_t number) {
    std::vector<rotor::CurvePoint> points;
    for (const KeptDraft& draft : kept_.drafts) {
      if (draft.chain == number) points.push_back({draft.peak, draft.seconds});
    }
    rotor::ChainPlans plans = curve.no_plans();
    const std::vector<rotor::PartId> parts = curve.trace(points, plans);
    auto part = parts.begin();
    for (KeptDraft& draft : kept_.drafts) {
      if (draft.chain == number) draft.plan = *part++;
    }
    kept_.chains.push_back(std::move(plans));
  }

  // The dynamic programs count some bytes that the judge does not. Knowing better once saves every
  // budget from trying plans around it.
  void judge_peaks() {
    if (kept_.drafts.size() * graph_.ops().size() > kJudgedOps) return;
    report_("judging plans");
    std::atomic<bool> stopped = false;
#pragma omp parallel for schedule(dynamic, 16) \
    num_threads(rotor::team_size(options_.threads, kept_.drafts.size()))
    for (std::size_t i = 0; i < kept_.drafts.size(); ++i) {
      if (stopped || options_.stop.stop_requested() || is_late()) {
        stopped = true;
        continue;
      }
      KeptDraft& draft = kept_.drafts[i];
      const Runs runs = kept_.chains[draft.chain].runs(draft.plan);
      draft.peak = needed_by(graph_, runs, TakeOver::kWhereEqual, live_);
    }
    keep_unbeaten(kept_.drafts);
    kept_.is_judged = !stopped;
    is_complete_ &= !stopped;
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
  std::size_t curves_ = 0;
  bool is_complete_ = true;
};

Shelf shelf_of(KeptPlans found) {
  Shelf shelf("rockmate");
  const auto kept = std::make_shared<const KeptPlans>(std::move(found));
  for (const KeptDraft& draft : kept->drafts) {
    shelf.add({draft.peak, draft.seconds,
               [kept, draft] { return kept->chains[draft.chain].runs(draft.plan); }});
  }
  shelf.set_origin(kept->origin);
  if (kept->is_judged) shelf.set_judged();
  return shelf;
}

}  // namespace

Shelf rockmate_shelf(const TrainingGraph& graph, const PlanOptions& options,
                     const std::function<void(const std::string&)>& report) {
  if (!options.cache) return shelf_of(Finder(graph, options, report).run());
  const auto solver = checkmate::chosen_solver({.solver = options.solver});
  const std::string name = fmt::format("{}-{}-{}", to_string(hash_of(graph)),
                                       solver ? to_string(*solver) : "none", options.candidates);
  const std::string head = fmt::format("rockmate.plans/{} {} {} static bytes\n", kVersion, name,
                                       graph.static_bytes().count());
  const KeptFiles files(*options.cache, ".plans", kMostBytes);
  if (const auto text = files.find(name, head)) {
    if (auto kept = parse_kept_plans(*text, graph)) return shelf_of(*std::move(kept));
  }
  Finder finder(graph, options, report);
  KeptPlans found = finder.run();
  if (finder.is_complete()) files.keep(name, head, to_text(found));
  return shelf_of(std::move(found));
}

}  // namespace rockmate
