// The part of Arena that follows the plan: which items there are.

#include <algorithm>

#include "base/check.h"
#include "search/arena.h"

namespace rockmate::search {
namespace {

// Items outside that one move tries to bring in.
constexpr std::size_t kMostRetries = 4;

}  // namespace

void Arena::find_groups() {
  for (std::size_t v = 0; v < problem_.value_count; ++v) group_of_[ValueId(v)] = ValueId(v);
  const auto root = [&](ValueId v) {
    while (group_of_[v] != v) v = group_of_[v];
    return v;
  };
  for (std::size_t v = 0; v < problem_.value_count; ++v) {
    const auto input = problem_.takes_over[ValueId(v)];
    if (!input) continue;
    const ValueId a = root(problem_.storage[*input]), b = root(ValueId(v));
    group_of_[std::max(a, b)] = std::min(a, b);
  }
  for (std::size_t v = 0; v < problem_.value_count; ++v) {
    group_of_[ValueId(v)] = root(ValueId(v));
    if (problem_.bytes[ValueId(v)] > 0) storages_[group_of_[ValueId(v)]].push_back(ValueId(v));
  }
}

// A storage that is taken over lives on as the one that takes it over.
std::vector<Arena::Item> Arena::chains(ValueId group) const {
  std::vector<Item> found;
  struct Piece {
    ValueId storage;
    State::Interval lives;
  };
  std::vector<Piece> pieces;
  for (const ValueId storage : storages_[group]) {
    for (const State::Interval& lives : state_.lifetimes(storage)) {
      pieces.push_back({storage, lives});
    }
  }
  if (storages_[group].size() > 1) {
    std::sort(pieces.begin(), pieces.end(), [&](const Piece& a, const Piece& b) {
      return state_.slot(a.lives.first) < state_.slot(b.lives.first);
    });
  }
  std::vector<ValueId> tails;
  for (const Piece& piece : pieces) {
    const auto size = static_cast<std::int64_t>(problem_.bytes[piece.storage]);
    if (piece.lives.after_first) {
      const ValueId taken = problem_.storage[*problem_.takes_over[piece.storage]];
      std::size_t k = 0;
      while (k < found.size() && (tails[k] != taken || found[k].last != piece.lives.first)) ++k;
      ROCKMATE_CHECK(k < found.size(), "a storage that is taken over lives until then");
      tails[k] = piece.storage;
      found[k].last = piece.lives.last;
      continue;
    }
    Item item{piece.storage, piece.lives.first, piece.lives.last};
    item.size = size;
    found.push_back(item);
    tails.push_back(piece.storage);
  }
  return found;
}

// Items that live as before stay as they are; new ones want the place of one that they replace.
void Arena::renew(ValueId group) {
  std::vector<Item> wanted = chains(group);
  std::vector<Item> gone;
  const std::vector<std::uint32_t> before = live_[group];
  for (const std::uint32_t id : before) {
    const auto same = std::find_if(wanted.begin(), wanted.end(),
                                   [&](const Item& item) { return item.lives_as(items_[id]); });
    if (same != wanted.end()) {
      wanted.erase(same);
      continue;
    }
    gone.push_back(items_[id]);
    Item none = items_[id];
    none.status = Status::kGone;
    change(id, none);
  }
  for (Item& item : wanted) {
    std::size_t heir = 0;
    for (std::size_t k = 0; k < gone.size(); ++k) {
      if (gone[k].first == item.first || gone[k].last == item.last) heir = k;
    }
    if (!gone.empty()) item.offset = gone[heir].offset;
    newcomers_.push_back(create(item));
  }
}

void Arena::renew_workspace(RunId run) {
  while (workspace_.size() <= run.index()) workspace_.push_back(kNone);
  const auto size = static_cast<std::int64_t>(state_.workspace(run));
  const std::uint32_t id = workspace_[run.index()];
  std::int64_t offset = 0;
  if (id != kNone) {
    if (items_[id].size == size) return;
    Item none = items_[id];
    offset = none.offset;
    none.status = Status::kGone;
    change(id, none);
  }
  if (size == 0) return;
  Item item{ValueId(), run, run, true};
  item.size = size;
  item.offset = offset;
  newcomers_.push_back(create(item));
}

void Arena::follow() {
  std::vector<ValueId> renewed;
  for (const State::Edit& edit : state_.edits()) {
    if (edit.kind != State::EditKind::kLifetime) {
      renew_workspace(edit.run);
      continue;
    }
    const ValueId group = group_of_[edit.storage];
    if (is_renewed_[group]) continue;
    is_renewed_[group] = true;
    renewed.push_back(group);
    renew(group);
  }
  for (const ValueId group : renewed) is_renewed_[group] = false;
  settle_newcomers();
}

// What was outside may have room now where something is gone.
void Arena::settle_newcomers() {
  refresh_ends();
  for (const std::uint32_t id : newcomers_) put_where_free(id);
  newcomers_.clear();
  const auto meets_gone = [&](const Item& item) {
    return std::any_of(gone_.begin(), gone_.end(), [&](std::uint32_t id) {
      return begin_slot(items_[id]) < end_slot(item) && begin_slot(item) < end_slot(items_[id]);
    });
  };
  retried_.clear();
  for (const std::uint32_t id : outside_) {
    if (retried_.size() < kMostRetries && meets_gone(items_[id])) retried_.push_back(id);
  }
  for (const std::uint32_t id : retried_) put_where_free(id);
}

}  // namespace rockmate::search
