// A dynamic program from the first stage to the last. A state is (the next block, the multiset of
// device kinds in use); it keeps the undominated pairs (sum of t + transfers, largest t), because
// the objective sum + (m - 1) max is monotone in both but its two parts pull apart. Where a state
// has more than kKept of them, those with the best objective so far and the smallest maximum stay.

#include "pipeline/partition.h"

#include <algorithm>
#include <map>

#include "base/check.h"

namespace rockmate {
namespace {

constexpr std::size_t kKept = 16;
constexpr std::size_t kMostSets = 4096;

struct Label {
  double sum = 0, max = 0;
  StageRange range;
  std::size_t kind = 0;  // of the last stage's device
  std::size_t previous_state = 0, previous_label = 0;
};

class Search {
 public:
  explicit Search(const PartitionProblem& problem) : problem_(problem) {
    for (const std::size_t kind : problem.kinds) {
      if (kind >= counts_.size()) counts_.resize(kind + 1);
      ++counts_[kind];
    }
    sets_ = 1;
    for (const std::size_t count : counts_) {
      if (sets_ > kMostSets) break;
      sets_ *= count + 1;
    }
    keeps_order_ = problem.fixed_order || sets_ > kMostSets;
    if (keeps_order_) sets_ = 1;
  }

  std::vector<Partition> run(std::size_t most) {
    const std::size_t states = (problem_.blocks + 1) * sets_;
    layers_.assign(problem_.stages + 1, std::vector<std::vector<Label>>(states));
    layers_[0][0] = {Label{}};
    for (std::size_t s = 0; s < problem_.stages; ++s) {
      for (std::size_t state = 0; state < states; ++state) {
        if (!layers_[s][state].empty()) extend(s, state);
      }
      for (auto& labels : layers_[s + 1]) prune(labels);
    }
    std::vector<Partition> found;
    for (std::size_t set = 0; set < sets_; ++set) {
      const std::size_t state = problem_.blocks * sets_ + set;
      for (std::size_t i = 0; i < layers_.back()[state].size(); ++i) {
        found.push_back(trace_back(state, i));
      }
    }
    std::stable_sort(found.begin(), found.end(), [](const Partition& x, const Partition& y) {
      return x.estimate < y.estimate;
    });
    if (found.size() > most) found.resize(most);
    return found;
  }

 private:
  [[nodiscard]] double objective(const Label& label) const {
    return label.sum + static_cast<double>(problem_.micro_batches - 1) * label.max;
  }

  // Calls with (kind, a device of that kind, the set with it in use).
  template <class Visit>
  void for_each_kind(std::size_t s, std::size_t set, Visit visit) const {
    if (keeps_order_) {
      const std::size_t device = s % problem_.kinds.size();
      visit(problem_.kinds[device], device, set);
      return;
    }
    std::size_t step = 1;
    for (std::size_t kind = 0; kind < counts_.size(); ++kind) {
      if (set / step % (counts_[kind] + 1) < counts_[kind]) {
        const auto device = std::find(problem_.kinds.begin(), problem_.kinds.end(), kind);
        visit(kind, static_cast<std::size_t>(device - problem_.kinds.begin()), set + step);
      }
      step *= counts_[kind] + 1;
    }
  }

  void extend(std::size_t s, std::size_t state) {
    const std::size_t first = state / sets_;
    const std::size_t left = problem_.stages - s - 1;  // stages after this one, a block each
    for_each_kind(s, state % sets_, [&](std::size_t kind, std::size_t device, std::size_t set) {
      // The last stage takes what is left.
      const std::size_t nearest = left == 0 ? problem_.blocks - 1 : first;
      for (std::size_t last = nearest; last + left < problem_.blocks; ++last) {
        const StageRange range = {first, last};
        const auto seconds = problem_.seconds(s, range, device);
        if (!seconds) continue;
        const double transfer = first > 0 ? problem_.transfer(first).count() : 0;
        auto& next = layers_[s + 1][(last + 1) * sets_ + set];
        const auto& labels = layers_[s][state];
        for (std::size_t i = 0; i < labels.size(); ++i) {
          next.push_back({labels[i].sum + seconds->count() + transfer,
                          std::max(labels[i].max, seconds->count()), range, kind, state, i});
        }
      }
    });
  }

  void prune(std::vector<Label>& labels) const {
    std::sort(labels.begin(), labels.end(), [](const Label& x, const Label& y) {
      return x.max != y.max ? x.max < y.max : x.sum < y.sum;
    });
    std::vector<Label> kept;
    for (const Label& label : labels) {
      if (kept.empty() || label.sum < kept.back().sum) kept.push_back(label);
    }
    if (kept.size() > kKept) {
      std::stable_sort(kept.begin() + 1, kept.end(), [this](const Label& x, const Label& y) {
        return objective(x) < objective(y);
      });
      kept.resize(kKept);
    }
    labels = std::move(kept);
  }

  [[nodiscard]] Partition trace_back(std::size_t state, std::size_t i) const {
    Partition partition;
    partition.estimate = Seconds(objective(layers_.back()[state][i]));
    std::vector<std::size_t> kinds;
    for (std::size_t s = problem_.stages; s > 0; --s) {
      const Label& label = layers_[s][state][i];
      partition.stages.insert(partition.stages.begin(), PlacedStage{label.range, 0});
      kinds.insert(kinds.begin(), label.kind);
      state = label.previous_state;
      i = label.previous_label;
    }
    // Devices of a kind in their order.
    std::vector<bool> used(problem_.kinds.size());
    for (std::size_t s = 0; s < problem_.stages; ++s) {
      std::size_t device = s % problem_.kinds.size();
      if (!keeps_order_) {
        device = 0;
        while (used[device] || problem_.kinds[device] != kinds[s]) ++device;
        used[device] = true;
      }
      partition.stages[s].device = device;
    }
    return partition;
  }

  const PartitionProblem& problem_;
  std::vector<std::size_t> counts_;  // by kind
  std::size_t sets_ = 1;
  bool keeps_order_ = false;
  std::vector<std::vector<std::vector<Label>>> layers_;  // by stages done, state
};

}  // namespace

std::vector<Partition> best_partitions(const PartitionProblem& problem, std::size_t most) {
  ROCKMATE_CHECK(problem.stages > 0 && problem.micro_batches > 0 && !problem.kinds.empty());
  if (problem.blocks < problem.stages) return {};
  return Search(problem).run(most);
}

}  // namespace rockmate
