// Fix the first run of an op t. What lives then, in every schedule:
//
//   - the sources;
//   - the storages of its inputs, or under the views that it takes;
//   - its outputs that are neither optional nor possibly in place, and the sums it adds into; of
//     several outputs that could take over one and the same input, all but the largest;
//   - the least workspace among its implementations;
//   - what cannot be made again and was made before: a sum that an ancestor of t has begun, or a
//     value made by an ancestor of t that runs once, if a descendant of t (or t, or the user, as a
//     result) still has to read it, or to add to it.
//
// a is an ancestor of t if every schedule runs a before t runs first: a makes an input of t, or
// adds to a sum just before t does, or reads a source that t updates and stands before t (it could
// not read it afterwards); and so on. Storages are counted once each, at their declared size: in
// place, a storage only ever carries something smaller than itself.
//
// Ancestors and descendants are found for 64 ops t at a time, one bit each.

#include "bounds/memory_floor.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>

#include "bounds/moment.h"

namespace rockmate {
namespace {

using Mask = std::uint64_t;
constexpr std::size_t kBits = 64;

// What cannot be made again, in a group of 64 ops.
class OnceValues {
 public:
  explicit OnceValues(const TrainingGraph& graph)
      : graph_(graph),
        before_(direct_ancestors(graph)),
        ancestor_of_(graph.ops().size()),
        descendant_of_(graph.ops().size()) {
    for (std::size_t i = 0; i < graph.values().size(); ++i) {
      const Value& value = graph[ValueId(i)];
      if (value.is_source || graph[value.storage].is_source) continue;
      if (!value.producer || !graph[*value.producer].recomputable) once_.push_back(ValueId(i));
    }
  }

  /// Calls back with each storage that must live at the first run of op begin + k, for k < kBits.
  template <class Callback>
  void for_group(std::size_t begin, const Callback& callback) {
    mark(begin);
    for (const ValueId v : once_) {
      Mask live = live_at(graph_[v]);
      for (; live != 0; live &= live - 1) {
        callback(static_cast<std::size_t>(__builtin_ctzll(live)), graph_[v].storage);
      }
    }
  }

 private:
  // Bit k of ancestor_of_[o]: o is a strict ancestor of op begin + k; descendant_of_ holds that op
  // itself, too.
  void mark(std::size_t begin) {
    const std::size_t end = std::min(begin + kBits, before_.size());
    std::fill(ancestor_of_.begin(), ancestor_of_.end(), 0);
    std::fill(descendant_of_.begin(), descendant_of_.end(), 0);
    for (std::size_t o = end; o-- > 0;) {
      const Mask own = o >= begin ? Mask{1} << (o - begin) : 0;
      for (const OpId a : before_[OpId(o)]) ancestor_of_[a] |= ancestor_of_[OpId(o)] | own;
    }
    for (std::size_t o = begin; o < before_.size(); ++o) {
      Mask& mask = descendant_of_[OpId(o)];
      if (o < end) mask |= Mask{1} << (o - begin);
      for (const OpId a : before_[OpId(o)]) mask |= descendant_of_[a];
    }
  }

  Mask live_at(const Value& value) const {
    Mask made = 0;
    Mask needed = value.is_result ? ~Mask{0} : 0;
    if (value.producer) made = ancestor_of_[*value.producer];
    for (const OpId op : value.contributors) {
      made |= ancestor_of_[op];
      needed |= descendant_of_[op];
    }
    for (const OpId op : value.readers) needed |= descendant_of_[op];
    return made & needed;
  }

  const TrainingGraph& graph_;
  Ancestors before_;
  IdVector<OpId, Mask> ancestor_of_;
  IdVector<OpId, Mask> descendant_of_;
  std::vector<ValueId> once_;
};

std::vector<ValueId> by_falling_bytes(const TrainingGraph& graph, const std::set<ValueId>& live) {
  std::vector<ValueId> values(live.begin(), live.end());
  std::stable_sort(values.begin(), values.end(),
                   [&](ValueId a, ValueId b) { return graph[a].bytes > graph[b].bytes; });
  return values;
}

Bytes sum(const TrainingGraph& graph, const std::set<ValueId>& live) {
  Bytes bytes;
  for (const ValueId v : live) bytes += graph[v].bytes;
  return bytes;
}

}  // namespace

MemoryFloor memory_floor(const TrainingGraph& graph) {
  std::set<ValueId> at_end;
  for (const ValueId v : graph.results()) {
    if (!graph[graph[v].storage].is_source) at_end.insert(graph[v].storage);
  }
  MemoryFloor floor{graph.static_bytes() + sum(graph, at_end), std::nullopt,
                    by_falling_bytes(graph, at_end)};
  OnceValues once(graph);
  for (std::size_t begin = 0; begin < graph.ops().size(); begin += kBits) {
    std::array<std::set<ValueId>, kBits> live;
    const std::size_t end = std::min(begin + kBits, graph.ops().size());
    for (std::size_t o = begin; o < end; ++o) live[o - begin] = live_during(graph, OpId(o));
    once.for_group(begin, [&](std::size_t k, ValueId storage) { live[k].insert(storage); });
    for (std::size_t o = begin; o < end; ++o) {
      const Bytes bytes =
          graph.static_bytes() + sum(graph, live[o - begin]) + least_workspace(graph[OpId(o)]);
      if (bytes <= floor.bytes) continue;
      floor = {bytes, OpId(o), by_falling_bytes(graph, live[o - begin])};
    }
  }
  return floor;
}

}  // namespace rockmate
