#include "search/arena.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "schedule/pack_eject.h"
#include "schedule/pack_problem.h"
#include "schedule/packing.h"

namespace rockmate::search {
namespace {

// Steps of the packer for the first arrangement.
constexpr std::uint64_t kFirstWork = 20'000'000;
constexpr std::int64_t kNowhere = std::numeric_limits<std::int64_t>::max();
// Of the pushes, those of items that have a place.
constexpr double kMoveInside = 0.3;
// Steps of the packer for each rearrangement, by items: a search of more items is slower, too.
constexpr std::uint64_t kRearrangeWork = 2000;
// And before the first move, at most.
constexpr std::uint64_t kMostPackWork = 400'000;

// Of the sizes of all that may lie in the arena.
std::int64_t common_divisor(const Problem& problem) {
  std::int64_t divisor = 0;
  const auto add = [&](double bytes) {
    divisor = std::gcd(divisor, static_cast<std::int64_t>(bytes));
  };
  for (const double bytes : problem.bytes) add(bytes);
  for (std::size_t o = 0; o < problem.op_count; ++o) {
    for (const Choice& choice : problem.choices[OpId(o)]) add(choice.workspace);
  }
  return divisor;
}

}  // namespace

Arena::Arena(const Problem& problem, const State& state, std::int64_t capacity, Random& random,
             std::span<const PlaceOfRun> places, std::uint64_t pack_work)
    : problem_(problem),
      state_(state),
      capacity_(whole_units(capacity, common_divisor(problem))),
      random_(random),
      group_of_(problem.value_count),
      storages_(problem.value_count),
      live_(problem.value_count),
      is_renewed_(problem.value_count) {
  find_groups();
  for (std::size_t v = 0; v < problem.value_count; ++v) {
    if (!storages_[ValueId(v)].empty()) renew(ValueId(v));
  }
  for (std::size_t s = 0; s < state.slot_count(); ++s) {
    if (state.at(s) != kEnd) renew_workspace(state.at(s));
  }
  places.empty() ? pack_all() : lay_out_as(places);
  if (places.empty() && !fits()) rearrange(std::min(pack_work, kMostPackWork * items_.size()));
  commit();
}

// The first arrangement is the packer's; what ends above the arena in it is outside.
void Arena::pack_all() {
  std::vector<PackItem> to_pack;
  for (const std::uint32_t id : newcomers_) {
    const Item& item = items_[id];
    to_pack.push_back({begin_slot(item), end_slot(item), Bytes(item.size)});
  }
  const Packing packing = pack(to_pack, {.target = Bytes(capacity_), .work_limit = kFirstWork});
  for (std::size_t k = 0; k < newcomers_.size(); ++k) {
    Item item = items_[newcomers_[k]];
    item.offset = packing.offsets[k].count();
    if (item.offset + item.size <= capacity_) item.status = Status::kInside;
    change(newcomers_[k], item);
  }
  newcomers_.clear();
}

// What has no place there, or one beyond the capacity, gets one where there is room.
void Arena::lay_out_as(std::span<const PlaceOfRun> places) {
  std::map<std::tuple<std::size_t, bool, ValueId>, Bytes> offsets;
  for (const PlaceOfRun& place : places) {
    offsets[{place.run, place.is_workspace, place.is_workspace ? ValueId() : place.storage}] =
        place.offset;
  }
  const IdVector<RunId, std::size_t> index = indices_of_runs();
  const auto offset_of = [&](std::uint32_t id) {
    const Item& item = items_[id];
    return offsets.find({index[item.first], item.is_workspace, item.head});
  };
  std::stable_partition(newcomers_.begin(), newcomers_.end(),
                        [&](std::uint32_t id) { return offset_of(id) != offsets.end(); });
  for (const std::uint32_t id : newcomers_) {
    if (const auto known = offset_of(id); known != offsets.end()) {
      items_[id].offset = known->second.count();
    }
    put_where_free(id);
  }
  newcomers_.clear();
}

double Arena::outside() const {
  double sum = 0;
  for (const std::uint32_t id : outside_) sum += area(items_[id]);
  return sum * state_.density();
}

std::size_t Arena::random_outside_slot() const {
  const Item& item = items_[outside_[random_.below(outside_.size())]];
  return begin_slot(item) + random_.below(end_slot(item) - begin_slot(item));
}

// Their order in the plan.
IdVector<RunId, std::size_t> Arena::indices_of_runs() const {
  IdVector<RunId, std::size_t> index;
  std::size_t count = 0;
  for (std::size_t s = 0; s < state_.slot_count(); ++s) {
    const RunId run = state_.at(s);
    if (run == kEnd) continue;
    while (index.size() <= run.index()) index.push_back(0);
    index[run] = count++;
  }
  return index;
}

std::vector<PlaceOfRun> Arena::places() const {
  const IdVector<RunId, std::size_t> index = indices_of_runs();
  std::vector<PlaceOfRun> places;
  for (const Item& item : items_) {
    if (item.status != Status::kInside) continue;
    places.push_back({index[item.first], item.is_workspace, item.head, Bytes(item.offset)});
  }
  return places;
}

// --- where it lies

// At its offset, if that is free; else in the tightest gap.
void Arena::put_where_free(std::uint32_t id) {
  Item item = items_[id];
  std::int64_t least = kNowhere, found = kNowhere, top = 0;
  const auto offer_gap = [&](std::int64_t ceiling) {
    const std::int64_t gap = ceiling - top;
    if (gap < item.size || least < 0) return;
    if (top <= item.offset && item.offset + item.size <= ceiling) {
      least = -1;
      found = item.offset;
    } else if (gap < least) {
      least = gap;
      found = top;
    }
  };
  by_lower_.collect(slots(item), lower_);
  for (const PlacedEnd& other : lower_) {
    offer_gap(other.at);
    top = std::max(top, other.at + items_[other.item].size);
  }
  offer_gap(capacity_);
  if (found == kNowhere) return;
  item.offset = found;
  item.status = Status::kInside;
  change(id, item);
}

void Arena::push(double temperature) {
  const bool moves_inside = !by_lower_.empty() && random_.chance(kMoveInside);
  if (outside_.empty() && !moves_inside) return;
  const std::uint32_t id = moves_inside ? by_lower_[random_.below(by_lower_.size())].item
                                        : outside_[random_.below(outside_.size())];
  Item item = items_[id];
  if (item.size > capacity_) return;
  const double scale = 1 / state_.density();
  refresh_ends();
  by_lower_.collect(slots(item), lower_);
  by_upper_.collect(slots(item), upper_);
  if (moves_inside) areas_[id] = 0;  // it may stand where it stood in part
  double price = std::numeric_limits<double>::infinity(), least = price;
  const auto offer = [&](std::int64_t offset, double here) {
    if (moves_inside && offset == items_[id].offset) return;
    // The noise makes a choice among places that differ by less than the temperature.
    if (here >= least) return;
    const double noisy = here - temperature * scale * std::log(1 - random_.uniform());
    if (noisy >= least) return;
    least = noisy;
    price = here;
    item.offset = offset;
  };
  offer_places(lower_, upper_, item.size, capacity_, areas_, offer);
  areas_[id] = area(item);
  const double rise = price - (moves_inside ? 0 : areas_[id]);
  if (rise > 0 && random_.uniform() >= std::exp(-rise / (temperature * scale))) return;
  for (const PlacedEnd& end : lower_) {
    if (end.item == id || !overlap(items_[end.item], item)) continue;
    Item leaving = items_[end.item];
    leaving.status = Status::kOutside;
    change(end.item, leaving);
  }
  item.status = Status::kInside;
  change(id, item);
}

void Arena::rearrange() { rearrange(kRearrangeWork * (by_lower_.size() + outside_.size())); }

void Arena::rearrange(std::uint64_t steps) {
  std::vector<std::uint32_t> ids;
  std::vector<PackItem> to_pack;
  std::vector<Bytes> start;
  for (std::uint32_t id = 0; id < items_.size(); ++id) {
    const Item& item = items_[id];
    if (item.status == Status::kGone || item.size > capacity_) continue;
    ids.push_back(id);
    to_pack.push_back({begin_slot(item), end_slot(item), Bytes(item.size)});
    start.push_back(Bytes(item.status == Status::kInside ? item.offset : capacity_));
  }
  const PackProblem problem = reduce(to_pack);
  WorkMeter work(steps);
  const PartialPlacement arranged =
      eject_some(problem, Bytes(capacity_), start, random_.below(1U << 31), work);
  for (std::size_t k = 0; k < problem.items.size(); ++k) {
    Item& item = items_[ids[problem.origin[k]]];
    item.offset = arranged.offsets[k].count();
    item.status = Status::kInside;
  }
  for (const std::uint32_t k : arranged.waiting) {
    items_[ids[problem.origin[k]]].status = Status::kOutside;
  }
  list_all();
}

// Runs have been shifted to other slots since slots and areas were noted.
void Arena::refresh_ends() {
  if (seen_shifts_ == state_.shifts()) return;
  seen_shifts_ = state_.shifts();
  const auto slots_of = [&](std::uint32_t id) { return slots(items_[id]); };
  by_lower_.refresh(slots_of);
  by_upper_.refresh(slots_of);
  for (std::size_t k = 0; k < by_lower_.size(); ++k) {
    const std::uint32_t id = by_lower_[k].item;
    areas_[id] = area(items_[id]);
  }
}

// --- items under change

std::uint32_t Arena::create(Item item) {
  std::uint32_t id = static_cast<std::uint32_t>(items_.size());
  if (free_.empty()) {
    items_.push_back({});
    areas_.push_back(0);
  } else {
    id = free_.back();
    free_.pop_back();
  }
  item.status = Status::kOutside;
  change(id, item);
  return id;
}

void Arena::change(std::uint32_t id, Item next) {
  journal_.push_back({id, items_[id]});
  if (next.status == Status::kGone) gone_.push_back(id);
  set(id, next);
}

void Arena::set(std::uint32_t id, Item next) {
  unlist(id);
  const bool appears = items_[id].status == Status::kGone && next.status != Status::kGone;
  const bool goes = items_[id].status != Status::kGone && next.status == Status::kGone;
  const Item& item = goes ? items_[id] : next;
  if (item.is_workspace) {
    if (appears) workspace_[item.first.index()] = id;
    if (goes) workspace_[item.first.index()] = kNone;
  } else {
    auto& live = live_[group_of_[item.head]];
    if (appears) live.push_back(id);
    if (goes) live.erase(std::find(live.begin(), live.end(), id));
  }
  items_[id] = next;
  list(id);
}

void Arena::list(std::uint32_t id) {
  Item& item = items_[id];
  if (item.status == Status::kOutside) {
    item.outside_at = static_cast<std::uint32_t>(outside_.size());
    outside_.push_back(id);
  }
  if (item.status != Status::kInside) return;
  areas_[id] = area(item);
  by_lower_.insert({item.offset, id}, slots(item));
  by_upper_.insert({item.offset + item.size, id}, slots(item));
}

void Arena::list_all() {
  outside_.clear();
  std::vector<PlacedEnd> lower, upper;
  for (std::uint32_t id = 0; id < items_.size(); ++id) {
    Item& item = items_[id];
    if (item.status == Status::kOutside) {
      item.outside_at = static_cast<std::uint32_t>(outside_.size());
      outside_.push_back(id);
    }
    if (item.status != Status::kInside) continue;
    areas_[id] = area(item);
    lower.push_back({item.offset, id});
    upper.push_back({item.offset + item.size, id});
  }
  const auto slots_of = [&](std::uint32_t id) { return slots(items_[id]); };
  by_lower_.assign(std::move(lower), slots_of);
  by_upper_.assign(std::move(upper), slots_of);
}

void Arena::unlist(std::uint32_t id) {
  const Item& item = items_[id];
  if (item.status == Status::kOutside) {
    items_[outside_.back()].outside_at = item.outside_at;
    outside_[item.outside_at] = outside_.back();
    outside_.pop_back();
  }
  if (item.status != Status::kInside) return;
  by_lower_.erase({item.offset, id});
  by_upper_.erase({item.offset + item.size, id});
}

void Arena::commit() {
  free_.insert(free_.end(), gone_.begin(), gone_.end());
  gone_.clear();
  journal_.clear();
}

void Arena::rollback() {
  for (std::size_t k = journal_.size(); k-- > 0;) {
    const Edit& edit = journal_[k];
    if (edit.before.status == Status::kGone) free_.push_back(edit.id);
    set(edit.id, edit.before);
  }
  gone_.clear();
  journal_.clear();
}

}  // namespace rockmate::search
