// One search through the states of the pebble game; pebble_game.cpp has the rules.
#pragma once

#include <chrono>
#include <deque>
#include <limits>
#include <queue>
#include <unordered_map>
#include <vector>

#include "bounds/pebble_game.h"
#include "bounds/pebble_progress.h"

namespace rockmate {

/// What is known of the end of a game: from the first run of `op` on, wherever pebbles lie then, it
/// takes no less than `seconds`.
struct PebbleEnd {
  OpId op;
  std::vector<bool> until;  ///< by op: `op` and its ancestors
  double seconds = 0;
};

class PebbleSearch {
 public:
  /// `enough`: seconds of runs again that are of no interest any more. `ends` are by rising op, and
  /// must outlive the search, as must the board.
  PebbleSearch(const PebbleBoard& board, Bytes budget, double enough,
               const std::vector<PebbleEnd>& ends, const PebbleOptions& options);

  /// From the beginning, where nothing has run.
  void start();
  /// From the first run of an op when all of `run` have, with pebbles wherever there is room.
  void start_at(OpId op, std::vector<bool> run);

  struct Outcome {
    double seconds = 0;  ///< of runs again, at least; infinite: the game cannot be ended
    bool is_finished = false;
    std::uint64_t states = 0;  ///< that are known, or the time of so many
  };
  /// `hoped`: where little of this is reached with a part of the states, it is given up.
  Outcome play(double hoped);

 private:
  struct State {
    Pebbles live;
    std::uint32_t progress = 0;
    bool operator==(const State&) const = default;
  };
  struct StateHash {
    std::size_t operator()(const State& state) const;
  };
  using States = std::unordered_map<State, double, StateHash>;  // seconds until then
  struct Entry {
    double estimate;  // of all seconds
    double seconds;
    const States::value_type* state;
    std::uint64_t number;
    bool operator<(const Entry& other) const;  // the top of the queue is the greatest
  };
  // How far we have come, where each op that is ready leads, and what the ends say.
  struct Step {
    PebbleProgress progress;
    std::vector<std::uint32_t> next;
    std::vector<std::pair<Pebbles, double>> ends;  // wanted until then, seconds from there on
  };
  struct Move {
    OpId op;
    std::uint32_t next;  // progress
    double seconds;      // until after it
    Pebbles before, after;
    Bytes bytes;  // while it runs, with all pebbles of `before`
  };

  std::uint32_t number_of(std::vector<bool> run);
  std::uint32_t after_first_run(std::uint32_t progress, std::size_t ready);
  [[nodiscard]] double remaking(Pebbles missing, const PebbleProgress& progress,
                                const Pebbles& live) const;
  [[nodiscard]] double least_to_come(const Step& step, const Pebbles& live) const;
  bool is_over();
  [[nodiscard]] std::uint64_t used() const;
  void expand(const State& state, double seconds);
  bool runs_at_once(const State& state, Bytes live_bytes, double seconds);
  void run(OpId op, std::uint32_t next, double seconds, const Pebbles& live, Bytes live_bytes);
  void place_outputs(Move& move, std::size_t output, const Pebbles& useful);
  void make_room(const Move& move);
  void take_away(Move& move, std::size_t first, Bytes excess, Bytes least);
  void reach(const Pebbles& live, std::uint32_t progress, double seconds);

  const PebbleBoard& board_;
  Bytes room_;
  double enough_;
  const std::vector<PebbleEnd>& ends_;
  const PebbleOptions& options_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::deque<Step> steps_;
  std::unordered_map<std::vector<bool>, std::uint32_t> numbers_;
  States states_;
  std::priority_queue<Entry> queue_;
  std::uint64_t entries_ = 0;
  std::uint64_t tries_ = 0;  // of states, new or not, and of ways to make room
  bool is_over_ = false;
  std::vector<std::size_t> may_go_;  // what a move may take away, and the bytes from there on
  std::vector<Bytes> may_free_;
};

}  // namespace rockmate
