#include "rotor/chain_costs.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"

namespace rockmate::rotor {
namespace {

void sort_distinct(std::vector<std::size_t>& items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

// The value of a step function at b.
template <class Steps>
std::int64_t at(const Steps& steps, std::size_t b) {
  const auto after = std::upper_bound(
      steps.begin(), steps.end(), b, [](std::size_t x, const auto& step) { return x < step.from; });
  return after == steps.begin() ? 0 : std::prev(after)->value;
}

// Sums of intervals of positions.
class Profile {
 public:
  explicit Profile(std::size_t size) : delta_(size + 1) {}
  void add(std::size_t first, std::size_t last, std::int64_t bytes) {
    delta_[first] += bytes;
    delta_[last + 1] -= bytes;
  }
  [[nodiscard]] std::vector<std::int64_t> sums() const {
    std::vector<std::int64_t> sums(delta_.size() - 1);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = sum += delta_[i];
    return sums;
  }

 private:
  std::vector<std::int64_t> delta_;
};

}  // namespace

ChainCosts::ChainCosts(const TrainingGraph& graph, const Chain& chain)
    : again_(graph.ops().size()), pinned_(graph.values().size()) {
  ROCKMATE_CHECK(!chain.blocks.empty());
  index_ops(graph, chain);
  find_run_once(graph);
  make_items(graph);
  profile_rest(graph);
  make_bundles();
  make_keep_steps();
  make_pass_profiles();
}

void ChainCosts::index_ops(const TrainingGraph& graph, const Chain& chain) {
  for (const Block& block : chain.blocks) {
    first_op_.push_back(forward_.size());
    forward_.insert(forward_.end(), block.forward.begin(), block.forward.end());
  }
  first_op_.push_back(forward_.size());
  // In the rest, the backward part of the last block comes first.
  first_rest_.resize(chain.blocks.size());
  for (std::size_t b = chain.blocks.size(); b-- > 0;) {
    first_rest_[b] = rest_size_;
    rest_size_ += chain.blocks[b].backward.size();
  }
  tail_begin_ = rest_size_;
  rest_size_ += chain.tail.size();
  ROCKMATE_CHECK(forward_.size() + rest_size_ == graph.ops().size());
  for (const OpId op : forward_) workspace_.push_back(graph[op].workspace().count());
}

// An op runs once if the graph says so, or if it reads a source that is updated before the last
// moment at which the recursion may want to run it again, the start of its block's backward part.
void ChainCosts::find_run_once(const TrainingGraph& graph) {
  for (std::size_t k = 0; k < forward_.size(); ++k) {
    const OpId op = forward_[k];
    again_[op] = graph[op].recomputable;
  }
  IdVector<ValueId, std::vector<OpId>> readers(graph.values().size());  // by source, views included
  for (const Value& value : graph.values()) {
    if (!graph[value.storage].is_source) continue;
    auto& all = readers[value.storage];
    all.insert(all.end(), value.readers.begin(), value.readers.end());
  }
  for (std::size_t u = 0; u < graph.ops().size(); ++u) {
    for (const ValueId source : graph[OpId(u)].updates) {
      for (const OpId reader : readers[source]) {
        if (reader.index() >= std::min(u, forward_.size())) continue;
        const std::size_t last = first_rest_[block_of(reader.index())];
        const bool in_time = u >= forward_.size() && u - forward_.size() >= last;
        if (!in_time) again_[reader] = false;
      }
    }
  }
  double seconds = 0;
  seconds_before_.push_back(0);
  std::size_t block = 0;
  for (std::size_t k = 0; k < forward_.size(); ++k) {
    const Op& op = graph[forward_[k]];
    (again_[forward_[k]] ? seconds : fixed_seconds_) += op.seconds().count();
    if (k + 1 == first_op_[block + 1]) {
      seconds_before_.push_back(seconds);
      ++block;
    }
  }
  for (std::size_t r = 0; r < rest_size_; ++r) {
    fixed_seconds_ += graph[OpId(forward_.size() + r)].seconds().count();
  }
}

// Storages that stay whatever is chosen are pinned: results, what runs once makes, sums, and
// forward storages of which the rest takes a view (the view cannot be taken again).
void ChainCosts::make_items(const TrainingGraph& graph) {
  const auto in_forward = [&](OpId op) { return op.index() < forward_.size(); };
  IdVector<ValueId, char> forward_made(graph.values().size());
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    const Value& owner = graph[value.storage];
    if (owner.is_source) continue;
    const bool made_forward =
        owner.producer ? in_forward(*owner.producer) : in_forward(owner.contributors.front());
    if (!made_forward) continue;
    forward_made[value.storage] = true;
    const bool is_sum = !owner.contributors.empty();
    const bool once = value.producer && (!in_forward(*value.producer) || !again_[*value.producer]);
    if (value.is_result || is_sum || once) pinned_[value.storage] = true;
  }

