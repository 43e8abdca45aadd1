// The part of State that says when each storage lives. A value lives from a production to its last
// use before the next one; a storage while any value on it does.

#include <algorithm>

#include "search/state.h"

namespace rockmate::search {

void State::derive_value(ValueId value, std::vector<Interval>& out) const {
  const std::vector<Event>& events = events_[value];
  const bool needs_use = problem_.is_optional[value];
  for (std::size_t k = 0; k < events.size();) {
    const RunId first = events[k].run;
    RunId last = first;
    for (++k; k < events.size() && !events[k].produces; ++k) last = events[k].run;
    if (last != first || !needs_use) out.push_back({first, last, false});
  }
}

void State::merge_overlaps(std::vector<Interval>& intervals) const {
  std::sort(intervals.begin(), intervals.end(), [&](const Interval& a, const Interval& b) {
    return nodes_[a.first].slot < nodes_[b.first].slot;
  });
  std::size_t kept = 0;
  for (std::size_t k = 1; k < intervals.size(); ++k) {
    Interval& open = intervals[kept];
    if (nodes_[intervals[k].first].slot > nodes_[open.last].slot) {
      intervals[++kept] = intervals[k];
    } else if (nodes_[intervals[k].last].slot > nodes_[open.last].slot) {
      open.last = intervals[k].last;
    }
  }
  if (!intervals.empty()) intervals.resize(kept + 1);
}

// Does `run` use `input` for the last time, with nothing else resident on its storage?
bool State::dies_alone(RunId run, ValueId input) const {
  const std::size_t here = nodes_[run].slot;
  for (const ValueId v : problem_.members[problem_.storage[input]]) {
    const std::vector<Event>& events = events_[v];
    std::size_t next = first_event_at(v, here);
    const bool is_used_here = next < events.size() && events[next].run == run;
    if (is_used_here != (v == input)) return false;
    if (is_used_here) ++next;
    if (next < events.size() && !events[next].produces) return false;
  }
  return true;
}

void State::apply_take_over(ValueId storage, ValueId input,
                            std::vector<Interval>& intervals) const {
  const OpId op = *problem_.graph[storage].producer;
  std::size_t kept = 0;
  for (Interval interval : intervals) {
    interval.after_first = nodes_[interval.first].op == op && dies_alone(interval.first, input);
    if (interval.after_first && interval.first == interval.last) continue;
    intervals[kept++] = interval;
  }
  intervals.resize(kept);
}

void State::derive(ValueId storage, std::vector<Interval>& out) const {
  out.clear();
  if (problem_.bytes[storage] == 0) return;
  const auto members = problem_.members[storage];
  for (const ValueId v : members) derive_value(v, out);
  if (members.size() > 1) merge_overlaps(out);
  if (const auto input = problem_.takes_over[storage]) apply_take_over(storage, *input, out);
}

// Both lists are sorted and disjoint: walks over their ends and adds where they differ.
void State::replace_profile(ValueId storage, std::span<const Interval> from,
                            std::span<const Interval> to) {
  const double bytes = problem_.bytes[storage];
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  const auto end_of = [&](std::span<const Interval> list, std::size_t k) {
    if (k >= 2 * list.size()) return kNone;
    return k % 2 == 0 ? begin_slot(list[k / 2]) : end_slot(list[k / 2]);
  };
  std::size_t a = 0, b = 0;  // ends passed in each list; odd inside an interval
  std::size_t at = 0;
  for (;;) {
    const std::size_t next_a = end_of(from, a), next_b = end_of(to, b);
    const std::size_t next = std::min(next_a, next_b);
    if (next == kNone) return;
    const double difference = bytes * (static_cast<double>(b % 2) - static_cast<double>(a % 2));
    if (difference != 0) profile_.add(at, next, difference);
    if (next == next_a) ++a;
    if (next == next_b) ++b;
    at = next;
  }
}

}  // namespace rockmate::search
