#include "graph/interval_repeats.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "graph/chain.h"

namespace rockmate {
namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 29);
}

std::uint64_t mix_op(const TrainingGraph& graph, const Op& op, std::uint64_t hash) {
  for (const Implementation& way : op.implementations) {
    hash = mix(hash, std::bit_cast<std::uint64_t>(way.seconds.count() + 0.0));  // no -0.0
    hash = mix(hash, static_cast<std::uint64_t>(way.workspace.count()));
  }
  for (const ValueId v : op.outputs) {
    hash = mix(hash, static_cast<std::uint64_t>(graph[v].bytes.count()));
  }
  return mix(hash, static_cast<std::uint64_t>(op.phase) * 2 + (op.recomputable ? 1 : 0));
}

// What each forward op is by itself, together with the backward ops that belong to it.
std::vector<std::uint64_t> op_tokens(const TrainingGraph& graph, std::size_t size) {
  std::vector<std::uint64_t> tokens(size);
  for (std::size_t k = 0; k < size; ++k) tokens[k] = mix_op(graph, graph[OpId(k)], 1);
  const std::vector<std::size_t> reach = backward_reach(graph);
  for (std::size_t k = 0; k < reach.size(); ++k) {
    if (reach[k] == 0) continue;
    std::uint64_t& token = tokens[reach[k] - 1];
    token = mix_op(graph, graph[OpId(size + k)], mix(token, 2));
  }
  return tokens;
}

// The inputs as the ops of one interval see them.
class InputPlaces {
 public:
  InputPlaces(const TrainingGraph& graph, std::size_t begin) : graph_(graph), begin_(begin) {}

  std::uint64_t of(ValueId v, std::size_t reader) {
    const Value& value = graph_[v];
    if (value.producer && value.producer->index() >= begin_) {
      const std::vector<ValueId>& outputs = graph_[*value.producer].outputs;
      const auto nth = std::find(outputs.begin(), outputs.end(), v) - outputs.begin();
      return mix(reader - value.producer->index(), static_cast<std::uint64_t>(nth));
    }
    const auto known = std::find(outside_.begin(), outside_.end(), v);
    const auto number = static_cast<std::uint64_t>(known - outside_.begin());
    if (known == outside_.end()) outside_.push_back(v);
    return mix(~number, static_cast<std::uint64_t>(graph_.storage_bytes(v).count()));
  }

 private:
  const TrainingGraph& graph_;
  std::size_t begin_;
  std::vector<ValueId> outside_;  // by first use
};

}  // namespace

IntervalHashes hash_op_intervals(const TrainingGraph& graph, std::size_t size, std::size_t window) {
  const std::vector<std::uint64_t> tokens = op_tokens(graph, size);
  IntervalHashes hashes(size, window);
  for (std::size_t begin = 0; begin < size; ++begin) {
    InputPlaces places(graph, begin);
    std::uint64_t hash = 0;
    for (std::size_t k = begin; k < std::min(begin + window, size); ++k) {
      hash = mix(hash, tokens[k]);
      for (const ValueId v : graph[OpId(k)].needs) hash = mix(hash, places.of(v, k));
      hashes(begin, k + 1) = hash;
    }
  }
  return hashes;
}

IntervalHashes hash_block_intervals(const IntervalHashes& ops,
                                    const std::vector<std::size_t>& stops, std::size_t window) {
  const std::size_t blocks = stops.size() - 1;
  IntervalHashes hashes(blocks, window);
  for (std::size_t begin = 0; begin < blocks; ++begin) {
    std::uint64_t hash = 0;
    for (std::size_t k = begin; k < std::min(begin + window, blocks); ++k) {
      hash = mix(hash, ops(stops[k], stops[k + 1]));
      hashes(begin, k + 1) = hash;
    }
  }
  return hashes;
}

IntervalClasses::IntervalClasses(const IntervalHashes& hashes)
    : window_(hashes.window()), classes_(hashes.units() * hashes.window()) {
  const std::size_t units = hashes.units();
  std::vector<std::size_t> free_from;  // by class: where its next disjoint place may begin
  std::unordered_map<std::uint64_t, std::uint32_t> known;
  known.reserve(units);
  for (std::size_t length = 1; length <= std::min(window_, units); ++length) {
    known.clear();
    for (std::size_t begin = 0; begin + length <= units; ++begin) {
      const auto next = static_cast<std::uint32_t>(counts_.size());
      const auto [it, is_new] = known.emplace(hashes(begin, begin + length), next);
      if (is_new) {
        counts_.push_back(0);
        free_from.push_back(0);
      }
      classes_[begin * window_ + length - 1] = it->second;
      if (begin < free_from[it->second]) continue;
      free_from[it->second] = begin + length;
      ++counts_[it->second];
    }
  }
}

}  // namespace rockmate
