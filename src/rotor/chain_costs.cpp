#include "rotor/chain_costs.h"

#include <algorithm>

#include "rotor/kept_forward.h"
#include "rotor/profile.h"

namespace rockmate::rotor {
namespace {

// The value of a step function at b.
template <class Steps>
std::int64_t at(const Steps& steps, std::size_t b) {
  const auto after = std::upper_bound(
      steps.begin(), steps.end(), b, [](std::size_t x, const auto& step) { return x < step.from; });
  return after == steps.begin() ? 0 : std::prev(after)->value;
}

}  // namespace

ChainCosts::ChainCosts(const TrainingGraph& graph, const Chain& chain) : items_(graph, chain) {
  make_bundles();
  for (std::size_t a = 0; a < blocks(); ++a) {
    keep_held_.push_back(keep_held_steps(a));
    keep_forward_.push_back(keep_forward_steps(a));
    backward_peak_.push_back(keep_backward_peak(a));
  }
}

void ChainCosts::make_bundles() {
  bundles_.resize(blocks());
  for (std::size_t i = 0; i < items_.all().size(); ++i) {
    const Item& item = items_[i];
    if (item.read_blocks.empty()) continue;
    for (std::size_t a = items_.block_of(item.made) + 1; a <= item.read_blocks.back(); ++a) {
      bundles_[a].riders.push_back({i, ChainItems::next_read(item, a), items_.is_held(item, a)});
    }
  }
  for (std::size_t a = 0; a < blocks(); ++a) {
    Bundle& bundle = bundles_[a];
    std::stable_sort(bundle.riders.begin(), bundle.riders.end(),
                     [](const Rider& x, const Rider& y) { return x.next_read < y.next_read; });
    bundle.bytes.push_back(0);
    bundle.held.push_back(0);
    for (const Rider& rider : bundle.riders) {
      const Item& item = items_[rider.item];
      bundle.bytes.push_back(bundle.bytes.back() + item.bytes);
      bundle.held.push_back(bundle.held.back() + (rider.held ? item.bytes : 0));
      if (items_.block_of(item.made) + 1 < a) bundle.long_riders.push_back(rider);
    }
  }
}

// Held beyond the base of (a + 1, b): what block a reads or makes for its backward part and no
// block of a + 1 .. b reads.
std::vector<ChainCosts::Step> ChainCosts::keep_held_steps(std::size_t a) const {
  std::vector<std::pair<std::size_t, std::int64_t>> held;  // (next reader, bytes)
  const auto hold = [&](const Item& item) {
    held.emplace_back(ChainItems::next_read(item, a + 1), item.bytes);
  };
  for (const Rider& rider : bundles_[a].riders) {
    if (rider.next_read != a) break;
    const Item& item = items_[rider.item];
    if (rider.held || ChainItems::reads_backward(item, a)) hold(item);
  }
  for (const std::size_t i : items_.made_in(a)) {
    if (ChainItems::reads_backward(items_[i], a)) hold(items_[i]);
  }
  std::sort(held.begin(), held.end());
  std::int64_t sum = 0;
  for (const auto& [next, bytes] : held) sum += bytes;
  std::vector<Step> steps = {{0, sum}};
  for (const auto& [next, bytes] : held) {
    if (next != ChainItems::kNever) steps.push_back({next, sum -= bytes});
  }
  return steps;
}

std::vector<ChainCosts::Step> ChainCosts::keep_forward_steps(std::size_t a) const {
  std::vector<std::size_t> thresholds = {a};
  for (const Rider& rider : bundles_[a].riders) {
    thresholds.push_back(rider.next_read);
    thresholds.push_back(ChainItems::next_read(items_[rider.item], a + 1));
  }
  for (const std::size_t i : items_.made_in(a)) {
    thresholds.push_back(ChainItems::next_read(items_[i], a + 1));
  }
  sort_distinct(thresholds);
  std::vector<Step> steps;
  for (const std::size_t b : thresholds) {
    if (b != ChainItems::kNever) steps.push_back({b, keep_forward_peak(a, b)});
  }
  return steps;
}

// Own items until their last read; held riders are added per state.
std::int64_t ChainCosts::keep_backward_peak(std::size_t a) const {
  std::vector<std::size_t> own = items_.made_in(a);
  for (const Rider& rider : bundles_[a].riders) {
    if (rider.next_read != a) break;
    if (!rider.held && ChainItems::reads_backward(items_[rider.item], a)) own.push_back(rider.item);
  }
  const std::size_t end = items_.rest_end(a);
  std::int64_t peak = 0;
  for (std::size_t p = items_.rest_begin(a); p < end; ++p) {
    std::int64_t live = items_.rest_live(p);
    for (const std::size_t i : own) {
      const auto& reads = items_[i].backward_reads;
      const auto beyond = std::lower_bound(reads.begin(), reads.end(), end);
      if (beyond != reads.begin() && *std::prev(beyond) >= p) live += items_[i].bytes;
    }
    peak = std::max(peak, live);
  }
  return peak;
}

std::int64_t ChainCosts::keep_forward_peak(std::size_t a, std::size_t b) const {
  KeptForward forward(items_, a);
  const auto stays = [&](const Item& item) {
    return ChainItems::reads_backward(item, a) || ChainItems::next_read(item, a + 1) <= b;
  };
  for (const Rider& rider : bundles_[a].riders) {
    if (rider.next_read > b) break;
    const Item& item = items_[rider.item];
    const bool whole = rider.held || stays(item);
    forward.add_rider(item, whole ? forward.end() : forward.last_read(item).value());
  }
  for (const std::size_t i : items_.made_in(a)) forward.add_made(items_[i], stays(items_[i]));
  return forward.peak();
}

std::size_t ChainCosts::count_up_to(const std::vector<Rider>& riders, std::size_t b) {
  return static_cast<std::size_t>(
      std::partition_point(riders.begin(), riders.end(),
                           [&](const Rider& rider) { return rider.next_read <= b; }) -
      riders.begin());
}

std::int64_t ChainCosts::base(std::size_t a, std::size_t b) const {
  return bundles_[a].bytes[count_up_to(bundles_[a].riders, b)];
}

std::int64_t ChainCosts::keep_peak(std::size_t a, std::size_t b) const {
  const std::int64_t forward = items_.before_backward(b) + at(keep_forward_[a], b);
  const std::int64_t backward =
      backward_peak_[a] + bundles_[a].held[count_up_to(bundles_[a].riders, b)];
  return std::max(forward, backward);
}

std::int64_t ChainCosts::keep_held(std::size_t a, std::size_t b) const {
  return at(keep_held_[a], b);
}

std::int64_t ChainCosts::checkpoint_held(std::size_t a, std::size_t j, std::size_t b,
                                         std::int64_t base_of_a_b) const {
  std::int64_t shared = 0;
  for (const Rider& rider : bundles_[j].long_riders) {
    if (rider.next_read > b) break;
    if (items_[rider.item].made < items_.first_op(a)) shared += items_[rider.item].bytes;
  }
  return base_of_a_b - shared;
}

std::int64_t ChainCosts::left_held(std::size_t a, std::size_t j, std::size_t b) const {
  const Bundle& bundle = bundles_[a];
  return bundle.held[count_up_to(bundle.riders, b)] -
         bundle.held[count_up_to(bundle.riders, j - 1)];
}

PassProfile ChainCosts::pass_profile(std::size_t from, std::size_t b) const {
  const std::size_t begin = items_.first_op(from);
  Profile profile(items_.first_op(b + 1) - begin);
  const auto add = [&](const Item& item) {
    const std::size_t made = std::max(item.made, begin) - begin;
    const std::size_t last = items_.last_forward_use(item, b);
    if (last == ChainItems::kNever) {
      if (item.made >= begin && !item.optional) profile.add(made, made, item.bytes);
    } else if (last >= begin) {
      profile.add(made, last - begin, item.bytes);
    }
  };
  for (const Rider& rider : bundles_[from].riders) add(items_[rider.item]);
  for (std::size_t block = from; block <= b; ++block) {
    for (const std::size_t i : items_.made_in(block)) add(items_[i]);
  }
  PassProfile pass{begin, b, profile.sums()};
  for (std::size_t k = 0; k < pass.live.size(); ++k) pass.live[k] += items_.workspace(begin + k);
  return pass;
}

void ChainCosts::pass_peaks(std::size_t a, const PassProfile& profile,
                            std::vector<std::int64_t>& peaks) const {
  // The base is held all along; the profile counts its items only as long as they are still read.
  std::vector<std::pair<std::size_t, std::int64_t>> added;  // (from position, bytes)
  for (const Rider& rider : bundles_[a].riders) {
    if (rider.next_read > profile.b) break;
    const std::size_t last = items_.last_forward_use(items_[rider.item], profile.b);
    added.emplace_back(last == ChainItems::kNever ? 0 : last + 1, items_[rider.item].bytes);
  }
  std::sort(added.begin(), added.end());
  peaks.clear();
  std::int64_t peak = 0, more = 0;
  auto next = added.begin();
  for (std::size_t block = a; block < profile.b; ++block) {
    for (std::size_t k = items_.first_op(block); k < items_.first_op(block + 1); ++k) {
      for (; next != added.end() && next->first <= k; ++next) more += next->second;
      peak = std::max(peak, profile.live[k - profile.begin] + more);
    }
    peaks.push_back(items_.before_backward(profile.b) + peak);
  }
}

}  // namespace rockmate::rotor
