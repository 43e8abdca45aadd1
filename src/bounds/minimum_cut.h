// Minimum cuts of one network under many capacities: nodes 0 (the source) and 1 (the sink) and as
// many others as are asked for. Capacities are whole numbers, so the flow is exact.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace rockmate {

class MinimumCut {
 public:
  static constexpr std::size_t kSource = 0;
  static constexpr std::size_t kSink = 1;
  /// Of an arc that no cut may use; all others must add up to less.
  static constexpr std::int64_t kUncuttable = std::int64_t{1} << 61;

  struct Arc {
    std::size_t from;
    std::size_t to;
    std::int64_t capacity = 0;
  };

  MinimumCut(std::size_t nodes, std::vector<Arc> arcs);
  ~MinimumCut();

  /// By the arc's index in the constructor's list.
  void set_capacity(std::size_t arc, std::int64_t capacity) { arcs_[arc].capacity = capacity; }
  /// The capacity of a minimum cut; of several, the one with the fewest nodes beside the source.
  [[nodiscard]] std::int64_t solve();
  [[nodiscard]] bool is_cut(std::size_t arc) const {
    return is_with_source_[arcs_[arc].from] && !is_with_source_[arcs_[arc].to];
  }
  [[nodiscard]] bool is_with_source(std::size_t node) const { return is_with_source_[node]; }

 private:
  struct Network;
  std::vector<Arc> arcs_;
  std::unique_ptr<Network> network_;
  std::vector<bool> is_with_source_;
};

}  // namespace rockmate
