// Lower bounds on the makespan. All work has to be done by all devices together, and one
// micro-batch passes every block, one after the other: with everything kept,
//
//   m W / sum of speeds,   W / the greatest speed.
//
// Where a device has one interval of blocks there is a better one. The device of stage s does m t_s
// of work, not before the first micro-batch has come through the stages in front of it (head), and
// what it did last has to go back through them (tail): sum over r < s of t_r, at the greatest
// speed. Weight gradients that run on their own go nowhere: there the head alone counts. t_s is the
// least mean time of the micro-batches that the stage holds at once within its memory: all of them
// under GPipe, else one more than there are stages behind it, at least. So the makespan is at least
// the least over all cuts of max over s of head + m t_s + tail, which is a dynamic program over
// cuts, from the last stage on; devices are told apart by their kind only. Messages are left out.
//
// Where devices have costs of their own, a block in front counts with the least forward and the
// least backward of any, W is the sum of the least of each block, and it is over the number of
// devices instead of their speeds.

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "pipeline/coplan.h"

namespace rockmate {
namespace {

constexpr double kEndless = std::numeric_limits<double>::infinity();
// Sets of devices at most; beyond it every device counts as the best for each stage.
constexpr std::size_t kMostSets = 4096;

class Bound {
 public:
  Bound(const CostsOfDevices& costs, std::size_t micro_batches, const Cluster& cluster)
      : blocks_(costs.front()->blocks()), m_(micro_batches) {
    count_kinds(costs, cluster);
    add_up_blocks();
    limit_sets(cluster.devices.size());
  }

  [[nodiscard]] double of_work() const {
    return std::max(static_cast<double>(m_) * both_.back() / capacity_, both_.back());
  }

  // least[state]: of the makespan, over cuts of the last blocks with a set of devices.
  [[nodiscard]] double of_intervals(bool holds_all, bool has_tail) {
    std::vector<double> least((blocks_ + 1) * sets_, kEndless);
    least[blocks_ * sets_] = 0;
    for (std::size_t end = blocks_; end > 0; --end) {
      for (std::size_t set = 0; set < sets_; ++set) {
        const double so_far = least[end * sets_ + set];
        if (so_far == kEndless) continue;
        const std::size_t held = holds_all ? m_ : std::min(m_, devices_in(set) + 1);
        std::size_t step = 1;
        for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
          const std::size_t count = kinds_[kind].count;
          if (set / step % (count + 1) < count) {
            const std::vector<double>& work_from = work(end, held, kind);
            for (std::size_t first = end; first-- > 0;) {
              const double around = head_[first] + (has_tail ? tail_[first] : 0);
              double& next = least[first * sets_ + set + step];
              next = std::min(next, std::max(so_far, around + work_from[first]));
            }
          }
          step *= count + 1;
        }
      }
    }
    return *std::min_element(least.begin(), least.begin() + static_cast<std::ptrdiff_t>(sets_));
  }

 private:
  struct Figures {
    const StageCosts* costs = nullptr;
    double speed = 1;
    Bytes memory;
    friend bool operator==(const Figures&, const Figures&) = default;
  };
  // Devices that are told apart by their number only: each stage counts with the best of these.
  struct Kind {
    std::vector<Figures> any_of;
    std::size_t count = 0;
  };

  void count_kinds(const CostsOfDevices& costs, const Cluster& cluster) {
    for (std::size_t d = 0; d < costs.size(); ++d) {
      const Figures own = {costs[d], cluster.devices[d].speed, cluster.devices[d].memory};
      const auto same = std::ranges::find_if(
          kinds_, [&](const Kind& kind) { return kind.any_of.front() == own; });
      if (same == kinds_.end()) {
        kinds_.push_back({{own}, 1});
      } else {
        ++same->count;
      }
    }
  }

  void add_up_blocks() {
    for (std::size_t s = 0; s < blocks_; ++s) {
      double forward = kEndless, backward = kEndless, both = kEndless;
      for (const Kind& kind : kinds_) {
        const Figures& own = kind.any_of.front();
        const double f = own.costs->plain_forward({s, s}).count() / own.speed;
        const double b = own.costs->plain_backward({s, s}).count() / own.speed;
        forward = std::min(forward, f);
        backward = std::min(backward, b);
        both = std::min(both, f + b);
      }
      head_.push_back(head_.back() + forward);
      tail_.push_back(tail_.back() + backward);
      both_.push_back(both_.back() + both);
    }
  }