  std::map<ValueId, std::size_t> item_of;
  made_in_.resize(blocks());
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const ValueId v(i);
    if (!forward_made[v] || pinned_[v]) continue;
    Item item;
    item.bytes = graph[v].bytes.count();
    item.made = graph[v].producer->index();
    item.optional = graph[*graph[v].producer].is_optional(v);
    item_of[v] = items_.size();
    made_in_[block_of(item.made)].push_back(items_.size());
    items_.push_back(std::move(item));
  }
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    const auto found = item_of.find(value.storage);
    if (found == item_of.end()) continue;
    Item& item = items_[found->second];
    for (const OpId reader : value.readers) {
      if (in_forward(reader)) {
        item.forward_reads.push_back(reader.index());
      } else {
        item.backward_reads.push_back(reader.index() - forward_.size());
      }
    }
  }
  for (Item& item : items_) {
    sort_distinct(item.forward_reads);
    sort_distinct(item.backward_reads);
    for (const std::size_t p : item.backward_reads) {
      // Blocks stand in reverse order in the rest: the last one whose part begins at or before p.
      const auto after = std::partition_point(first_rest_.begin(), first_rest_.end(),
                                              [&](std::size_t first) { return first > p; });
      item.backward_blocks.push_back(static_cast<std::size_t>(after - first_rest_.begin()));
    }
    sort_distinct(item.backward_blocks);
    item.read_blocks = item.backward_blocks;
    for (const std::size_t p : item.forward_reads) {
      if (block_of(p) > block_of(item.made)) item.read_blocks.push_back(block_of(p));
    }
    sort_distinct(item.read_blocks);
  }
}

// Gradients and pinned storages: their lifetimes are the same in every plan of the recursion.
void ChainCosts::profile_rest(const TrainingGraph& graph) {
  Profile profile(rest_size_ + 1);  // [p]: while op p of the rest runs
  std::int64_t pinned_at_start = 0;
  Profile between(rest_size_ + 1);  // [p]: just before it
  IdVector<ValueId, std::size_t> first(graph.values().size(), kNever), last(graph.values().size());
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    const ValueId owner = value.storage;
    if (graph[owner].is_source) continue;
    const auto touch = [&](std::size_t position) {
      first[owner] = std::min(first[owner], position);
      last[owner] = std::max(last[owner], position);
    };
    const bool unused = value.producer && value.readers.empty() && !value.is_result &&
                        graph[*value.producer].is_optional(ValueId(i));
    if (unused && !value.viewed && !pinned_[owner]) continue;
    std::vector<OpId> users = value.readers;
    users.insert(users.end(), value.contributors.begin(), value.contributors.end());
    if (value.producer) users.push_back(*value.producer);
    for (const OpId op : users) {
      touch(op.index());
      // A pinned storage is wanted, or made once more, whenever the op runs again.
      if (pinned_[owner] && op.index() < forward_.size() && again_[op]) {
        touch(forward_.size() + first_rest_[block_of(op.index())]);
      }
    }
    if (value.is_result) touch(graph.ops().size());
  }
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const ValueId v(i);
    if (first[v] == kNever || graph[v].storage != v) continue;
    const std::int64_t bytes = graph[v].bytes.count();
    const bool pinned = pinned_[v];
    if (!pinned && first[v] < forward_.size()) continue;  // an item: the recursion's own business
    if (pinned) pinned_at_start += bytes;
    if (last[v] < forward_.size()) continue;
    const std::size_t from = pinned ? 0 : first[v] - forward_.size();
    const std::size_t to = std::min(last[v] - forward_.size(), rest_size_);
    profile.add(from, to, bytes);
    if (!pinned && from < to) between.add(from + 1, to, bytes);
    if (pinned) between.add(0, to, bytes);
  }
  rest_live_ = profile.sums();
  const std::vector<std::int64_t> before = between.sums();
  for (std::size_t p = 0; p < rest_size_; ++p) {
    rest_live_[p] += graph[OpId(forward_.size() + p)].workspace().count();
    if (p >= tail_begin_) tail_peak_ = std::max(tail_peak_, rest_live_[p]);
  }
  for (std::size_t b = 0; b < blocks(); ++b) before_backward_.push_back(before[first_rest_[b]]);
  before_backward_.back() = std::max(before_backward_.back(), pinned_at_start);
}

