// Where what lives in a plan under change lies, in an arena of the budget's size. What finds no
// room there is outside: a violation as bytes above the budget are, and it says where the plan must
// give way. Items inside never overlap; every item lives from one run to another (a storage that is
// taken over in place is one item with what takes it over), or is the workspace of one.
//
//   State   the runs and lifetimes of a move  ->  Arena::follow: new items keep the place of those
//                                                 that they replace, or get a free one, or are
//                                                 outside
//   Arena::push                               ->  one that is outside takes a place, the ones there
//                                                 leave it
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "schedule/pack_place.h"
#include "search/arena_ends.h"
#include "search/random.h"
#include "search/search.h"
#include "search/state.h"

namespace rockmate::search {

class Arena {
 public:
  /// The first three must outlive it. Begins with these places of the state's runs, or where there
  /// are none, with those that the packer finds; then it takes so many steps to bring in more.
  Arena(const Problem& problem, const State& state, std::int64_t capacity, Random& random,
        std::span<const PlaceOfRun> places = {}, std::uint64_t pack_work = 0);

  [[nodiscard]] bool fits() const { return outside_.empty(); }
  [[nodiscard]] std::size_t outside_count() const { return outside_.size(); }
  /// Bytes of the items outside, summed over the runs during which they live.
  [[nodiscard]] double outside() const;
  /// A slot at which an item that is outside lives; there must be one.
  [[nodiscard]] std::size_t random_outside_slot() const;
  /// Offsets of what is inside.
  [[nodiscard]] std::vector<PlaceOfRun> places() const;

  /// After `State::settle`: the items of what has changed in this move.
  void follow();
  /// Moves an item to a place where those that must leave it are small and short-lived; to a worse
  /// arrangement only with the probability exp(-rise / temperature), in the unit of `outside`.
  void push(double temperature);
  /// Lets all items float up and down while some push others out; never for more outside. Between
  /// moves only: it cannot be rolled back.
  void rearrange();
  void commit();
  void rollback();

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  enum class Status : std::uint8_t { kGone, kOutside, kInside };
  struct Item {
    ValueId head;  // the first storage; meaningless for a workspace
    RunId first, last;
    bool is_workspace = false;
    Status status = Status::kGone;
    std::uint32_t outside_at = 0;  // index in outside_
    std::int64_t size = 0;
    std::int64_t offset = 0;

    [[nodiscard]] bool lives_as(const Item& other) const {
      return head == other.head && first == other.first && last == other.last && size == other.size;
    }
  };
  struct Edit {
    std::uint32_t id;
    Item before;
  };
  void find_groups();
  void pack_all();
  void rearrange(std::uint64_t steps);
  void lay_out_as(std::span<const PlaceOfRun> places);
  [[nodiscard]] IdVector<RunId, std::size_t> indices_of_runs() const;
  void list_all();
  void renew(ValueId group);
  void renew_workspace(RunId run);
  [[nodiscard]] std::vector<Item> chains(ValueId group) const;
  void settle_newcomers();
  void put_where_free(std::uint32_t id);

  std::uint32_t create(Item item);
  void change(std::uint32_t id, Item next);
  void set(std::uint32_t id, Item next);
  void list(std::uint32_t id);
  void unlist(std::uint32_t id);
  void refresh_ends();
  [[nodiscard]] ArenaEnds::Slots slots(const Item& item) const {
    return {static_cast<std::int32_t>(state_.slot(item.first)),
            static_cast<std::int32_t>(state_.slot(item.last))};
  }
  [[nodiscard]] std::size_t begin_slot(const Item& item) const { return state_.slot(item.first); }
  [[nodiscard]] std::size_t end_slot(const Item& item) const { return state_.slot(item.last) + 1; }
  [[nodiscard]] double area(const Item& item) const {
    return static_cast<double>(item.size) * static_cast<double>(end_slot(item) - begin_slot(item));
  }
  [[nodiscard]] bool overlap(const Item& a, const Item& b) const {
    return a.offset < b.offset + b.size && b.offset < a.offset + a.size;
  }

  const Problem& problem_;
  const State& state_;
  const std::int64_t capacity_;
  Random& random_;

  // Storages that may take over one another, named by the first of them.
  IdVector<ValueId, ValueId> group_of_;                 // by storage
  IdVector<ValueId, std::vector<ValueId>> storages_;    // by group
  IdVector<ValueId, std::vector<std::uint32_t>> live_;  // by group: its items
  std::vector<std::uint32_t> workspace_;                // by run: its item, or kNone

  std::vector<Item> items_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> outside_;
  ArenaEnds by_lower_, by_upper_;
  std::vector<double> areas_;      // by item, where it is inside
  std::uint64_t seen_shifts_ = 0;  // of the state, by which slots and areas are right
  std::vector<Edit> journal_;
  std::vector<std::uint32_t> gone_;  // in this move
  std::vector<std::uint32_t> newcomers_;
  std::vector<std::uint32_t> retried_;  // scratch

  std::vector<PlacedEnd> lower_, upper_;  // scratch
  IdVector<ValueId, char> is_renewed_;    // scratch
};

}  // namespace rockmate::search
