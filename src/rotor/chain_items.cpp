#include "rotor/chain_items.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "rotor/profile.h"

namespace rockmate::rotor {

ChainItems::ChainItems(const TrainingGraph& graph, const Chain& chain)
    : again_(graph.ops().size()),
      forward_made_(graph.values().size()),
      pinned_(graph.values().size()),
      item_of_(graph.values().size(), kNever) {
  ROCKMATE_CHECK(!chain.blocks.empty());
  index_ops(graph, chain);
  find_run_once(graph);
  sum_seconds(graph);
  find_pinned(graph);
  make_items(graph);
  profile_rest(graph);
}

void ChainItems::index_ops(const TrainingGraph& graph, const Chain& chain) {
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
void ChainItems::find_run_once(const TrainingGraph& graph) {
  for (const OpId op : forward_) again_[op] = graph[op].recomputable;
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
}

// Rounded to what makes every sum and difference of passes exact, so that equal blocks take equally
// long wherever they are: by less than the rounding of the sums otherwise.
void ChainItems::sum_seconds(const TrainingGraph& graph) {
  double all = 0;
  for (const OpId op : forward_) all += graph[op].seconds().count();
  constexpr int kBits = 50;  // of a sum; three more make room for rounding up
  const double least = std::numeric_limits<double>::denorm_min();
  const double unit = all > 0 ? std::max(least, std::exp2(std::ilogb(all) - kBits)) : 1;
  double seconds = 0;
  seconds_before_.push_back(0);
  std::size_t block = 0;
  for (std::size_t k = 0; k < forward_.size(); ++k) {
    const Op& op = graph[forward_[k]];
    if (again_[forward_[k]] != 0) {
      seconds += std::nearbyint(op.seconds().count() / unit) * unit;
    } else {
      fixed_seconds_ += op.seconds().count();
    }
    if (k + 1 == first_op_[block + 1]) {
      seconds_before_.push_back(seconds);
      ++block;
    }
  }
  for (std::size_t r = 0; r < rest_size_; ++r) {
    fixed_seconds_ += graph[OpId(forward_.size() + r)].seconds().count();
  }
}

// Pinned are results, what runs once makes, sums, and forward storages of which the rest takes a
// view (the view cannot be taken again).
void ChainItems::find_pinned(const TrainingGraph& graph) {
  const auto in_forward = [&](OpId op) { return op.index() < forward_.size(); };
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    const Value& owner = graph[value.storage];
    if (owner.is_source) continue;
    const bool made_forward =
        owner.producer ? in_forward(*owner.producer) : in_forward(owner.contributors.front());
    if (!made_forward) continue;
    forward_made_[value.storage] = true;
    const bool is_sum = !owner.contributors.empty();
    const bool once = value.producer && (!in_forward(*value.producer) || !again_[*value.producer]);
    if (value.is_result || is_sum || once) pinned_[value.storage] = true;
  }
}

void ChainItems::make_items(const TrainingGraph& graph) {
  made_in_.resize(blocks());
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const ValueId v(i);
    if (!forward_made_[v] || pinned_[v]) continue;
    Item item;
    item.bytes = graph[v].bytes.count();
    item.made = graph[v].producer->index();
    item.optional = graph[*graph[v].producer].is_optional(v);
    item_of_[v] = items_.size();
    made_in_[block_of(item.made)].push_back(items_.size());
    items_.push_back(std::move(item));
  }
  for (const Value& value : graph.values()) {
    if (item_of_[value.storage] == kNever) continue;
    Item& item = items_[item_of_[value.storage]];
    for (const OpId reader : value.readers) {
      if (reader.index() < forward_.size()) {
        item.forward_reads.push_back(reader.index());
      } else {
        item.backward_reads.push_back(reader.index() - forward_.size());
      }
    }
  }
  for (Item& item : items_) find_read_blocks(item);
}

void ChainItems::find_read_blocks(Item& item) const {
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

// By storage: the first and the last op that has to do with it. A pinned storage is wanted, or made
// once more, whenever its op runs again. A result lives beyond the last op.
ChainItems::Lifetimes ChainItems::find_lifetimes(const TrainingGraph& graph) const {
  Lifetimes lifetimes{IdVector<ValueId, std::size_t>(graph.values().size(), kNever),
                      IdVector<ValueId, std::size_t>(graph.values().size())};
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    const ValueId owner = value.storage;
    if (graph[owner].is_source) continue;
    const auto touch = [&](std::size_t position) {
      lifetimes.first[owner] = std::min(lifetimes.first[owner], position);
      lifetimes.last[owner] = std::max(lifetimes.last[owner], position);
    };
    const bool unused = value.producer && value.readers.empty() && !value.is_result &&
                        graph[*value.producer].is_optional(ValueId(i));
    if (unused && !value.viewed && !pinned_[owner]) continue;
    std::vector<OpId> users = value.readers;
    users.insert(users.end(), value.contributors.begin(), value.contributors.end());
    if (value.producer) users.push_back(*value.producer);
    for (const OpId op : users) {
      touch(op.index());
      if (pinned_[owner] && op.index() < forward_.size() && again_[op]) {
        touch(forward_.size() + first_rest_[block_of(op.index())]);
      }
    }
    if (value.is_result) touch(graph.ops().size());
  }
  return lifetimes;
}

// Gradients and pinned storages: their lifetimes are the same in every plan of the recursion.
void ChainItems::profile_rest(const TrainingGraph& graph) {
  auto [first, last] = find_lifetimes(graph);
  Profile profile(rest_size_ + 1);  // [p]: while op p of the rest runs
  std::int64_t pinned_at_start = 0;
  Profile between(rest_size_ + 1);  // [p]: just before it
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
  rest_between_ = between.sums();
  for (std::size_t p = 0; p < rest_size_; ++p) {
    rest_live_[p] += graph[OpId(forward_.size() + p)].workspace().count();
    if (p >= tail_begin_) tail_peak_ = std::max(tail_peak_, rest_live_[p]);
  }
  for (std::size_t b = 0; b < blocks(); ++b) {
    before_backward_.push_back(rest_between_[first_rest_[b]]);
  }
  pinned_until_ = std::move(last);
  before_backward_.back() = std::max(before_backward_.back(), pinned_at_start);
}

std::size_t ChainItems::block_of(std::size_t forward_position) const {
  return static_cast<std::size_t>(
             std::upper_bound(first_op_.begin(), first_op_.end(), forward_position) -
             first_op_.begin()) -
         1;
}

std::size_t ChainItems::next_read(const Item& item, std::size_t block) {
  const auto next = std::lower_bound(item.read_blocks.begin(), item.read_blocks.end(), block);
  return next == item.read_blocks.end() ? kNever : *next;
}

bool ChainItems::reads_backward(const Item& item, std::size_t block) {
  return std::binary_search(item.backward_blocks.begin(), item.backward_blocks.end(), block);
}

// Only blocks before `block` can want it: those that read it, or the one that made it.
bool ChainItems::is_held(const Item& item, std::size_t block) const {
  const std::size_t made = block_of(item.made);
  return reads_backward(item, made) || next_read(item, made + 1) < block;
}

std::size_t ChainItems::last_forward_use(const Item& item, std::size_t b) const {
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

}  // namespace rockmate::rotor