  // Together the devices do as much as so many that do each block as fast as any: no more than
  // their number, and with equal costs no more than their speeds.
  void limit_sets(std::size_t devices) {
    const std::vector<Figures> best = best_of_costs();
    capacity_ = static_cast<double>(devices);
    if (best.size() == 1) {
      double total = 0;
      for (const Kind& kind : kinds_) {
        total += kind.any_of.front().speed * static_cast<double>(kind.count);
      }
      capacity_ = total / best.front().speed;
    }
    for (const Kind& kind : kinds_) {
      if (sets_ <= kMostSets) sets_ *= kind.count + 1;
    }
    if (sets_ <= kMostSets) return;
    kinds_ = {{best, devices}};
    sets_ = devices + 1;
  }

  // With each costs the greatest speed and memory of all devices that have them.
  [[nodiscard]] std::vector<Figures> best_of_costs() const {
    std::vector<Figures> best;
    for (const Kind& kind : kinds_) {
      const Figures& own = kind.any_of.front();
      const auto same =
          std::ranges::find_if(best, [&](const Figures& x) { return x.costs == own.costs; });
      if (same == best.end()) {
        best.push_back(own);
      } else {
        same->speed = std::max(same->speed, own.speed);
        same->memory = std::max(same->memory, own.memory);
      }
    }
    return best;
  }

  [[nodiscard]] std::size_t devices_in(std::size_t set) const {
    std::size_t devices = 0;
    for (const Kind& each : kinds_) {
      devices += set % (each.count + 1);
      set /= each.count + 1;
    }
    return devices;
  }

  // Seconds of all micro-batches on the blocks before `end`, by the first of them.
  const std::vector<double>& work(std::size_t end, std::size_t held, std::size_t kind) {
    std::vector<double>& known = work_[{end, held, kind}];
    for (std::size_t first = known.size(); first < end; ++first) {
      double least = kEndless;
      for (const Figures& device : kinds_[kind].any_of) {
        least = std::min(least, work_on(device, {first, end - 1}, held));
      }
      known.push_back(least);
    }
    return known;
  }

  // Any `held` in a row are held at once; those left over may take the least.
  [[nodiscard]] double work_on(const Figures& device, StageRange range, std::size_t held) const {
    const StageCosts& costs = *device.costs;
    const double plain = (costs.plain_forward(range) + costs.plain_backward(range)).count();
    const Bytes memory = device.memory - costs.static_bytes(range);
    const double least = costs.least_seconds(range, held, memory).count();
    const auto in_windows = static_cast<double>(m_ / held * held);
    return (static_cast<double>(m_) * plain + in_windows * (least - plain)) / device.speed;
  }

  std::size_t blocks_;
  std::size_t m_;
  std::vector<Kind> kinds_;
  // Of one micro-batch on the blocks before each, each on the device that is best for that.
  std::vector<double> head_ = {0}, tail_ = {0}, both_ = {0};
  double capacity_ = 1;
  std::size_t sets_ = 1;
  std::map<std::tuple<std::size_t, std::size_t, std::size_t>, std::vector<double>> work_;
};

}  // namespace

Seconds makespan_bound(const CostsOfDevices& costs, std::size_t micro_batches,
                       const Cluster& cluster, const std::vector<PipelineFamily>& families) {
  Bound bound(costs, micro_batches, cluster);
  double least = kEndless;
  for (const PipelineFamily family : families) {
    double of_family = 0;
    switch (family) {
      case PipelineFamily::kGPipe:
        of_family = bound.of_intervals(true, true);
        break;
      case PipelineFamily::kOneForwardOneBackward:
        of_family = bound.of_intervals(false, true);
        break;
      case PipelineFamily::kZeroBubbleH1:
        of_family = bound.of_intervals(false, false);
        break;
      case PipelineFamily::kInterleaved:
        // Two stages on each device, and micro-batches in whole rounds; else it is not used.
        if (micro_batches % cluster.devices.size() != 0) continue;
        if (2 * cluster.devices.size() > costs.front()->blocks()) continue;
    }
    least = std::min(least, of_family);
  }
  // Where nothing fits there is no makespan at all.
  const double of_work = bound.of_work();
  return Seconds(least == kEndless ? of_work : std::max(of_work, least));
}

}  // namespace rockmate
