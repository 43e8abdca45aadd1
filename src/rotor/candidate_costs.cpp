#include "rotor/candidate_costs.h"

#include <algorithm>
#include <map>

#include "rotor/kept_forward.h"
#include "rotor/profile.h"

namespace rockmate::rotor {
namespace {

bool contains(const std::vector<std::size_t>& sorted, std::size_t item) {
  return std::binary_search(sorted.begin(), sorted.end(), item);
}

// Undoes the runs of a backward part, last one first; knows which items are wanted.
class Wanted {
 public:
  Wanted(const TrainingGraph& graph, const ChainItems& items) : graph_(graph), items_(items) {}

  // The items that live during the run, which is then undone.
  std::vector<std::size_t> step_back(OpId id) {
    const Op& op = graph_[id];
    for (const ValueId v : op.outputs) {
      const bool is_base = std::any_of(op.outputs.begin(), op.outputs.end(),
                                       [&](ValueId w) { return w != v && graph_[w].storage == v; });
      if (!op.is_optional(v) || is_base) want(v, true);
    }
    for (const ValueId v : op.needs) want(v, true);
    std::vector<std::size_t> live = items();
    for (const ValueId v : op.outputs) want(v, false);
    return live;
  }
  [[nodiscard]] std::vector<std::size_t> items() const {
    std::vector<std::size_t> wanted;
    for (const auto& [item, values] : values_) {
      if (!values.empty()) wanted.push_back(item);
    }
    return wanted;
  }

 private:
  void want(ValueId v, bool wanted) {
    const std::size_t item = items_.item_of(graph_[v].storage);
    if (item == ChainItems::kNever) return;
    auto& values = values_[item];
    const auto at = std::find(values.begin(), values.end(), v);
    if (wanted && at == values.end()) values.push_back(v);
    if (!wanted && at != values.end()) values.erase(at);
  }

