// A dynamic program from the last stage to the first, so that a stage knows how many follow it, on
// which it depends how many micro-batches it holds; one solve serves all numbers of stages. A state
// is (the first block that is placed, the devices in use); it keeps the undominated pairs (sum of t
// + transfers, largest t), because the objective sum + (m - 1) max is monotone in both but its two
// parts pull apart. Where a state has more than kKept of them, those with the best objective so far
// and the smallest maximum stay.
//
// "Devices in use" is a number: the multiset of kinds; or, where their order is given, the number
// of stages and the earliest device; or, going round, the number of stages.

#include "pipeline/partition.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace rockmate {
namespace {

constexpr std::size_t kKept = 16;
constexpr std::size_t kMostSets = 4096;

struct Label {
  double sum = 0, max = 0;
  std::uint32_t previous_state = 0;
  std::uint16_t previous_label = 0, device = 0;
};
// Rising by max, falling by sum.
using Labels = std::vector<Label>;

std::vector<std::size_t> count_kinds(const std::vector<std::size_t>& kinds) {
  std::vector<std::size_t> counts;
  for (const std::size_t kind : kinds) {
    if (kind >= counts.size()) counts.resize(kind + 1);
    ++counts[kind];
  }
  return counts;
}

class Search {
 public:
  explicit Search(const PartitionProblem& problem)
      : problem_(problem), devices_(problem.kinds.size()), counts_(count_kinds(problem.kinds)) {
    first_of_.resize(counts_.size());
    for (std::size_t d = devices_; d-- > 0;) first_of_[problem.kinds[d]] = d;
    const std::size_t layers = problem.most_stages + 1;
    switch (problem.order) {
      case DeviceOrder::kAny:
        for (const std::size_t count : counts_) sets_ *= count + 1;
        break;
      case DeviceOrder::kGiven:
        sets_ = layers * (devices_ + 1);
        break;
      case DeviceOrder::kRound:
        sets_ = layers;
    }
    states_.resize((problem.blocks + 1) * sets_);
    seconds_.resize(problem.most_stages * counts_.size() * problem.blocks);
  }

  std::vector<Partition> run(std::size_t most) {
    const std::size_t start = problem_.order == DeviceOrder::kGiven ? devices_ : 0;
    states_[problem_.blocks * sets_ + start] = {Label{}};
    for (std::size_t set = 0; set < sets_; ++set) {
      const std::size_t stages = stages_of(set);
      if (stages >= problem_.most_stages) continue;
      for (std::size_t end = 1; end <= problem_.blocks; ++end) {
        if (!states_[end * sets_ + set].empty()) extend(stages, end, set);
      }
    }
    std::vector<std::vector<Partition>> found(problem_.most_stages + 1);
    for (std::size_t set = 0; set < sets_; ++set) {
      const std::size_t stages = stages_of(set);
      if (stages < problem_.least_stages || stages > problem_.most_stages) continue;
      for (const Label& label : states_[set]) found[stages].push_back(trace_back(label));
    }
    std::vector<Partition> all;
    for (auto& of_number : found) {
      std::stable_sort(of_number.begin(), of_number.end(),
                       [](const auto& x, const auto& y) { return x.estimate < y.estimate; });
      if (of_number.size() > most) of_number.resize(most);
      std::move(of_number.begin(), of_number.end(), std::back_inserter(all));
    }
    return all;
  }

 private:
  [[nodiscard]] double objective(const Label& label) const {
    return label.sum + static_cast<double>(problem_.micro_batches - 1) * label.max;
  }

  [[nodiscard]] std::size_t stages_of(std::size_t set) const {
    if (problem_.order == DeviceOrder::kGiven) return set / (devices_ + 1);
    if (problem_.order == DeviceOrder::kRound) return set;
    std::size_t stages = 0;
    for (const std::size_t count : counts_) {
      stages += set % (count + 1);
      set /= count + 1;
    }
    return stages;
  }

  // Calls with (a device that the next stage may be on, the set with it in use).
  template <class Visit>
  void for_each_device(std::size_t stages, std::size_t set, Visit visit) const {
    if (problem_.order == DeviceOrder::kRound) {
      visit((problem_.most_stages - 1 - stages) % devices_, set + 1);
      return;
    }
    if (problem_.order == DeviceOrder::kGiven) {
      const std::size_t base = (stages + 1) * (devices_ + 1);
      for (std::size_t d = 0; d < set % (devices_ + 1); ++d) visit(d, base + d);
      return;
    }
    std::size_t step = 1;
    for (std::size_t kind = 0; kind < counts_.size(); ++kind) {
      if (set / step % (counts_[kind] + 1) < counts_[kind]) {
        visit(first_of_[kind], set + step);
      }
      step *= counts_[kind] + 1;
    }
  }

