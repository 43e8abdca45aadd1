// The moves of the search. Each keeps the plan executable: every need of a run has been produced
// before it, the orders of the problem hold, every op runs, and only recomputable ops run again.
#pragma once

#include <cstddef>
#include <optional>

#include "search/arena.h"
#include "search/random.h"
#include "search/state.h"

namespace rockmate::search {

class Moves {
 public:
  /// With an arena, moves mend what is outside of it; without one, what is above the budget.
  Moves(const Problem& problem, State& state, Random& random, Arena* arena = nullptr)
      : problem_(problem), state_(state), random_(random), arena_(arena) {}

  /// Changes the state by a random move; the caller settles it, and commits or rolls back. False:
  /// the move that was drawn is not possible here, roll back. A plan that takes more than
  /// `most_seconds` will not be kept: a long move ends early.
  bool propose(double most_seconds);
  /// The same, but only moves that change the order; no plan takes other seconds for them.
  bool propose_order();

 private:
  // Recomputation.
  bool forget();
  [[nodiscard]] bool lives_across(ValueId value, std::size_t slot) const;
  [[nodiscard]] std::optional<ValueId> draw_forgettable(std::size_t slot);
  bool forget_across(std::size_t slot, ValueId value);
  bool drop();
  bool replace();
  bool make_again(ValueId value, RunId next, std::size_t slot);
  void make_inputs_again(RunId run, std::size_t slot);
  void remove_with_inputs(RunId run);

  // Order.
  bool shift();
  bool drag();
  bool drag_earlier(RunId run, RunId next);
  bool drag_later(RunId run, RunId next);

  // Implementations.
  bool rechoose();

  // Slots between which a run may stand: first <= slot < end.
  struct Range {
    std::size_t first;
    std::size_t end;
  };
  [[nodiscard]] Range range_of(RunId run) const;
  [[nodiscard]] bool can_run_before(OpId op, RunId next) const;
  [[nodiscard]] bool is_idle(RunId run) const;
  [[nodiscard]] bool can_remove(RunId run) const;
  /// The run that makes what `run` finds of its input: the last production before it.
  [[nodiscard]] RunId producer_for(RunId run, ValueId input) const;
  /// The run of the same op before or after this one; kEnd for none.
  [[nodiscard]] RunId previous_of_op(RunId run) const;
  [[nodiscard]] RunId next_of_op(RunId run) const;
  /// The first run at or after the slot; kEnd where there is none.
  [[nodiscard]] RunId next_run(std::size_t slot) const;
  [[nodiscard]] RunId random_run();
  [[nodiscard]] RunId random_rerun();

  [[nodiscard]] bool is_over() const { return arena_ ? !arena_->fits() : state_.excess() > 0; }
  [[nodiscard]] std::size_t random_over_slot() const;

  [[nodiscard]] bool is_too_long() const { return state_.seconds() > most_seconds_; }
  void allow_insertions(std::size_t count);
  [[nodiscard]] bool may_insert() const { return state_.room() > reserve_; }

  const Problem& problem_;
  State& state_;
  Random& random_;
  Arena* arena_;
  std::size_t reserve_ = 0;  // room that the move must leave
  double most_seconds_ = 0;
};

}  // namespace rockmate::search
