#include "graph/bundles.h"

#include <algorithm>

#include "graph/chain.h"

namespace rockmate {
namespace {

class RideFinder {
 public:
  explicit RideFinder(const TrainingGraph& graph)
      : graph_(graph), size_(forward_part(graph).size()), reach_(backward_reach(graph)) {}

  // By storage; one with last < first crosses no boundary, one with first == 0 is no ride.
  std::vector<Ride> find() const {
    std::vector<Ride> rides(graph_.values().size());
    for (std::size_t i = 0; i < rides.size(); ++i) {
      const Value& value = graph_[ValueId(i)];
      if (value.is_source) continue;
      const OpId maker = value.producer ? *value.producer : value.contributors.front();
      if (maker.index() >= size_) continue;
      Ride& ride = rides[value.storage.index()];
      if (value.storage == ValueId(i)) {
        ride.storage = ValueId(i);
        ride.first = maker.index() + 1;
      }
      ride.last = std::max(ride.last, last_boundary(value));
    }
    return rides;
  }

 private:
  // The last boundary at which this value has to be held, 0 if there is none.
  std::size_t last_boundary(const Value& value) const {
    const bool runs_once = !value.producer || !graph_[*value.producer].recomputable;
    const std::size_t end = size_ - 1;
    std::size_t last = runs_once && value.is_result ? end : 0;
    for (const OpId reader : value.readers) {
      if (reader.index() < size_) {
        last = std::max(last, reader.index());
      } else if (runs_once) {
        last = end;
      } else if (const std::size_t reach = reach_[reader.index() - size_]; reach > 0) {
        last = std::max(last, reach - 1);
      }
    }
    if (!value.contributors.empty()) {  // a begun sum may not be dropped
      last = std::max(last, std::min(value.contributors.back().index(), end));
    }
    return last;
  }

  const TrainingGraph& graph_;
  std::size_t size_;
  std::vector<std::size_t> reach_;
};

}  // namespace

Bundles::Bundles(const TrainingGraph& graph) : forward_size_(forward_part(graph).size()) {
  bytes_.resize(forward_size_ + 1);
  count_.resize(forward_size_ + 1);
  std::vector<Bytes> ending(forward_size_ + 1);  // by last boundary
  std::vector<std::size_t> endings(forward_size_ + 1);
  for (const Ride& ride : RideFinder(graph).find()) {
    if (ride.first == 0 || ride.last < ride.first) continue;
    bytes_[ride.first] += graph[ride.storage].bytes;
    ++count_[ride.first];
    ending[ride.last] += graph[ride.storage].bytes;
    ++endings[ride.last];
    rides_.push_back(ride);
  }
  for (std::size_t i = 1; i < forward_size_; ++i) {
    bytes_[i] += bytes_[i - 1] - ending[i - 1];
    count_[i] += count_[i - 1] - endings[i - 1];
  }
  std::stable_sort(rides_.begin(), rides_.end(),
                   [](const Ride& a, const Ride& b) { return a.first < b.first; });
}

std::vector<ValueId> Bundles::members(std::size_t boundary) const {
  std::vector<ValueId> storages;
  for (const Ride& ride : rides_) {
    if (ride.first > boundary) break;
    if (ride.last >= boundary) storages.push_back(ride.storage);
  }
  return storages;
}

}  // namespace rockmate
