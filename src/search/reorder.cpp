// Moves that change the order of the runs.
//
// Shift: one run goes elsewhere between what it needs and what needs it: as late as it can, as
// early as it can, or anywhere between. Drag: a run goes beyond that, and takes along what it needs
// (earlier) or what needs it (later).

#include <algorithm>
#include <bit>

#include "search/moves.h"

namespace rockmate::search {
namespace {

constexpr std::size_t kDragScales = 5;  // a drag moves up to 2^(1 + kDragScales) - 1 runs

}  // namespace

Moves::Range Moves::range_of(RunId run) const {
  Range range{0, state_.slot(kEnd)};
  const auto come_after = [&](RunId r) { range.first = std::max(range.first, state_.slot(r) + 1); };
  const auto come_before = [&](RunId r) { range.end = std::min(range.end, state_.slot(r)); };
  const OpId op = state_.op(run);
  for (const Touch& touch : problem_.touches[op]) {
    if (!touch.produces) {
      come_after(producer_for(run, touch.value));
      continue;
    }
    const auto& events = state_.events(touch.value);
    const std::size_t next = state_.first_event_at(touch.value, state_.slot(run)) + 1;
    if (next < events.size() && !events[next].produces) come_before(events[next].run);
  }
  for (const OpId earlier : problem_.after[op]) come_after(state_.runs_of(earlier).back());
  for (const OpId later : problem_.before[op]) come_before(state_.runs_of(later).front());
  if (const RunId previous = previous_of_op(run); previous != kEnd) come_after(previous);
  if (const RunId next = next_of_op(run); next != kEnd) come_before(next);
  return range;
}

bool Moves::shift() {
  const RunId run = random_run();
  if (run == kEnd) return false;
  const Range range = range_of(run);
  std::size_t target = range.end;
  const std::uint32_t how = random_.below(3);
  if (how == 1) target = range.first;
  if (how == 2) target = range.first + random_.below(range.end - range.first + 1);
  const RunId next = next_run(target);
  if (next == run || next == next_run(state_.slot(run) + 1)) return false;
  state_.insert_before(next, state_.op(run), state_.choice(run));
  state_.remove(run);
  return true;
}

bool Moves::drag_earlier(RunId run, RunId next) {
  if (!may_insert()) return false;
  const OpId op = state_.op(run);
  const auto is_in_between = [&](RunId r) { return state_.slot(r) >= state_.slot(next); };
  for (const Touch& touch : problem_.touches[op]) {
    if (touch.produces) continue;
    const RunId producer = producer_for(run, touch.value);
    if (is_in_between(producer) && !drag_earlier(producer, next)) return false;
  }
  for (const OpId earlier : problem_.after[op]) {
    for (std::size_t k = 0; k < state_.runs_of(earlier).size(); ++k) {
      const RunId r = state_.runs_of(earlier)[k];
      if (is_in_between(r) && !drag_earlier(r, next)) return false;
    }
  }
  const RunId previous = previous_of_op(run);
  if (previous != kEnd && is_in_between(previous)) return false;
  if (!may_insert()) return false;  // what it needs has used up the rest
  state_.insert_before(next, op, state_.choice(run));
  state_.remove(run);
  return true;
}

bool Moves::drag_later(RunId run, RunId next) {
  if (!may_insert()) return false;
  const OpId op = state_.op(run);
  const RunId again = next_of_op(run);
  if (again != kEnd && state_.slot(again) < state_.slot(next)) return false;
  const RunId moved = state_.insert_before(next, op, state_.choice(run));
  for (const Touch& touch : problem_.touches[op]) {
    if (!touch.produces) continue;
    for (;;) {
      const auto& events = state_.events(touch.value);
      const std::size_t user = state_.first_event_at(touch.value, state_.slot(run)) + 1;
      if (events[user].run == moved) break;
      if (!drag_later(events[user].run, next)) return false;
    }
  }
  for (const OpId later : problem_.before[op]) {
    for (;;) {
      const RunId first = state_.runs_of(later).front();
      if (state_.slot(first) > state_.slot(moved)) break;
      if (!drag_later(first, next)) return false;
    }
  }
  state_.remove(run);
  return true;
}

bool Moves::drag() {
  const RunId run = random_run();
  if (run == kEnd) return false;
  const std::size_t scale = std::size_t{2} << random_.below(kDragScales);
  allow_insertions(scale);
  // Near and far alike: the distance is drawn from 1, 2, 4, ... slots.
  const std::size_t reach = std::size_t{1} << random_.below(std::bit_width(state_.slot_count()));
  const std::size_t distance = 1 + random_.below(reach);
  const std::size_t here = state_.slot(run);
  if (random_.chance(0.5)) {
    if (distance > here) return false;
    const RunId next = next_run(here - distance);
    if (next == run || !drag_earlier(run, next)) return false;
  } else {
    if (here + distance >= state_.slot_count()) return false;
    const RunId next = next_run(here + distance);
    if (next == next_run(here + 1) || !drag_later(run, next)) return false;
  }
  return true;
}

}  // namespace rockmate::search
