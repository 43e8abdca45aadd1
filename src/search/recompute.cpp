// Moves that change which ops run again.
//
// Forget: a value that lives across a place above the budget is made again before its next use.
// Its inputs must be there by then: one that would itself have to live across the place is made
// again too, or not, by a coin; so a move is anything from one run to a whole segment. How many
// runs it may add is drawn from 1, 2, 4, ...: short ones matter at moderate budgets, long ones at
// the lowest.
//
// Drop: a run that an earlier one can stand in for is removed, and with it every run that only
// made its inputs. Replace: drop one, and where that leads above the budget forget something there,
// a few times over: what is large gives way to many that are small.

#include <algorithm>

#include "search/moves.h"

namespace rockmate::search {
namespace {

constexpr double kMakeInputAgain = 0.7;
constexpr std::uint32_t kReplaceScales = 3;  // a replacement forgets 1, 2 or 4 times
constexpr std::size_t kInsertionScales = 8;  // up to 2^kInsertionScales - 1 runs
constexpr int kTries = 16;                   // draws of a value that may not live across the place
constexpr std::uint32_t kMostDraws = 8;      // of values of which the one worth most is forgotten
constexpr double kLeastSeconds = 1e-12;      // where an op costs nothing

}  // namespace

// Runs the producer again before `next`, so that the value need not live across `slot`; earlier,
// where something that must follow the op stands in between (an update of what it reads).
bool Moves::make_again(ValueId value, RunId next, std::size_t slot) {
  const auto producer = problem_.graph[value].producer;
  if (!producer || !problem_.graph[*producer].recomputable || !may_insert()) return false;
  for (const OpId later : problem_.before[*producer]) {
    const RunId first = state_.runs_of(later).front();
    if (state_.slot(first) < state_.slot(next)) next = first;
  }
  if (state_.slot(next) <= slot || !can_run_before(*producer, next)) return false;
  const std::uint16_t choice = state_.choice(state_.runs_of(*producer).front());
  const RunId run = state_.insert_before(next, *producer, choice);
  const RunId previous = previous_of_op(run);
  if (previous != kEnd && is_idle(previous)) remove_with_inputs(previous);
  make_inputs_again(run, slot);
  return true;
}

void Moves::make_inputs_again(RunId run, std::size_t slot) {
  for (const ValueId input : problem_.needs[state_.op(run)]) {
    const auto& events = state_.events(input);
    const std::size_t here = state_.first_event_at(input, state_.slot(run));
    const bool lives_on = here + 1 < events.size() && !events[here + 1].produces;
    const bool was_near = here > 0 && state_.slot(events[here - 1].run) >= slot;
    if (!lives_on && !was_near && random_.chance(kMakeInputAgain)) make_again(input, run, slot);
    if (is_too_long()) return;
  }
}

void Moves::remove_with_inputs(RunId run) {
  std::vector<RunId> producers;
  for (const ValueId input : problem_.needs[state_.op(run)]) {
    producers.push_back(producer_for(run, input));
  }
  state_.remove(run);
  for (const RunId producer : producers) {
    const bool runs_again = state_.runs_of(state_.op(producer)).size() > 1;
    if (state_.is_alive(producer) && runs_again && is_idle(producer)) remove_with_inputs(producer);
  }
}

bool Moves::lives_across(ValueId value, std::size_t slot) const {
  const auto& events = state_.events(value);
  const std::size_t next = state_.first_event_at(value, slot);
  return next > 0 && next < events.size() && !events[next].produces;
}

// The whole storage: all its values that live across the slot.
bool Moves::forget_across(std::size_t slot, ValueId value) {
  bool done = false;
  for (const ValueId v : problem_.members[problem_.storage[value]]) {
    const auto& events = state_.events(v);
    const std::size_t next = state_.first_event_at(v, slot);
    if (next == 0 || next == events.size()) continue;
    const bool is_used_here = state_.slot(events[next].run) == slot;
    if (events[next].produces || is_used_here) continue;
    done |= make_again(v, events[next].run, slot);
    if (is_too_long()) return true;
  }
  return done;
}

// Of some that live across the slot, the one with the most bytes per second that it takes to make
// it: the more are drawn, the greedier.
std::optional<ValueId> Moves::draw_forgettable(std::size_t slot) {
  std::optional<ValueId> best;
  double most = -1;
  const std::uint32_t draws = 1 + random_.below(kMostDraws);
  for (std::uint32_t k = 0; k < draws; ++k) {
    const ValueId v = problem_.forgettable[random_.below(problem_.forgettable.size())];
    if (!lives_across(v, slot)) continue;
    const OpId producer = *problem_.graph[v].producer;
    const double seconds = problem_.choices[producer][0].seconds;
    const double worth = problem_.bytes[problem_.storage[v]] / (seconds + kLeastSeconds);
    if (worth <= most) continue;
    most = worth;
    best = v;
  }
  return best;
}

bool Moves::forget() {
  if (problem_.forgettable.empty()) return false;
  const std::size_t slot = is_over() ? random_over_slot() : random_.below(state_.slot_count());
  const std::size_t scale = std::size_t{1} << random_.below(kInsertionScales);
  allow_insertions(scale + random_.below(scale));
  for (int k = 0; k < kTries; ++k) {
    const std::optional<ValueId> v = draw_forgettable(slot);
    if (!v || !forget_across(slot, *v)) continue;
    return true;
  }
  return false;
}

bool Moves::drop() {
  const RunId run = random_rerun();
  if (run == kEnd || !can_remove(run)) return false;
  remove_with_inputs(run);
  return true;
}

bool Moves::replace() {
  if (!drop()) return false;
  for (std::size_t left = std::size_t{1} << random_.below(kReplaceScales); left > 0; --left) {
    state_.settle();
    if (arena_) arena_->follow();
    if (!is_over() || state_.room() == 0 || is_too_long()) break;
    forget();
  }
  return true;
}

}  // namespace rockmate::search
