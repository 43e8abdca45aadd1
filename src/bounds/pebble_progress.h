// How far an iteration has come: which ops have run at least once. What all states of the pebble
// game (pebble_game.h) that have come as far have in common is found once.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "bounds/moment.h"

namespace rockmate {

/// A set of storages, by their rank in `PebbleBoard::storages`.
class Pebbles {
 public:
  static constexpr std::size_t kMost = 256;

  [[nodiscard]] bool has(std::size_t rank) const {
    return (words_[rank / 64] >> rank % 64 & 1) != 0;
  }
  void add(std::size_t rank) { words_[rank / 64] |= std::uint64_t{1} << rank % 64; }
  void remove(std::size_t rank) { words_[rank / 64] &= ~(std::uint64_t{1} << rank % 64); }
  [[nodiscard]] bool is_within(const Pebbles& other) const { return (*this - other).is_empty(); }
  [[nodiscard]] bool is_empty() const { return *this == Pebbles(); }
  [[nodiscard]] std::uint64_t hash(std::uint64_t seed) const;
  bool operator==(const Pebbles&) const = default;

  Pebbles& operator|=(const Pebbles& other) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] |= other.words_[w];
    return *this;
  }
  Pebbles& operator&=(const Pebbles& other) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] &= other.words_[w];
    return *this;
  }
  Pebbles& operator-=(const Pebbles& other) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] &= ~other.words_[w];
    return *this;
  }
  friend Pebbles operator-(Pebbles a, const Pebbles& b) { return a -= b; }
  friend Pebbles operator&(Pebbles a, const Pebbles& b) { return a &= b; }
  friend Pebbles operator|(Pebbles a, const Pebbles& b) { return a |= b; }

  /// Calls `visit(rank)` for each of them, by rising rank.
  void for_each(auto visit) const {
    for (std::size_t w = 0; w < words_.size(); ++w) {
      for (std::uint64_t rest = words_[w]; rest != 0; rest &= rest - 1) {
        visit(w * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
      }
    }
  }
  /// Takes out the highest rank. The set must not be empty.
  std::size_t pop_highest() {
    std::size_t w = words_.size() - 1;
    while (words_[w] == 0) --w;
    const auto bit = 63 - static_cast<std::size_t>(std::countl_zero(words_[w]));
    words_[w] &= ~(std::uint64_t{1} << bit);
    return w * 64 + bit;
  }

 private:
  std::array<std::uint64_t, kMost / 64> words_ = {};
};

/// The rules of the game that do not change: what each op takes and gives.
struct PebbleBoard {
  /// An output, or the sum that an op is the first to add to.
  struct Output {
    std::size_t rank;
    bool is_optional = false;
    std::vector<std::size_t> takes_over;  ///< ranks of storages that it may move into
  };
  struct Move {
    Pebbles needs;  ///< and sums that it adds to and that have begun
    std::vector<Output> outputs;
    Bytes workspace;
    double seconds = 0;  ///< of another run; the first costs nothing
    bool runs_once = false;
    std::vector<OpId> barriers;  ///< ops after which it cannot run any more
    bool only_frees = false;     ///< makes nothing, and nothing becomes impossible by it
  };

  /// At most `Pebbles::kMost` storages. Ops that are `absent` never run, and what they make is
  /// there for nothing.
  explicit PebbleBoard(const MomentFacts& moment_facts, const std::vector<bool>& absent = {});
  [[nodiscard]] Bytes bytes_of(const Pebbles& pebbles) const;

  const MomentFacts& facts;
  std::vector<ValueId> storages;  ///< by rising maker
  std::vector<Bytes> bytes;       ///< by rank
  std::vector<OpId> makers;       ///< by rank
  Pebbles results;
  IdVector<OpId, Move> moves;
};

/// A set of ops that have run, closed under ancestors.
struct PebbleProgress {
  PebbleProgress(const PebbleBoard& board, std::vector<bool> ops_run);

  [[nodiscard]] bool is_done() const { return unrun == 0; }

  std::vector<bool> run;  ///< by op
  std::size_t unrun = 0;
  std::vector<OpId> ready;  ///< may run for the first time
  std::vector<OpId> again;  ///< may run once more, to the good of some op to come
  Pebbles made;
  Pebbles useful;  ///< may be read once more
  Pebbles wanted;  ///< made, and will be read once more or are results
  Pebbles remade;  ///< outputs of `again`
};

}  // namespace rockmate
