// A block is written down as a string of words in which every op and value has a local number; two
// blocks are equal if and only if their strings are. The string must determine everything that a
// schedule of the block can depend on, and nothing else:
//
//   op       phase, what it may do, its implementations, then its uses by role, each a value number
//   value    on first use only: where it comes from, its storage's number, how the rest of the
//            graph depends on it
//   storage  on first use only: its bytes
//
// Numbers are given by first use, in the order of the block's ops, so they do not depend on names
// or on the rest of the graph. Whether values share a storage is in the string, whether the outside
// owner of it is a view is not. A sum is described by whether others have begun it before the block
// and whether others go on after it.

#include "graph/repeats.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_map>

#include "base/check.h"

namespace rockmate {
namespace {

using Words = std::vector<std::uint64_t>;

constexpr std::uint64_t kVersion = 1;  // raise it when the meaning of the words changes

class Describer {
 public:
  Describer(const TrainingGraph& graph, const Chain& chain)
      : graph_(graph),
        block_of_(graph.ops().size(), chain.blocks.size()),
        updaters_(graph.values().size()) {
    for (std::size_t o = 0; o < graph.ops().size(); ++o) {
      for (const ValueId v : graph[OpId(o)].updates) updaters_[v].push_back(OpId(o));
    }
    for (std::size_t b = 0; b < chain.blocks.size(); ++b) {
      for (const OpId op : chain.blocks[b].forward) block_of_[op] = b;
      for (const OpId op : chain.blocks[b].backward) block_of_[op] = b;
    }
  }

  struct Description {
    Words words;
    BlockNames names;
  };

  Description describe(const Chain& chain, std::size_t b) {
    block_ = b;
    const Block& block = chain.blocks[b];
    last_op_ = block.backward.empty() ? block.forward.back() : block.backward.back();
    numbers_.clear();
    storages_.clear();
    out_ = {};
    put(kVersion);
    put(block.forward.size());
    put(block.backward.size());
    for (const OpId op : block.forward) describe_op(op);
    for (const OpId op : block.backward) describe_op(op);
    return std::move(out_);
  }

 private:
  void put(std::uint64_t word) { out_.words.push_back(word); }
  void put_bytes(Bytes bytes) { put(static_cast<std::uint64_t>(bytes.count())); }

  void describe_op(OpId id) {
    const Op& op = graph_[id];
    out_.names.ops.push_back(id);
    put(static_cast<std::uint64_t>(op.phase));
    put(op.recomputable ? 1 : 0);
    put(op.implementations.size());
    for (const Implementation& implementation : op.implementations) {
      put(std::bit_cast<std::uint64_t>(implementation.seconds.count() + 0.0));  // no -0.0
      put_bytes(implementation.workspace);
      const auto same_bits = [&](const Implementation& i) { return i.bits == implementation.bits; };
      put(static_cast<std::uint64_t>(
          std::find_if(op.implementations.begin(), op.implementations.end(), same_bits) -
          op.implementations.begin()));
    }
    put_uses(op.inputs);
    put_uses(op.needs);
    put_uses(op.outputs);
    put_uses(op.optional);
    put_uses(op.accumulates);
    put_uses(op.updates);
    put(op.in_place.size());
    for (const InPlace& pair : op.in_place) {
      put_use(pair.output);
      put_use(pair.input);
      put(graph_[graph_[pair.input].storage].is_source ? 1 : 0);  // which nothing can take over
    }
  }

  void put_uses(const std::vector<ValueId>& values) {
    put(values.size());
    for (const ValueId v : values) put_use(v);
  }

  void put_use(ValueId v) {
    const auto [it, is_new] = numbers_.emplace(v, numbers_.size());
    put(it->second);
    if (!is_new) return;
    out_.names.values.push_back(v);
    describe_value(v);
  }

