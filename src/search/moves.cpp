#include "search/moves.h"

#include <algorithm>

namespace rockmate::search {
namespace {

// How often each move is drawn; what remains are moves of the order.
struct Mix {
  double forget, drop, replace, rechoose;
};
constexpr Mix kWhileOver{0.5, 0.1, 0.1, 0.02};
constexpr Mix kWithin{0.1, 0.2, 0.3, 0.02};
constexpr double kDrag = 0.2;  // of the moves of the order

}  // namespace

bool Moves::propose(double most_seconds) {
  most_seconds_ = most_seconds;
  const Mix& mix = is_over() ? kWhileOver : kWithin;
  double drawn = random_.uniform();
  const auto is = [&](double share) { return (drawn -= share) < 0; };
  if (is(mix.forget)) return forget();
  if (is(mix.drop)) return drop();
  if (is(mix.replace)) return replace();
  if (is(mix.rechoose)) return rechoose();
  return propose_order();
}

bool Moves::propose_order() { return random_.chance(kDrag) ? drag() : shift(); }

std::size_t Moves::random_over_slot() const {
  return arena_ ? arena_->random_outside_slot() : state_.profile().random_over_slot(random_);
}

bool Moves::rechoose() {
  const RunId run = random_run();
  if (run == kEnd) return false;
  const std::size_t offered = problem_.choices[state_.op(run)].size();
  if (offered < 2) return false;
  const std::size_t step = 1 + random_.below(offered - 1);
  state_.choose(run, static_cast<std::uint16_t>((state_.choice(run) + step) % offered));
  return true;
}

void Moves::allow_insertions(std::size_t count) {
  reserve_ = state_.room() - std::min(count, state_.room());
}

RunId Moves::next_run(std::size_t slot) const {
  for (; slot + 1 < state_.slot_count(); ++slot) {
    if (state_.at(slot) != kEnd) return state_.at(slot);
  }
  return kEnd;
}

RunId Moves::random_run() { return next_run(random_.below(state_.slot_count())); }

RunId Moves::random_rerun() {
  const auto& repeated = state_.repeated();
  if (repeated.empty()) return kEnd;
  const auto& runs = state_.runs_of(repeated[random_.below(repeated.size())]);
  return runs[random_.below(runs.size())];
}

RunId Moves::producer_for(RunId run, ValueId input) const {
  const auto& events = state_.events(input);
  std::size_t k = state_.first_event_at(input, state_.slot(run));
  while (k > 0 && !events[k - 1].produces) --k;
  return k > 0 ? events[k - 1].run : kEnd;
}

RunId Moves::previous_of_op(RunId run) const {
  const auto& runs = state_.runs_of(state_.op(run));
  const auto here = std::find(runs.begin(), runs.end(), run);
  return here == runs.begin() ? kEnd : *(here - 1);
}

RunId Moves::next_of_op(RunId run) const {
  const auto& runs = state_.runs_of(state_.op(run));
  const auto next = std::find(runs.begin(), runs.end(), run) + 1;
  return next == runs.end() ? kEnd : *next;
}

bool Moves::can_run_before(OpId op, RunId next) const {
  const std::size_t slot = state_.slot(next);
  const auto has_run = [&](OpId earlier) {
    return state_.slot(state_.runs_of(earlier).back()) < slot;
  };
  const auto waits = [&](OpId later) { return state_.slot(state_.runs_of(later).front()) >= slot; };
  const auto after = problem_.after[op], before = problem_.before[op];
  return std::all_of(after.begin(), after.end(), has_run) &&
         std::all_of(before.begin(), before.end(), waits);
}

bool Moves::is_idle(RunId run) const {
  for (const ValueId v : problem_.outputs[state_.op(run)]) {
    const auto& events = state_.events(v);
    const std::size_t next = state_.first_event_at(v, state_.slot(run)) + 1;
    if (next < events.size() && !events[next].produces) return false;
  }
  return true;
}

bool Moves::can_remove(RunId run) const {
  const auto& runs = state_.runs_of(state_.op(run));
  return runs.size() > 1 && (run != runs.front() || is_idle(run));
}

}  // namespace rockmate::search
