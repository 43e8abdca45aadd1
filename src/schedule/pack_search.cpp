// The search sweeps upwards. Every packing can be pushed down until each item rests on the floor or
// on another item, and listed by rising offset (ties by rank); the search builds packings in that
// order, so an item always goes on top of all that is placed in its sections:
//
//   floor[s] = the highest end of a placed item in section s
//   rest[i]  = max of floor[s] over the sections of i: the only offset that i can have now
//
// It branches over the item to place next and prunes, after Moffitt and Gottimukkala (MiniMalloc,
// ASPLOS 2023; see papers/layout.md):
//   canonical  (rest, rank) never falls along a branch of one part: each packing is met once;
//   dominance  an item that rests at or above where another one would end leaves a gap for nothing;
//   load       what is left in a section must fit above the lowest offset that any of it can have;
//   hatless    when nothing that is left meets the placed item, its place harms nobody: no
//              alternative to it need be tried;
//   parts      where no item that is left crosses between two sections, both sides are independent:
//              one side without an answer condemns the branch, whatever the other side does.
#include "schedule/pack_search.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace rockmate {
namespace {

constexpr Bytes kNowhere{std::numeric_limits<std::int64_t>::max()};

class UpwardSweep {
 public:
  UpwardSweep(const PackProblem& problem, Bytes capacity, SearchRule rule, WorkMeter& work)
      : problem_(problem),
        capacity_(capacity),
        rule_(rule),
        work_(work),
        rank_(problem.items.size()),
        rest_(problem.items.size()),
        offsets_(problem.items.size()),
        floor_(problem.load.size()),
        left_(problem.load),
        lowest_(problem.load.size()),
        crossing_(problem.load.size()) {
    for (const Extent& item : problem.items) {
      for (std::uint32_t s = item.first; s < item.last; ++s) ++crossing_[s];
    }
  }

  SearchResult run() {
    SearchResult result;
    Items all(problem_.items.size());
    std::iota(all.begin(), all.end(), 0U);
    result.end = solve_parts(all, 0, static_cast<std::uint32_t>(floor_.size()));
    if (result.end != SearchEnd::kFound) return result;
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
      result.placement.height =
          std::max(result.placement.height, offsets_[i] + problem_.items[i].size);
    }
    result.placement.offsets = std::move(offsets_);
    return result;
  }

 private:
  using Items = std::vector<std::uint32_t>;
  using Key = std::pair<Bytes, std::uint32_t>;  // (rest, rank)
  [[nodiscard]] Key key(std::uint32_t i) const { return {rest_[i], rank_[i]}; }

  using Keys = std::array<double, 3>;
  [[nodiscard]] Keys preference(const Extent& item) const;

  // What a placement changes, to take it back.
  struct Undo {
    std::vector<Bytes> floors;                            // of the item's sections
    std::vector<std::pair<std::uint32_t, Bytes>> lifted;  // items that rested lower
  };

  SearchEnd solve_parts(const Items& unplaced, std::uint32_t first, std::uint32_t end);
  SearchEnd solve_part(Items part, std::uint32_t first, std::uint32_t end);
  SearchEnd extend(const Items& unplaced, std::uint32_t first, std::uint32_t end, Key low);
  SearchEnd descend(std::uint32_t i, const Items& rest, std::uint32_t first, std::uint32_t end);
  [[nodiscard]] Items candidates(const Items& unplaced, Key low) const;
  Undo place(std::uint32_t i, const Items& others);
  void take_back(std::uint32_t i, const Undo& undo);
  bool fits(const Items& unplaced, std::uint32_t first, std::uint32_t end, Bytes low);

  const PackProblem& problem_;
  const Bytes capacity_;
  const SearchRule rule_;
  WorkMeter& work_;
  std::vector<std::uint32_t> rank_;
  std::vector<Bytes> rest_;
  std::vector<Bytes> offsets_;
  std::vector<Bytes> floor_;
  std::vector<Bytes> left_;              // of each section, the bytes to be placed
  std::vector<Bytes> lowest_;            // scratch of `fits`
  std::vector<std::uint32_t> crossing_;  // unplaced items that live in sections s and s + 1
};

UpwardSweep::Keys UpwardSweep::preference(const Extent& item) const {
  const auto from = left_.begin() + item.first;
  const auto load = static_cast<double>(std::max_element(from, from + item.width())->count());
  const auto duration = static_cast<double>(item.duration);
  const double area = duration * static_cast<double>(item.size.count());
  switch (rule_) {
    case SearchRule::kDurationAreaLoad:
      return {duration, area, load};
    case SearchRule::kLoadAreaDuration:
      return {load, area, duration};
    case SearchRule::kLoadDurationArea:
      return {load, duration, area};
  }
  return {};
}

// Sections [first, end), which no item enters or leaves. Ranks are dealt anew for each part: what
// is most loaded, and hence urgent, differs from what was when the search began.
SearchEnd UpwardSweep::solve_part(Items part, std::uint32_t first, std::uint32_t end) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> old_ranks;
  std::vector<std::pair<Keys, std::uint32_t>> keyed;
  for (const std::uint32_t i : part) {
    old_ranks.emplace_back(i, rank_[i]);
    keyed.emplace_back(preference(problem_.items[i]), i);
  }
  std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  for (std::size_t k = 0; k < keyed.size(); ++k) {
    rank_[keyed[k].second] = static_cast<std::uint32_t>(k);
  }
  const SearchEnd outcome = extend(part, first, end, Key{});
  for (const auto& [i, rank] : old_ranks) rank_[i] = rank;
  return outcome;
}

