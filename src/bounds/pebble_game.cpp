// The pebble game (R. Sethi, Complete register allocation problems, SIAM J. Computing 4, 1975) with
// sizes and seconds. A pebble lies on each storage that lives. A move runs an op: all that it needs
// has a pebble, its outputs get one, and what does not fit beside them is taken away before. The
// first run of an op costs nothing, each further one its seconds. What is the cheapest way to run
// every op?
//
// A* (P. Hart, N. Nilsson, B. Raphael, 1968) over the states (which ops have run, where pebbles
// lie): from a state, all that is wanted and lies nowhere has to be made again, and so has what
// that takes. This never exceeds what is to come, so the first finished state that is reached is
// the cheapest, and the least sum in the queue is a lower bound at any time.
//
// Such an estimate does not know that room is short later on, too. So the ends of the game are
// played before the whole of it, from the last to the first, each with the estimates that its
// successors gave ("Russian dolls": G. Verfaillie, M. Lemaitre, T. Schiex, AAAI 1996). An end
// begins with the first run of an op t, with pebbles wherever they help; ops that are neither
// ancestors nor descendants of t are left out, what they make is there. From a state before t, it
// takes what is wanted until t and lies nowhere, and then no less than the end.
//
// - Pebbles are taken away only where a move has no room, and no more of them than it takes: more
//   pebbles never do harm. What nobody can read any more goes by itself.
// - An op that makes nothing and for which there is room runs at once.
// - The board is kinder than the judge (views cost no run, what moves in place takes its own bytes,
//   an output that lies may stay while its op runs again), never harsher: bounds hold.

#include "bounds/pebble_game.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "bounds/pebble_search.h"

namespace rockmate {
namespace {

constexpr double kRounding = 1e-9;  // of sums of seconds, as a share of the iteration
// Ends that are played, and the part of the states left that each may take.
constexpr std::size_t kMostEnds = 16;
constexpr std::uint64_t kEndPart = 2;

struct Beginning {
  OpId op;
  std::vector<bool> until;   // the op and its ancestors
  std::vector<bool> absent;  // neither ancestors nor descendants
};

// Ops that run once, each an ancestor of the next, evenly spread over the longest such list that is
// found in program order.
std::vector<Beginning> beginnings(const MomentFacts& facts) {
  std::vector<Beginning> all;
  for (std::size_t o = 0; o < facts.graph.ops().size(); ++o) {
    const OpId op(o);
    if (facts.graph[op].recomputable || facts.needs[op].empty()) continue;
    const Moment moment(facts, op);
    if (!all.empty() && moment.side[all.back().op] != Side::kBefore) continue;
    Beginning beginning{op, {}, {}};
    for (const Side side : moment.side) {
      beginning.until.push_back(side == Side::kBefore);
      beginning.absent.push_back(side == Side::kEither);
    }
    all.push_back(std::move(beginning));
  }
  if (all.size() <= kMostEnds) return all;
  std::vector<Beginning> some;
  for (std::size_t i = 0; i < kMostEnds; ++i) {
    some.push_back(std::move(all[i * all.size() / kMostEnds]));
  }
  return some;
}

class PebbleGame {
 public:
  PebbleGame(const MomentFacts& facts, Bytes budget, const PebbleOptions& options)
      : facts_(facts), budget_(budget), left_(options) {
    if (options.known) enough_ = options.known->count() - fastest() * (1 + kRounding);
  }

  PebbleBound play() {
    PebbleSearch::Outcome outcome = play_ends();
    if (outcome.is_finished) {
      const PebbleBoard board(facts_);
      PebbleSearch search(board, budget_, enough_, ends_, left_);
      search.start();
      outcome = finish(search, left_.bound ? left_.bound->count() - fastest() : 0);
    }
    const bool is_feasible = outcome.seconds < std::numeric_limits<double>::infinity();
    return {.is_feasible = is_feasible,
            .seconds = Seconds(fastest() + (is_feasible ? std::max(0.0, outcome.seconds) : 0)),
            .is_finished = outcome.is_finished,
            .states = states_};
  }

 private:
  [[nodiscard]] double fastest() const { return facts_.fastest.count(); }

  // From the last end to the first: what that one takes, or the first of them that is too large.
  PebbleSearch::Outcome play_ends() {
    PebbleSearch::Outcome outcome{0, true, 0};
    std::vector<Beginning> first = beginnings(facts_);
    for (auto at = first.rbegin(); at != first.rend() && outcome.is_finished; ++at) {
      const PebbleBoard board(facts_, at->absent);
      PebbleOptions part = left_;
      part.most_states /= kEndPart;
      PebbleSearch search(board, budget_, enough_, ends_, part);
      std::vector<bool> run(at->until);
      for (std::size_t o = 0; o < run.size(); ++o) run[o] = run[o] || at->absent[o];
      run[at->op.index()] = false;
      search.start_at(at->op, std::move(run));
      outcome = finish(search, outcome.seconds);
      ends_.insert(ends_.begin(), {at->op, std::move(at->until), outcome.seconds});
    }
    return outcome;
  }

  PebbleSearch::Outcome finish(PebbleSearch& search, double hoped) {
    const auto began = std::chrono::steady_clock::now();
    const PebbleSearch::Outcome outcome = search.play(hoped);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
    states_ += outcome.states;
    left_.most_states -= std::min(left_.most_states, outcome.states);
    if (left_.time_limit) *left_.time_limit -= Seconds(spent.count());
    return outcome;
  }

  const MomentFacts& facts_;
  Bytes budget_;
  PebbleOptions left_;  // what is left of the states and of the time
  double enough_ = std::numeric_limits<double>::infinity();  // seconds of runs again
  std::vector<PebbleEnd> ends_;                              // by rising op
  std::uint64_t states_ = 0;
};

}  // namespace

bool can_be_played(const MomentFacts& facts) { return facts.storages.size() <= Pebbles::kMost; }

PebbleBound pebble_bound(const MomentFacts& facts, Bytes budget, const PebbleOptions& options) {
  if (!can_be_played(facts)) return {.seconds = facts.fastest};
  return PebbleGame(facts, budget, options).play();
}

}  // namespace rockmate
