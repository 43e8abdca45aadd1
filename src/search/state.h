// A plan under change: a sequence of runs, the lifetimes that follow from it, and what it costs.
// A move is a series of insertions, removals and choices, then `settle`, which brings lifetimes,
// memory and figures up to date; `commit` keeps it, `rollback` undoes it to the last bit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "schedule/runs.h"
#include "search/memory_profile.h"
#include "search/problem.h"

namespace rockmate::search {

using RunId = Id<struct RunTag>;

/// The end of the plan, which "uses" the results: it stands after all runs and never moves.
inline constexpr RunId kEnd{0};

/// What a run does to a value, in the order of the sequence.
struct Event {
  RunId run;
  bool produces;
};

class State {
 public:
  static constexpr double kCrowded = 0.95;

  // Live from `first` (from right after it, where it takes over a storage) to `last`.
  struct Interval {
    RunId first;
    RunId last;
    bool after_first;
    friend bool operator==(const Interval&, const Interval&) = default;
  };
  enum class EditKind : std::uint8_t { kInsert, kRemove, kChoose, kLifetime };
  struct Edit {
    EditKind kind;
    std::uint16_t choice;  // kChoose: the one before
    RunId run;             // kInsert, kRemove, kChoose
    ValueId storage;       // kLifetime
    std::uint32_t saved;   // kLifetime: the old intervals' place in saved_
    std::uint32_t saved_end;
  };

  /// `start` is executable and runs every op.
  State(const Problem& problem, double budget, const Runs& start);

  // The plan as it stands.
  [[nodiscard]] double seconds() const { return seconds_; }
  [[nodiscard]] double excess() const { return profile_.excess(); }
  /// Bytes above kCrowded of the budget, summed over the runs.
  [[nodiscard]] double crowding() const { return profile_.crowding(); }
  /// Static bytes included. O(blocks).
  [[nodiscard]] double peak() const { return problem_.static_bytes + profile_.peak(); }
  [[nodiscard]] Runs runs() const;
  [[nodiscard]] const MemoryProfile& profile() const { return profile_; }

  // Where things stand.
  [[nodiscard]] std::size_t slot_count() const { return at_.size(); }
  /// The run in the slot, or kEnd for none.
  [[nodiscard]] RunId at(std::size_t slot) const {
    return at_[slot] != kEnd && nodes_[at_[slot]].alive ? at_[slot] : kEnd;
  }
  /// A removed run keeps its slot until the move ends.
  [[nodiscard]] bool is_alive(RunId run) const { return nodes_[run].alive; }
  [[nodiscard]] std::size_t slot(RunId run) const { return nodes_[run].slot; }
  [[nodiscard]] OpId op(RunId run) const { return nodes_[run].op; }
  [[nodiscard]] std::uint16_t choice(RunId run) const { return nodes_[run].choice; }
  [[nodiscard]] const std::vector<Event>& events(ValueId v) const { return events_[v]; }
  [[nodiscard]] const std::vector<RunId>& runs_of(OpId op) const { return runs_of_[op]; }
  /// Ops that run more than once, in no particular order.
  [[nodiscard]] const std::vector<OpId>& repeated() const { return repeated_; }
  /// Index of the first event at or after the slot.
  [[nodiscard]] std::size_t first_event_at(ValueId v, std::size_t slot) const;
  [[nodiscard]] const std::vector<Interval>& lifetimes(ValueId storage) const {
    return lifetimes_[storage];
  }
  /// Of the run; 0 once it is removed.
  [[nodiscard]] double workspace(RunId run) const {
    const Node& node = nodes_[run];
    return node.alive ? problem_.choices[node.op][node.choice].workspace : 0;
  }
  /// Runs per slot.
  [[nodiscard]] double density() const {
    return static_cast<double>(run_count_) / static_cast<double>(at_.size());
  }
  /// What the current move has changed.
  [[nodiscard]] const std::vector<Edit>& edits() const { return journal_; }
  /// How often runs have been moved to other slots; a rollback leaves them there.
  [[nodiscard]] std::uint64_t shifts() const { return shifts_; }
  /// Insertions that the current move may still make.
  [[nodiscard]] std::size_t room() const { return room_; }

  // The parts of a move. Nothing here checks that the plan stays executable.
  RunId insert_before(RunId next, OpId op, std::uint16_t choice);
  void remove(RunId run);
  void choose(RunId run, std::uint16_t choice);
  void settle();
  void commit();
  void rollback();

 private:
  struct Node {
    OpId op;
    std::uint32_t slot = 0;
    std::uint16_t choice = 0;
    bool alive = false;
  };
  RunId new_run(OpId op, std::uint16_t choice);
  void place_before(RunId next, RunId run);
  void open_gap_before(RunId next);
  void move_run(std::size_t from, std::size_t to);
  [[nodiscard]] double live_before(RunId next) const;
  void link(RunId run);
  void unlink(RunId run);
  void mark_dirty(ValueId value);
  void count_repeated(OpId op);
  void set_choice(RunId run, std::uint16_t choice);

  void derive(ValueId storage, std::vector<Interval>& out) const;
  void derive_value(ValueId value, std::vector<Interval>& out) const;
  void merge_overlaps(std::vector<Interval>& intervals) const;
  void apply_take_over(ValueId storage, ValueId input, std::vector<Interval>& intervals) const;
  [[nodiscard]] bool dies_alone(RunId run, ValueId input) const;
  void replace_profile(ValueId storage, std::span<const Interval> from,
                       std::span<const Interval> to);
  [[nodiscard]] std::size_t begin_slot(const Interval& i) const {
    return nodes_[i.first].slot + (i.after_first ? 1 : 0);
  }
  [[nodiscard]] std::size_t end_slot(const Interval& i) const { return nodes_[i.last].slot + 1; }

  [[nodiscard]] double margin() const { return (1 - kCrowded) * std::max(0.0, budget_); }
  void spread();
  void rebuild_profile();

  const Problem& problem_;
  double budget_;
  MemoryProfile profile_;
  double seconds_ = 0;
  IdVector<RunId, Node> nodes_;
  std::vector<RunId> free_nodes_;
  std::vector<RunId> at_;  // by slot; kEnd where empty, and in the last slot
  std::size_t run_count_ = 0;
  std::size_t room_ = 0;
  std::size_t shifted_ = 0;  // slots moved since the last spread
  std::uint64_t shifts_ = 0;

  IdVector<ValueId, std::vector<Event>> events_;  // by slot
  IdVector<OpId, std::vector<RunId>> runs_of_;    // by slot
  std::vector<OpId> repeated_;
  IdVector<OpId, std::uint32_t> repeated_at_;           // 1 + index in repeated_, 0 for none
  IdVector<ValueId, std::vector<Interval>> lifetimes_;  // by storage

  std::vector<ValueId> dirty_;
  IdVector<ValueId, char> is_dirty_;
  std::vector<Edit> journal_;
  std::vector<Interval> saved_;
  std::vector<Interval> fresh_;
};

}  // namespace rockmate::search