  // By first block, of the stages that end before `end`; infinite: it does not fit.
  const std::vector<double>& seconds(std::size_t after, std::size_t end, std::size_t device) {
    const std::size_t row = after * counts_.size() + problem_.kinds[device];
    std::vector<double>& known = seconds_[row * problem_.blocks + end - 1];
    for (std::size_t first = known.size(); first < end; ++first) {
      const auto asked =
          problem_.seconds(after, {first, end - 1}, first_of_[problem_.kinds[device]]);
      known.push_back(asked ? asked->count() : std::numeric_limits<double>::infinity());
    }
    return known;
  }

  void extend(std::size_t stages, std::size_t end, std::size_t set) {
    const std::size_t state = end * sets_ + set;
    const double transfer = end < problem_.blocks ? problem_.transfer(end).count() : 0;
    for_each_device(stages, set, [&](std::size_t device, std::size_t next) {
      const std::vector<double>& by_first = seconds(stages, end, device);
      const Labels& labels = states_[state];
      for (std::size_t first = end; first-- > 0;) {
        const double stage = by_first[first];
        if (std::isinf(stage)) continue;
        for (std::size_t i = 0; i < labels.size(); ++i) {
          insert({labels[i].sum + stage + transfer, std::max(labels[i].max, stage),
                  static_cast<std::uint32_t>(state), static_cast<std::uint16_t>(i),
                  static_cast<std::uint16_t>(device)},
                 states_[first * sets_ + next]);
        }
      }
    });
  }

  void insert(const Label& label, Labels& labels) const {
    auto at = std::upper_bound(labels.begin(), labels.end(), label.max,
                               [](double max, const Label& x) { return max < x.max; });
    if (at != labels.begin() && std::prev(at)->sum <= label.sum) return;
    if (at != labels.begin() && std::prev(at)->max == label.max) --at;
    const auto beaten =
        std::find_if(at, labels.end(), [&](const Label& x) { return x.sum < label.sum; });
    at = labels.insert(labels.erase(at, beaten), label);
    if (labels.size() <= kKept) return;
    labels.erase(std::max_element(
        labels.begin() + 1, labels.end(),
        [this](const Label& x, const Label& y) { return objective(x) < objective(y); }));
  }

  [[nodiscard]] Partition trace_back(Label label) const {
    Partition partition;
    partition.estimate = Seconds(objective(label));
    std::vector<bool> used(devices_);
    for (std::size_t first = 0; first < problem_.blocks;) {
      const std::size_t end = label.previous_state / sets_;
      std::size_t device = label.device;
      // Devices of a kind in their order.
      while (problem_.order == DeviceOrder::kAny &&
             (used[device] || problem_.kinds[device] != problem_.kinds[label.device])) {
        ++device;
      }
      used[device] = true;
      partition.stages.push_back({{first, end - 1}, device});
      label = states_[label.previous_state][label.previous_label];
      first = end;
    }
    return partition;
  }

  const PartitionProblem& problem_;
  std::size_t devices_;
  std::vector<std::size_t> counts_;    // by kind
  std::vector<std::size_t> first_of_;  // by kind: its first device
  std::size_t sets_ = 1;
  std::vector<Labels> states_;                // [first placed block][set]
  std::vector<std::vector<double>> seconds_;  // [stages after it][kind][last][first]
};

}  // namespace

bool has_too_many_sets(const std::vector<std::size_t>& kinds) {
  std::size_t sets = 1;
  for (const std::size_t count : count_kinds(kinds)) {
    sets *= count + 1;
    if (sets > kMostSets) return true;
  }
  return false;
}

std::vector<Partition> best_partitions(const PartitionProblem& problem, std::size_t most) {
  ROCKMATE_CHECK(problem.least_stages > 0 && problem.most_stages >= problem.least_stages);
  ROCKMATE_CHECK(problem.micro_batches > 0 && !problem.kinds.empty());
  ROCKMATE_CHECK(problem.order != DeviceOrder::kAny || !has_too_many_sets(problem.kinds));
  ROCKMATE_CHECK(problem.order != DeviceOrder::kRound ||
                 problem.least_stages == problem.most_stages);
  if (problem.blocks < problem.least_stages) return {};
  return Search(problem).run(most);
}

}  // namespace rockmate