void ChainCosts::make_bundles() {
  bundles_.resize(blocks() + 1);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (items_[i].read_blocks.empty()) continue;
    const std::size_t made = block_of(items_[i].made);
    for (std::size_t a = made + 1; a <= items_[i].read_blocks.back(); ++a) {
      bundles_[a].riders.push_back({i, next_read(items_[i], a), is_held(items_[i], a)});
    }
  }
  for (std::size_t a = 1; a < blocks(); ++a) {
    Bundle& bundle = bundles_[a];
    std::stable_sort(bundle.riders.begin(), bundle.riders.end(),
                     [](const Rider& x, const Rider& y) { return x.next_read < y.next_read; });
    bundle.bytes.push_back(0);
    bundle.held.push_back(0);
    for (const Rider& rider : bundle.riders) {
      const std::int64_t bytes = items_[rider.item].bytes;
      bundle.bytes.push_back(bundle.bytes.back() + bytes);
      bundle.held.push_back(bundle.held.back() + (rider.held ? bytes : 0));
      if (block_of(items_[rider.item].made) + 1 < a) bundle.long_riders.push_back(rider);
    }
  }
  bundles_[0].bytes = bundles_[0].held = {0};
}

void ChainCosts::make_keep_steps() {
  keep_forward_.resize(blocks());
  keep_held_.resize(blocks());
  for (std::size_t a = 0; a < blocks(); ++a) {
    // Held beyond the base of (a + 1, b): what this block reads or makes for its backward part and
    // no block of a + 1 .. b reads.
    std::vector<std::pair<std::size_t, std::int64_t>> held;  // (next reader, bytes)
    std::vector<std::size_t> thresholds = {a};
    std::vector<std::size_t> own = made_in_[a];
    for (const Rider& rider : bundles_[a].riders) {
      const Item& item = items_[rider.item];
      thresholds.push_back(rider.next_read);
      if (rider.next_read != a) continue;
      if (rider.held || reads_backward(item, a)) {
        held.emplace_back(next_read(item, a + 1), item.bytes);
      }
      if (!rider.held && reads_backward(item, a)) own.push_back(rider.item);
    }
    for (const std::size_t i : made_in_[a]) {
      if (reads_backward(items_[i], a))
        held.emplace_back(next_read(items_[i], a + 1), items_[i].bytes);
    }
    std::sort(held.begin(), held.end());
    std::int64_t sum = 0;
    for (const auto& [next, bytes] : held) sum += bytes;
    keep_held_[a].push_back({0, sum});
    for (const auto& [next, bytes] : held) {
      if (next != kNever) keep_held_[a].push_back({next, sum -= bytes});
    }

    for (const Rider& rider : bundles_[a].riders) {
      thresholds.push_back(next_read(items_[rider.item], a + 1));
    }
    for (const std::size_t i : made_in_[a]) thresholds.push_back(next_read(items_[i], a + 1));
    sort_distinct(thresholds);
    for (const std::size_t b : thresholds) {
      if (b != kNever) keep_forward_[a].push_back({b, keep_forward_peak(a, b)});
    }

    // The backward part: own items until their last read; held riders are added per state.
    const std::size_t begin = first_rest_[a];
    const std::size_t end = a == 0 ? tail_begin_ : first_rest_[a - 1];
    std::int64_t peak = 0;
    for (std::size_t p = begin; p < end; ++p) {
      std::int64_t live = rest_live_[p];
      for (const std::size_t i : own) {
        const auto& reads = items_[i].backward_reads;
        const auto beyond = std::lower_bound(reads.begin(), reads.end(), end);
        if (beyond != reads.begin() && *std::prev(beyond) >= p) live += items_[i].bytes;
      }
      peak = std::max(peak, live);
    }
    backward_peak_.push_back(peak);
  }
}

std::int64_t ChainCosts::keep_forward_peak(std::size_t a, std::size_t b) const {
  const std::size_t begin = first_op_[a];
  const std::size_t size = first_op_[a + 1] - begin;
  Profile profile(size);
  const auto last_read_here = [&](const Item& item) -> std::optional<std::size_t> {
    const auto& reads = item.forward_reads;
    const auto beyond = std::lower_bound(reads.begin(), reads.end(), begin + size);
    if (beyond == reads.begin() || *std::prev(beyond) < begin) return std::nullopt;
    return *std::prev(beyond) - begin;
  };
  const auto stays = [&](const Item& item) {
    return reads_backward(item, a) || next_read(item, a + 1) <= b;
  };
  for (const Rider& rider : bundles_[a].riders) {
    if (rider.next_read > b) break;
    const Item& item = items_[rider.item];
    const bool whole = rider.held || stays(item);
    profile.add(0, whole ? size - 1 : last_read_here(item).value(), item.bytes);
  }
  for (const std::size_t i : made_in_[a]) {
    const Item& item = items_[i];
    const std::size_t made = item.made - begin;
    if (stays(item)) {
      profile.add(made, size - 1, item.bytes);
    } else if (const auto last = last_read_here(item)) {
      profile.add(made, *last, item.bytes);
    } else if (!item.optional) {
      profile.add(made, made, item.bytes);
    }
  }
  const std::vector<std::int64_t> live = profile.sums();
  std::int64_t peak = 0;
  for (std::size_t k = 0; k < size; ++k) peak = std::max(peak, live[k] + workspace_[begin + k]);
  return peak;
}