SearchEnd UpwardSweep::solve_parts(const Items& unplaced, std::uint32_t first, std::uint32_t end) {
  for (std::uint32_t from = first; from < end;) {
    std::uint32_t to = from + 1;
    while (to < end && crossing_[to - 1] > 0) ++to;
    Items part;
    std::copy_if(unplaced.begin(), unplaced.end(), std::back_inserter(part), [&](std::uint32_t i) {
      return problem_.items[i].first >= from && problem_.items[i].last < to;
    });
    if (!part.empty()) {
      const SearchEnd outcome = solve_part(std::move(part), from, to);
      if (outcome != SearchEnd::kFound) return outcome;
    }
    from = to;
  }
  return SearchEnd::kFound;
}

UpwardSweep::Items UpwardSweep::candidates(const Items& unplaced, Key low) const {
  Bytes lid = kNowhere;
  for (const std::uint32_t i : unplaced) lid = std::min(lid, rest_[i] + problem_.items[i].size);
  Items found;
  std::copy_if(unplaced.begin(), unplaced.end(), std::back_inserter(found),
               [&](std::uint32_t i) { return rest_[i] < lid && key(i) >= low; });
  std::sort(found.begin(), found.end(),
            [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  return found;
}

SearchEnd UpwardSweep::extend(const Items& unplaced, std::uint32_t first, std::uint32_t end,
                              Key low) {
  for (const std::uint32_t i : candidates(unplaced, low)) {
    if (work_.exhausted()) return SearchEnd::kOutOfWork;
    work_.spend(unplaced.size());
    Items others;
    others.reserve(unplaced.size() - 1);
    std::copy_if(unplaced.begin(), unplaced.end(), std::back_inserter(others),
                 [i](std::uint32_t j) { return j != i; });
    const Undo undo = place(i, others);
    SearchEnd outcome = SearchEnd::kNoneExists;
    if (fits(others, first, end, offsets_[i])) outcome = descend(i, others, first, end);
    // Taken back even where a place was found: a part beside this one may still fail, and then the
    // items below this one move. Its offset stays noted.
    take_back(i, undo);
    if (outcome != SearchEnd::kNoneExists) return outcome;
    const Extent& item = problem_.items[i];
    const bool hatless = std::none_of(others.begin(), others.end(), [&](std::uint32_t j) {
      return problem_.items[j].meets(item);
    });
    if (hatless) break;
  }
  return SearchEnd::kNoneExists;
}

SearchEnd UpwardSweep::descend(std::uint32_t i, const Items& rest, std::uint32_t first,
                               std::uint32_t end) {
  if (rest.empty()) return SearchEnd::kFound;
  const Extent& item = problem_.items[i];
  bool splits = false;
  for (std::uint32_t s = item.first; s < item.last; ++s) splits |= --crossing_[s] == 0;
  const Key low{offsets_[i], rank_[i]};
  const SearchEnd outcome = splits ? solve_parts(rest, first, end) : extend(rest, first, end, low);
  for (std::uint32_t s = item.first; s < item.last; ++s) ++crossing_[s];
  return outcome;
}

UpwardSweep::Undo UpwardSweep::place(std::uint32_t i, const Items& others) {
  const Extent& item = problem_.items[i];
  Undo undo;
  offsets_[i] = rest_[i];
  const Bytes top = rest_[i] + item.size;
  undo.floors.reserve(item.width());
  for (std::uint32_t s = item.first; s <= item.last; ++s) {
    undo.floors.push_back(floor_[s]);
    floor_[s] = top;
    left_[s] -= item.size;
  }
  for (const std::uint32_t j : others) {
    if (rest_[j] >= top || !problem_.items[j].meets(item)) continue;
    undo.lifted.emplace_back(j, rest_[j]);
    rest_[j] = top;
  }
  return undo;
}

void UpwardSweep::take_back(std::uint32_t i, const Undo& undo) {
  const Extent& item = problem_.items[i];
  for (std::uint32_t s = item.first; s <= item.last; ++s) {
    floor_[s] = undo.floors[s - item.first];
    left_[s] += item.size;
  }
  for (const auto& [j, rest] : undo.lifted) rest_[j] = rest;
}

bool UpwardSweep::fits(const Items& unplaced, std::uint32_t first, std::uint32_t end, Bytes low) {
  std::fill(lowest_.begin() + first, lowest_.begin() + end, kNowhere);
  for (const std::uint32_t i : unplaced) {
    const Extent& item = problem_.items[i];
    const Bytes rest = std::max(rest_[i], low);
    if (rest + item.size > capacity_) return false;
    for (std::uint32_t s = item.first; s <= item.last; ++s) {
      lowest_[s] = std::min(lowest_[s], rest);
    }
  }
  for (std::uint32_t s = first; s < end; ++s) {
    if (left_[s] > Bytes() && lowest_[s] + left_[s] > capacity_) return false;
  }
  return true;
}

}  // namespace

SearchResult search_placement(const PackProblem& problem, Bytes capacity, SearchRule rule,
                              WorkMeter& work) {
  ROCKMATE_CHECK(problem.items.size() <= kMostSearchedItems);
  if (problem.bound > capacity) return {SearchEnd::kNoneExists, {}};
  return UpwardSweep(problem, capacity, rule, work).run();
}

}  // namespace rockmate
