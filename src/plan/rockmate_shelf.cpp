#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <stop_token>

#include "checkmate/block_candidates.h"
#include "plan/shelf.h"
#include "rotor/candidate_rotor.h"

namespace rockmate {
namespace {

std::string in_words(const checkmate::BlockProgress& now) {
  return fmt::format("block {} of {}, ILP {} of {}, gap {:.1f} %", now.block, now.blocks, now.pair,
                     now.pairs, 100 * now.gap);
}

}  // namespace

Shelf rockmate_shelf(const TrainingGraph& graph, const PlanOptions& options,
                     const std::function<void(const std::string&)>& report) {
  Shelf shelf("rockmate");
  const Shelf two_choices = rotor_shelf(graph, Effort::kFull, options);
  for (const Draft& draft : two_choices.drafts()) shelf.add(draft);
  Chain chain = checkmate::candidate_chain(graph);
  if (!chain.blocks.empty()) {
    checkmate::BlockOptions blocks;
    blocks.candidates = options.candidates;
    blocks.solver = options.solver;
    std::optional<checkmate::CandidateCache> cache;
    if (options.cache) cache.emplace(*options.cache);
    blocks.cache = cache ? &*cache : nullptr;
    blocks.threads = options.threads;
    // Stopped by the caller or by the clock, what has been solved so far serves.
    std::stop_source enough;
    const std::stop_callback forward(options.stop, [&] { enough.request_stop(); });
    const auto started = std::chrono::steady_clock::now();
    blocks.stop = enough.get_token();
    blocks.progress = [&](const checkmate::BlockProgress& now) {
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started;
      if (options.time_limit && Seconds(spent.count()) > *options.time_limit) enough.request_stop();
      report(in_words(now));
    };
    const checkmate::ChainCandidates found = checkmate::find_candidates(graph, chain, blocks);
    shelf.set_origin({found.count, found.solver ? std::string(to_string(*found.solver)) : ""});
    const auto rotor = std::make_shared<const rotor::CandidateRotor>(
        graph, std::move(chain), found.of_block,
        rotor::CandidateRotorOptions{
            options.threads, options.stop.stop_requested() ? std::stop_token() : options.stop});
    for (const rotor::CurvePoint& point : rotor->curve()) {
      shelf.add({point.peak, point.seconds, [rotor, point] { return rotor->runs(point); }});
    }
  }
  shelf.close();
  return shelf;
}

}  // namespace rockmate
