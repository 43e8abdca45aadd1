#include "search/state.h"

#include <algorithm>

#include "base/check.h"

namespace rockmate::search {
namespace {

// Insertions that one move may make; as many slots stay free.
constexpr std::size_t kMostInsertions = 128;

std::size_t whole_blocks(std::size_t slots) {
  return (slots + MemoryProfile::kBlock - 1) / MemoryProfile::kBlock * MemoryProfile::kBlock;
}

}  // namespace

State::State(const Problem& problem, double budget, const Runs& start)
    : problem_(problem),
      budget_(budget - problem.static_bytes),
      events_(problem.value_count),
      runs_of_(problem.op_count),
      repeated_at_(problem.op_count),
      lifetimes_(problem.value_count),
      is_dirty_(problem.value_count) {
  new_run(OpId(), 0);  // kEnd
  for (const Run& run : start) {
    at_.push_back(new_run(run.op, problem.choice_of(run.op, run.implementation)));
    nodes_[at_.back()].slot = static_cast<std::uint32_t>(at_.size() - 1);
  }
  at_.push_back(kEnd);
  nodes_[kEnd].slot = static_cast<std::uint32_t>(at_.size() - 1);
  run_count_ = start.size();
  for (const ValueId v : problem.graph.results()) {
    if (!problem.graph[v].is_source) events_[v].push_back({kEnd, false});
  }
  profile_.reset(whole_blocks(at_.size()), budget_, margin());
  for (std::size_t s = 0; s + 1 < at_.size(); ++s) link(at_[s]);
  for (const ValueId storage : dirty_) {
    is_dirty_[storage] = false;
    derive(storage, lifetimes_[storage]);
  }
  dirty_.clear();
  spread();
}

Runs State::runs() const {
  Runs runs;
  runs.reserve(run_count_);
  for (const RunId run : at_) {
    if (run == kEnd || !nodes_[run].alive) continue;
    const Node& node = nodes_[run];
    runs.push_back({node.op, problem_.choices[node.op][node.choice].implementation});
  }
  return runs;
}

std::size_t State::first_event_at(ValueId v, std::size_t slot) const {
  const std::vector<Event>& events = events_[v];
  std::size_t k = events.size();
  while (k > 0 && nodes_[events[k - 1].run].slot >= slot) --k;
  return k;
}

RunId State::new_run(OpId op, std::uint16_t choice) {
  RunId id(nodes_.size());
  if (free_nodes_.empty()) {
    nodes_.push_back({});
  } else {
    id = free_nodes_.back();
    free_nodes_.pop_back();
  }
  nodes_[id] = {op, 0, choice, true};
  return id;
}

// --- the sequence

void State::move_run(std::size_t from, std::size_t to) {
  at_[to] = at_[from];
  nodes_[at_[to]].slot = static_cast<std::uint32_t>(to);
  profile_.set_live(to, profile_.live(from));
  profile_.set_extra(to, profile_.extra(from));
}

double State::live_before(RunId next) const {
  double live = profile_.live(nodes_[next].slot);
  if (next == kEnd) return live;
  for (const Touch& touch : problem_.touches[nodes_[next].op]) {
    if (!touch.produces || problem_.bytes[touch.value] == 0) continue;
    for (const Interval& interval : lifetimes_[touch.value]) {
      if (interval.first == next && !interval.after_first) live -= problem_.bytes[touch.value];
    }
  }
  return live;
}

// Shifts the runs between `next` and the nearest free slot by one; their order stays.
void State::open_gap_before(RunId next) {
  const double live = live_before(next);
  const std::size_t here = nodes_[next].slot;
  const std::size_t last = at_.size() - 1;
  for (std::size_t distance = 1;; ++distance) {
    const std::size_t right = here + distance;
    std::size_t gap = here;
    if (right < last && at_[right] == kEnd) {
      for (std::size_t s = right; s > here; --s) move_run(s - 1, s);
    } else if (distance <= here && at_[here - distance] == kEnd) {
      for (std::size_t s = here - distance; s + 1 < here; ++s) move_run(s + 1, s);
      gap = here - 1;
    } else {
      ROCKMATE_CHECK(right < last || distance <= here, "no slot is free");
      continue;
    }
    at_[gap] = kEnd;
    profile_.set_live(gap, live);
    profile_.set_extra(gap, MemoryProfile::kNoRun);
    shifted_ += distance;
    ++shifts_;
    return;
  }
}

void State::place_before(RunId next, RunId run) {
  if (nodes_[next].slot == 0 || at_[nodes_[next].slot - 1] != kEnd) open_gap_before(next);
  const std::uint32_t slot = nodes_[next].slot - 1;
  at_[slot] = run;
  nodes_[run].slot = slot;
}

// Spreads the runs evenly over enough slots.
void State::spread() {
  std::vector<RunId> order;
  order.reserve(run_count_);
  for (const RunId run : at_) {
    if (run != kEnd) order.push_back(run);
  }
  room_ = std::min(kMostInsertions, problem_.op_count);
  const std::size_t slots = whole_blocks(2 * (order.size() + room_ + 1));
  at_.assign(slots, kEnd);
  seconds_ = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::size_t slot = (k * (slots - 1)) / order.size();
    at_[slot] = order[k];
    Node& node = nodes_[order[k]];
    node.slot = static_cast<std::uint32_t>(slot);
    seconds_ += problem_.choices[node.op][node.choice].seconds;
  }
  nodes_[kEnd].slot = static_cast<std::uint32_t>(slots - 1);
  shifted_ = 0;
  ++shifts_;
  rebuild_profile();
}