// The last forward position at which a pass of a state (., b) that ends at no later block than b
// still holds the item: up to its last forward read, and up to the block whose backward part reads
// it.
std::size_t ChainCosts::last_forward_use(const Item& item, std::size_t b) const {
  std::size_t last = kNever;
  const auto beyond =
      std::lower_bound(item.forward_reads.begin(), item.forward_reads.end(), first_op_[b + 1]);
  if (beyond != item.forward_reads.begin()) last = *std::prev(beyond);
  const auto block = std::upper_bound(item.backward_blocks.begin(), item.backward_blocks.end(), b);
  if (block != item.backward_blocks.begin() && first_op_[*std::prev(block)] > item.made) {
    const std::size_t until = first_op_[*std::prev(block)] - 1;
    last = last == kNever ? until : std::max(last, until);
  }
  return last;
}

void ChainCosts::make_pass_profiles() {
  for (std::size_t b = 0; b < blocks(); ++b) {
    Profile profile(first_op_[b + 1]);
    for (const Item& item : items_) {
      if (item.made >= first_op_[b + 1]) continue;
      const std::size_t last = last_forward_use(item, b);
      if (last != kNever) {
        profile.add(item.made, last, item.bytes);
      } else if (!item.optional) {
        profile.add(item.made, item.made, item.bytes);
      }
    }
    pass_live_.push_back(profile.sums());
    for (std::size_t k = 0; k < first_op_[b + 1]; ++k) pass_live_[b][k] += workspace_[k];
  }
}

std::size_t ChainCosts::block_of(std::size_t forward_position) const {
  return static_cast<std::size_t>(
             std::upper_bound(first_op_.begin(), first_op_.end(), forward_position) -
             first_op_.begin()) -
         1;
}

std::size_t ChainCosts::next_read(const Item& item, std::size_t block) {
  const auto next = std::lower_bound(item.read_blocks.begin(), item.read_blocks.end(), block);
  return next == item.read_blocks.end() ? kNever : *next;
}

bool ChainCosts::reads_backward(const Item& item, std::size_t block) {
  return std::binary_search(item.backward_blocks.begin(), item.backward_blocks.end(), block);
}

// Whether some state around (block, b) may count on the item after that state has run: then it has
// to stay to the end. Only blocks before `block` can want it: those that read it, or the one that
// made it.
bool ChainCosts::is_held(const Item& item, std::size_t block) const {
  const std::size_t made = block_of(item.made);
  return reads_backward(item, made) || next_read(item, made + 1) < block;
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
  const std::int64_t forward = before_backward_[b] + at(keep_forward_[a], b);
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
    if (items_[rider.item].made < first_op_[a]) shared += items_[rider.item].bytes;
  }
  return base_of_a_b - shared;
}

std::int64_t ChainCosts::left_held(std::size_t a, std::size_t j, std::size_t b) const {
  const Bundle& bundle = bundles_[a];
  return bundle.held[count_up_to(bundle.riders, b)] -
         bundle.held[count_up_to(bundle.riders, j - 1)];
}

void ChainCosts::pass_peaks(std::size_t a, std::size_t b, std::vector<std::int64_t>& peaks) const {
  // The base is held all along; pass_live_ counts its items only as long as they are still read.
  std::vector<std::pair<std::size_t, std::int64_t>> added;  // (from position, bytes)
  for (const Rider& rider : bundles_[a].riders) {
    if (rider.next_read > b) break;
    const std::size_t last = last_forward_use(items_[rider.item], b);
    added.emplace_back(last == kNever ? 0 : last + 1, items_[rider.item].bytes);
  }
  std::sort(added.begin(), added.end());
  peaks.clear();
  std::int64_t peak = 0, more = 0;
  auto next = added.begin();
  for (std::size_t block = a; block < b; ++block) {
    for (std::size_t k = first_op_[block]; k < first_op_[block + 1]; ++k) {
      for (; next != added.end() && next->first <= k; ++next) more += next->second;
      peak = std::max(peak, pass_live_[b][k] + more);
    }
    peaks.push_back(before_backward_[b] + peak);
  }
}

}  // namespace rockmate::rotor