  const TrainingGraph& graph_;
  const ChainItems& items_;
  std::map<std::size_t, std::vector<ValueId>> values_;  // wanted ones, by item
};

}  // namespace

CandidateCosts::CandidateCosts(const TrainingGraph& graph, const Chain& chain,
                               const ChainCosts& costs,
                               const std::vector<std::vector<Candidate>>& candidates)
    : costs_(costs), items_(costs.items()), passing_(costs.blocks()), blocks_(costs.blocks()) {
  for (std::size_t i = 0; i < items_.all().size(); ++i) {
    const Item& item = items_[i];
    if (item.read_blocks.empty()) continue;
    for (std::size_t a = items_.block_of(item.made) + 1; a <= item.read_blocks.back(); ++a) {
      passing_[a].push_back(i);
      if (ChainItems::next_read(item, a) == a) blocks_[a].riders.push_back(i);
    }
  }
  for (std::size_t a = 0; a < costs.blocks(); ++a) {
    std::vector<OpId> order = chain.blocks[a].forward;
    order.insert(order.end(), chain.blocks[a].backward.begin(), chain.blocks[a].backward.end());
    add_block(graph, a, order, candidates[a]);
  }
}

void CandidateCosts::add_block(const TrainingGraph& graph, std::size_t a,
                               const std::vector<OpId>& order,
                               const std::vector<Candidate>& candidates) {
  BlockChoices& block = blocks_[a];
  block.thresholds = {a};
  const std::vector<std::size_t>* const lists[] = {&passing_[a], &items_.made_in(a)};
  for (const auto* list : lists) {
    for (const std::size_t i : *list) {
      for (const std::size_t next :
           {ChainItems::next_read(items_[i], a), ChainItems::next_read(items_[i], a + 1)}) {
        if (next != ChainItems::kNever && next > a) block.thresholds.push_back(next);
      }
    }
  }
  sort_distinct(block.thresholds);
  const std::size_t forward = items_.first_op(a + 1) - items_.first_op(a);
  Choice whole;
  whole.backward.assign(order.begin() + static_cast<std::ptrdiff_t>(forward), order.end());
  block.choices.push_back(std::move(whole));
  for (const Candidate& candidate : candidates) {
    Choice choice;
    for (const std::uint32_t k : candidate.backward) choice.backward.push_back(order[k]);
    if (choice.backward != block.choices.front().backward)
      block.choices.push_back(std::move(choice));
  }
  std::erase_if(block.choices, [&](Choice& choice) { return !replay(graph, a, choice); });
  for (Choice& choice : block.choices) {
    for (const std::size_t b : block.thresholds) {
      choice.forward_peak.push_back(forward_peak(a, b, choice));
      choice.held.push_back(held(a, b, choice));
    }
  }
  drop_beaten(block.choices);
}

// What the choice saves, its backward peak and seconds; false if it may not run.
bool CandidateCosts::replay(const TrainingGraph& graph, std::size_t a, Choice& choice) const {
  const std::size_t forward_end = items_.first_op(items_.blocks());
  std::vector<std::size_t> held_riders;
  for (const std::size_t i : blocks_[a].riders) {
    if (items_.is_held(items_[i], a)) held_riders.push_back(i);
  }
  Wanted wanted(graph, items_);
  std::map<ValueId, std::int64_t> pinned;  // that reruns still touch
  std::size_t position = items_.rest_end(a);
  for (std::size_t k = choice.backward.size(); k-- > 0;) {
    const OpId op = choice.backward[k];
    std::int64_t live = 0;
    if (op.index() >= forward_end) {
      position = op.index() - forward_end;
      live = items_.rest_live(position);
    } else {
      if (!items_.runs_again(op)) return false;
      choice.seconds += graph[op].seconds().count();
      live = items_.rest_between(position) + graph[op].workspace().count();
      for (const auto* values : {&graph[op].needs, &graph[op].outputs}) {
        for (const ValueId v : *values) {
          const ValueId storage = graph[v].storage;
          pinned.emplace(storage, graph[storage].bytes.count());
        }
      }
    }
    for (const auto& [storage, bytes] : pinned) {
      if (items_.is_pinned_before(storage, position)) live += bytes;
    }
    for (const std::size_t i : wanted.step_back(op)) {
      if (!contains(held_riders, i)) live += items_[i].bytes;
    }
    choice.backward_peak = std::max(choice.backward_peak, live);
  }
  choice.saved = wanted.items();
  return true;
}

std::int64_t CandidateCosts::held(std::size_t a, std::size_t b, const Choice& choice) const {
  std::int64_t bytes = 0;
  for (const std::size_t i : blocks_[a].riders) {
    const Item& item = items_[i];
    if (!items_.is_held(item, a) && !contains(choice.saved, i)) continue;
    if (ChainItems::next_read(item, a + 1) > b) bytes += item.bytes;
  }
  for (const std::size_t i : items_.made_in(a)) {
    const Item& item = items_[i];
    if (!contains(choice.saved, i)) continue;
    const bool is_in_base = ChainItems::next_read(item, a + 1) <= b;
    if (!is_in_base || !ChainItems::reads_backward(item, a)) bytes += item.bytes;
  }
  return bytes;
}

std::int64_t CandidateCosts::forward_peak(std::size_t a, std::size_t b,
                                          const Choice& choice) const {
  KeptForward forward(items_, a);
  const auto stays = [&](std::size_t i) {
    return contains(choice.saved, i) || ChainItems::next_read(items_[i], a + 1) <= b;
  };
  for (const std::size_t i : passing_[a]) {
    const Item& item = items_[i];
    if (ChainItems::next_read(item, a) > b) continue;
    const bool whole = items_.is_held(item, a) || stays(i);
    forward.add_rider(item, whole ? forward.end() : forward.last_read(item).value_or(0));
  }
  for (const std::size_t i : items_.made_in(a)) forward.add_made(items_[i], stays(i));
  return forward.peak();
}

void CandidateCosts::drop_beaten(std::vector<Choice>& choices) {
  std::stable_sort(choices.begin(), choices.end(),
                   [](const Choice& x, const Choice& y) { return x.seconds < y.seconds; });
  const auto no_more = [](const std::vector<std::int64_t>& x, const std::vector<std::int64_t>& y) {
    return std::equal(x.begin(), x.end(), y.begin(), std::less_equal<>());
  };
  std::vector<Choice> kept;
  for (Choice& choice : choices) {
    const bool is_beaten = std::any_of(kept.begin(), kept.end(), [&](const Choice& k) {
      return k.backward_peak <= choice.backward_peak && no_more(k.held, choice.held) &&
             no_more(k.forward_peak, choice.forward_peak);
    });
    if (!is_beaten) kept.push_back(std::move(choice));
  }
  choices = std::move(kept);
}

CandidateCosts::Way CandidateCosts::way(std::size_t a, std::size_t k, std::size_t b) const {
  const BlockChoices& block = blocks_[a];
  const Choice& choice = block.choices[k];
  const auto after = std::upper_bound(block.thresholds.begin(), block.thresholds.end(), b);
  const auto at = static_cast<std::size_t>(after - block.thresholds.begin()) - 1;
  const std::int64_t forward = items_.before_backward(b) + choice.forward_peak[at];
  const std::int64_t backward = choice.backward_peak + costs_.left_held(a, a, b);
  return {std::max(forward, backward), choice.held[at], choice.seconds};
}

}  // namespace rockmate::rotor