void State::rebuild_profile() {
  std::vector<double> change(at_.size() + 1);
  for (std::size_t v = 0; v < problem_.value_count; ++v) {
    const double bytes = problem_.bytes[ValueId(v)];
    for (const Interval& interval : lifetimes_[ValueId(v)]) {
      change[begin_slot(interval)] += bytes;
      change[end_slot(interval)] -= bytes;
    }
  }
  profile_.reset(at_.size(), budget_, margin());
  double live = 0;
  for (std::size_t s = 0; s < at_.size(); ++s) {
    live += change[s];
    profile_.set_live(s, live);
    if (at_[s] == kEnd) continue;
    const Node& node = nodes_[at_[s]];
    profile_.set_extra(s, problem_.choices[node.op][node.choice].workspace);
  }
  profile_.refresh();
}

// --- the parts of a move

void State::link(RunId run) {
  const Node& node = nodes_[run];
  for (const Touch& touch : problem_.touches[node.op]) {
    std::vector<Event>& events = events_[touch.value];
    const std::size_t k = first_event_at(touch.value, node.slot);
    events.insert(events.begin() + static_cast<std::ptrdiff_t>(k), {run, touch.produces});
    mark_dirty(touch.value);
  }
  std::vector<RunId>& runs = runs_of_[node.op];
  const auto is_before = [&](RunId a, RunId b) { return nodes_[a].slot < nodes_[b].slot; };
  runs.insert(std::upper_bound(runs.begin(), runs.end(), run, is_before), run);
  count_repeated(node.op);
}

void State::unlink(RunId run) {
  const OpId op = nodes_[run].op;
  for (const Touch& touch : problem_.touches[op]) {
    std::vector<Event>& events = events_[touch.value];
    events.erase(std::find_if(events.begin(), events.end(),
                              [run](const Event& event) { return event.run == run; }));
    mark_dirty(touch.value);
  }
  std::vector<RunId>& runs = runs_of_[op];
  runs.erase(std::find(runs.begin(), runs.end(), run));
  count_repeated(op);
}

void State::count_repeated(OpId op) {
  const bool is_repeated = runs_of_[op].size() > 1;
  std::uint32_t& place = repeated_at_[op];
  if (is_repeated == (place != 0)) return;
  if (is_repeated) {
    repeated_.push_back(op);
    place = static_cast<std::uint32_t>(repeated_.size());
    return;
  }
  repeated_[place - 1] = repeated_.back();
  repeated_at_[repeated_.back()] = place;
  repeated_.pop_back();
  place = 0;
}

void State::mark_dirty(ValueId value) {
  const auto mark = [&](ValueId storage) {
    if (is_dirty_[storage]) return;
    is_dirty_[storage] = true;
    dirty_.push_back(storage);
  };
  const ValueId storage = problem_.storage[value];
  mark(storage);
  for (const ValueId taker : problem_.takers[storage]) mark(taker);
}

