#include "bounds/pebble_progress.h"

#include <algorithm>

#include "base/check.h"

namespace rockmate {

std::uint64_t Pebbles::hash(std::uint64_t seed) const {
  constexpr std::uint64_t kMix = 0x9E3779B97F4A7C15;
  std::uint64_t hash = seed;
  for (const std::uint64_t word : words_) {
    hash = (hash ^ word) * kMix;
    hash ^= hash >> 29;
  }
  return hash;
}

PebbleBoard::PebbleBoard(const MomentFacts& moment_facts, const std::vector<bool>& absent)
    : facts(moment_facts), storages(facts.storages), moves(facts.graph.ops().size()) {
  ROCKMATE_CHECK(storages.size() <= Pebbles::kMost);
  const auto is_absent = [&](OpId op) { return !absent.empty() && absent[op.index()]; };
  std::erase_if(storages, [&](ValueId s) { return is_absent(facts.maker(s)); });
  std::stable_sort(storages.begin(), storages.end(),
                   [&](ValueId a, ValueId b) { return facts.maker(a) < facts.maker(b); });
  constexpr std::size_t kNone = Pebbles::kMost;
  IdVector<ValueId, std::size_t> ranks(facts.graph.values().size(), kNone);
  for (std::size_t rank = 0; rank < storages.size(); ++rank) {
    const ValueId s = storages[rank];
    ranks[s] = rank;
    bytes.push_back(facts.graph[s].bytes);
    makers.push_back(facts.maker(s));
    moves[makers.back()].outputs.push_back({rank, false, {}});
  }
  const auto add = [&](Pebbles& pebbles, ValueId s) {
    if (ranks[s] != kNone) pebbles.add(ranks[s]);
  };
  for (const ValueId s : facts.result_storages) add(results, s);
  for (std::size_t o = 0; o < moves.size(); ++o) {
    const OpId id(o);
    const Op& op = facts.graph[id];
    Move& move = moves[id];
    move.workspace = least_workspace(op);
    move.seconds = facts.seconds[id];
    move.runs_once = !op.recomputable;
    move.only_frees = move.outputs.empty();
    if (is_absent(id)) continue;
    for (const OpId update : facts.barriers[id]) {
      if (!is_absent(update)) move.barriers.push_back(update);
    }
    for (const ValueId s : facts.needs[id]) add(move.needs, s);
    for (const ValueId s : op.accumulates) {
      if (facts.maker(s) != id) add(move.needs, s);
    }
    for (Output& output : move.outputs) {
      const ValueId y = storages[output.rank];
      output.is_optional = op.is_optional(y);
      for (const InPlace& pair : op.in_place) {
        const ValueId x = facts.graph[pair.input].storage;
        if (pair.output == y && ranks[x] != kNone) output.takes_over.push_back(ranks[x]);
      }
    }
  }
  for (std::size_t o = 0; o < moves.size(); ++o) {
    const Move& move = moves[OpId(o)];
    if (move.runs_once) continue;
    for (const OpId update : move.barriers) moves[update].only_frees = false;
  }
}

Bytes PebbleBoard::bytes_of(const Pebbles& pebbles) const {
  Bytes sum;
  pebbles.for_each([&](std::size_t rank) { sum += bytes[rank]; });
  return sum;
}

PebbleProgress::PebbleProgress(const PebbleBoard& board, std::vector<bool> ops_run)
    : run(std::move(ops_run)), useful(board.results), wanted(board.results) {
  const MomentFacts& facts = board.facts;
  const auto has_run = [&](OpId op) { return run[op.index()]; };
  // From the last op to the first: whoever may read a storage stands behind its maker.
  for (std::size_t o = run.size(); o-- > 0;) {
    const OpId id(o);
    const PebbleBoard::Move& move = board.moves[id];
    if (!run[o]) {
      ++unrun;
      useful |= move.needs;
      wanted |= move.needs;
      const auto& before = facts.before[id];
      if (std::all_of(before.begin(), before.end(), has_run)) ready.push_back(id);
      continue;
    }
    for (const auto& output : move.outputs) made.add(output.rank);
    const auto& barriers = move.barriers;
    const bool may_run = !move.runs_once && std::none_of(barriers.begin(), barriers.end(), has_run);
    const auto is_useful = [&](const auto& output) { return useful.has(output.rank); };
    if (may_run && std::any_of(move.outputs.begin(), move.outputs.end(), is_useful)) {
      again.push_back(id);
      useful |= move.needs;
      for (const auto& output : move.outputs) remade.add(output.rank);
    }
  }
  wanted &= made;
  std::reverse(ready.begin(), ready.end());
  std::reverse(again.begin(), again.end());
}

}  // namespace rockmate