  void describe_value(ValueId v) {
    const Value& value = graph_[v];
    const bool is_local = value.producer && is_inside(*value.producer);
    put(is_local ? 1 : 0);
    put(is_parameter(v) ? 1 : 0);
    put(is_updated_before_the_end(v) ? 1 : 0);
    if (is_local) {
      put(value.viewed ? 1 : 0);
      put(static_cast<std::uint64_t>(value.kind));
    }
    const bool is_sum_here = std::any_of(value.contributors.begin(), value.contributors.end(),
                                         [&](OpId op) { return is_inside(op); });
    put(is_sum_here ? 1 : 0);
    if (is_sum_here) {
      put(is_inside(value.contributors.front()) ? 1 : 0);
      put(is_inside(value.contributors.back()) ? 1 : 0);
    }
    if (is_local || is_sum_here) describe_interface(value);
    const auto [it, is_new] = storages_.emplace(value.storage, storages_.size());
    put(it->second);
    if (is_new) put_bytes(graph_[value.storage].bytes);
  }

  // How the rest of the graph depends on what the block makes: what stays after it, and what the
  // blocks between its forward and its backward part read.
  void describe_interface(const Value& value) {
    const bool is_read_outside = std::any_of(value.readers.begin(), value.readers.end(),
                                             [&](OpId op) { return !is_inside(op); });
    put(is_read_outside ? 1 : 0);
    put(value.is_result ? 1 : 0);
  }

  // A source that training changes or that belongs to the model; a data input is like any value
  // that comes from another block.
  bool is_parameter(ValueId v) const {
    const Value& root = graph_[graph_[v].storage];
    return root.is_source && root.kind != ValueKind::kInput && root.kind != ValueKind::kActivation;
  }

  // By others: no op of the block that stands before such an update can run again after it.
  bool is_updated_before_the_end(ValueId v) const {
    const std::vector<OpId>& updaters = updaters_[graph_[v].storage];
    return std::any_of(updaters.begin(), updaters.end(),
                       [&](OpId op) { return !is_inside(op) && op < last_op_; });
  }

  bool is_inside(OpId op) const { return block_of_[op] == block_; }

  const TrainingGraph& graph_;
  IdVector<OpId, std::size_t> block_of_;
  IdVector<ValueId, std::vector<OpId>> updaters_;
  std::size_t block_ = 0;
  OpId last_op_;  // of the block
  std::unordered_map<ValueId, std::size_t> numbers_;
  std::unordered_map<ValueId, std::size_t> storages_;
  Description out_;
};

// The finalizer of MurmurHash3: every bit of the word reaches every bit of the result.
std::uint64_t mix(std::uint64_t word) {
  word = (word ^ (word >> 33)) * 0xff51afd7ed558ccdULL;
  word = (word ^ (word >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return word ^ (word >> 33);
}

BlockHash hash_words(const Words& words) {
  BlockHash hash{0x243f6a8885a308d3ULL, 0x13198a2e03707344ULL};  // digits of pi
  for (const std::uint64_t word : words) {
    hash.high = mix(hash.high ^ word) + hash.low;
    hash.low = mix(hash.low + word * 0x9e3779b97f4a7c15ULL);
  }
  return hash;
}

}  // namespace

std::string to_string(BlockHash hash) { return fmt::format("{:016x}{:016x}", hash.high, hash.low); }

BlockHash hash_of(const TrainingGraph& graph) {
  Block all{forward_part(graph), {}};
  for (std::size_t o = all.forward.size(); o < graph.ops().size(); ++o) {
    all.backward.emplace_back(o);
  }
  if (graph.ops().size() == 0) return hash_words({});
  const Chain chain{{std::move(all)}, {}};
  return hash_words(Describer(graph, chain).describe(chain, 0).words);
}

Repeats find_repeats(const TrainingGraph& graph, const Chain& chain) {
  Repeats repeats;
  Describer describer(graph, chain);
  std::map<Words, std::size_t> known;
  for (std::size_t b = 0; b < chain.blocks.size(); ++b) {
    Describer::Description description = describer.describe(chain, b);
    const auto [it, is_new] = known.emplace(std::move(description.words), known.size());
    if (is_new) {
      repeats.representative.push_back(b);
      repeats.hash.push_back(hash_words(it->first));
    }
    repeats.class_of.push_back(it->second);
    repeats.names.push_back(std::move(description.names));
  }
  return repeats;
}

}  // namespace rockmate