void State::set_choice(RunId run, std::uint16_t choice) {
  Node& node = nodes_[run];
  const auto choices = problem_.choices[node.op];
  seconds_ += choices[choice].seconds - choices[node.choice].seconds;
  node.choice = choice;
  profile_.set_extra(node.slot, choices[choice].workspace);
}

RunId State::insert_before(RunId next, OpId op, std::uint16_t choice) {
  ROCKMATE_CHECK(room_ > 0);
  --room_;
  const RunId run = new_run(op, choice);
  place_before(next, run);
  profile_.set_extra(nodes_[run].slot, problem_.choices[op][choice].workspace);
  seconds_ += problem_.choices[op][choice].seconds;
  ++run_count_;
  link(run);
  journal_.push_back({EditKind::kInsert, 0, run, {}, 0, 0});
  return run;
}

// The slot stays taken until the move ends: earlier lifetimes still refer to it.
void State::remove(RunId run) {
  Node& node = nodes_[run];
  unlink(run);
  node.alive = false;
  profile_.set_extra(node.slot, MemoryProfile::kNoRun);
  seconds_ -= problem_.choices[node.op][node.choice].seconds;
  --run_count_;
  journal_.push_back({EditKind::kRemove, 0, run, {}, 0, 0});
}

void State::choose(RunId run, std::uint16_t choice) {
  journal_.push_back({EditKind::kChoose, nodes_[run].choice, run, {}, 0, 0});
  set_choice(run, choice);
}

void State::settle() {
  for (const ValueId storage : dirty_) {
    is_dirty_[storage] = false;
    derive(storage, fresh_);
    std::vector<Interval>& old = lifetimes_[storage];
    if (fresh_ == old) continue;  // the same runs: the profile holds them where they stand now
    const auto saved = static_cast<std::uint32_t>(saved_.size());
    saved_.insert(saved_.end(), old.begin(), old.end());
    replace_profile(storage, old, fresh_);
    old = fresh_;
    journal_.push_back(
        {EditKind::kLifetime, 0, kEnd, storage, saved, static_cast<std::uint32_t>(saved_.size())});
  }
  dirty_.clear();
  profile_.refresh();
}

void State::commit() {
  for (const Edit& edit : journal_) {
    if (edit.kind != EditKind::kRemove) continue;
    at_[nodes_[edit.run].slot] = kEnd;
    free_nodes_.push_back(edit.run);
  }
  journal_.clear();
  saved_.clear();
  room_ = std::min(kMostInsertions, problem_.op_count);
  const bool is_crowded = 4 * (run_count_ + room_ + 1) > 3 * at_.size();
  const bool is_empty = at_.size() > whole_blocks(4 * (run_count_ + room_ + 1));
  if (is_crowded || is_empty || shifted_ > 16 * at_.size()) spread();
}

void State::rollback() {
  for (std::size_t k = journal_.size(); k-- > 0;) {
    const Edit& edit = journal_[k];
    Node& node = nodes_[edit.run];
    switch (edit.kind) {
      case EditKind::kLifetime: {
        const std::span<const Interval> old(saved_.data() + edit.saved,
                                            saved_.data() + edit.saved_end);
        replace_profile(edit.storage, lifetimes_[edit.storage], old);
        lifetimes_[edit.storage].assign(old.begin(), old.end());
        break;
      }
      case EditKind::kInsert:
        unlink(edit.run);
        node.alive = false;
        at_[node.slot] = kEnd;
        profile_.set_extra(node.slot, MemoryProfile::kNoRun);
        seconds_ -= problem_.choices[node.op][node.choice].seconds;
        free_nodes_.push_back(edit.run);
        --run_count_;
        break;
      case EditKind::kRemove:
        node.alive = true;
        link(edit.run);
        profile_.set_extra(node.slot, problem_.choices[node.op][node.choice].workspace);
        seconds_ += problem_.choices[node.op][node.choice].seconds;
        ++run_count_;
        break;
      case EditKind::kChoose:
        set_choice(edit.run, edit.choice);
        break;
    }
  }
  for (const ValueId storage : dirty_) is_dirty_[storage] = false;
  dirty_.clear();
  journal_.clear();
  saved_.clear();
  room_ = std::min(kMostInsertions, problem_.op_count);
  profile_.refresh();
}

}  // namespace rockmate::search
