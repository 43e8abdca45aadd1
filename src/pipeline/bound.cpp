// Lower bounds on the makespan, with everything kept. All work has to be done by all devices
// together, and one micro-batch passes every block, one after the other:
//
//   m W / sum of speeds,   W / the greatest speed.
//
// Where a device has one interval of blocks there is a better one. The device of stage s does m t_s
// of work, not before the first micro-batch has come through the stages in front of it (head), and
// what it did last has to go back through them (tail): sum over r < s of t_r, at the greatest
// speed. Weight gradients that run on their own go nowhere: there the head alone counts. So the
// makespan is at least the least over all cuts of max over s of head + m t_s + tail, which is a
// dynamic program over cuts; equal devices are told apart by their number only. Memory and messages
// are left out: the bound is not tight for small memories. Where devices have costs of their own, a
// block counts with the least of them, and W / sum of speeds is the least work / number of devices.

#include <algorithm>
#include <limits>

#include "pipeline/coplan.h"

namespace rockmate {
namespace {

constexpr double kEndless = std::numeric_limits<double>::infinity();
// Sets of devices at most; beyond it every device counts as the fastest.
constexpr std::size_t kMostSets = 4096;

class Bound {
 public:
  Bound(const CostsOfDevices& costs, std::size_t micro_batches, const Cluster& cluster,
        bool has_tail)
      : blocks_(costs.front()->blocks()), m_(static_cast<double>(micro_batches)) {
    for (std::size_t d = 0; d < costs.size(); ++d) add_device(*costs[d], cluster.devices[d].speed);
    around_ = least_ = {0};
    for (std::size_t s = 0; s < blocks_; ++s) {
      double forward = kEndless, backward = kEndless, both = kEndless;
      for (const Kind& kind : kinds_) {
        const double f = kind.costs->plain_forward({s, s}).count() / kind.speed;
        const double b = kind.costs->plain_backward({s, s}).count() / kind.speed;
        forward = std::min(forward, f);
        backward = std::min(backward, b);
        both = std::min(both, f + b);
      }
      around_.push_back(around_.back() + forward + (has_tail ? backward : 0));
      least_.push_back(least_.back() + both);
    }
    limit_sets(costs.size());
  }

  [[nodiscard]] double of_work() const {
    return std::max(m_ * least_.back() / capacity_, least_.back());
  }

  // least[state]: of the makespan, over cuts of the first blocks with a set of devices.
  [[nodiscard]] double of_intervals() const {
    std::vector<double> least((blocks_ + 1) * sets_, kEndless);
    least[0] = 0;
    for (std::size_t first = 0; first < blocks_; ++first) {
      for (std::size_t set = 0; set < sets_; ++set) {
        const double so_far = least[first * sets_ + set];
        if (so_far == kEndless) continue;
        std::size_t step = 1;
        for (const Kind& kind : kinds_) {
          if (set / step % (kind.count + 1) < kind.count) {
            for (std::size_t last = first; last < blocks_; ++last) {
              const double work = kind.before[last + 1] - kind.before[first];
              double& next = least[(last + 1) * sets_ + set + step];
              next = std::min(next, std::max(so_far, around_[first] + m_ * work));
            }
          }
          step *= kind.count + 1;
        }
      }
    }
    return *std::min_element(least.end() - static_cast<std::ptrdiff_t>(sets_), least.end());
  }

 private:
  // Devices with equal costs and speed.
  struct Kind {
    const StageCosts* costs = nullptr;
    double speed = 1;
    std::size_t count = 0;
    std::vector<double> before = {0};  // seconds of the blocks before each
  };

  void add_device(const StageCosts& costs, double speed) {
    const auto same = std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& x) {
      return x.costs == &costs && x.speed == speed;
    });
    if (same != kinds_.end()) {
      ++same->count;
      return;
    }
    Kind kind{&costs, speed, 1};
    for (std::size_t s = 0; s < blocks_; ++s) {
      const Seconds both = costs.plain_forward({s, s}) + costs.plain_backward({s, s});
      kind.before.push_back(kind.before.back() + both.count() / speed);
    }
    kinds_.push_back(std::move(kind));
  }

  // Together the devices do as much as so many that do each block as fast as any: no more than
  // their number, and with equal costs no more than their speeds.
  void limit_sets(std::size_t devices) {
    capacity_ = static_cast<double>(devices);
    const bool is_related = std::ranges::all_of(
        kinds_, [&](const Kind& kind) { return kind.costs == kinds_.front().costs; });
    if (is_related) {
      double total = 0, fastest = 0;
      for (const Kind& kind : kinds_) {
        total += kind.speed * static_cast<double>(kind.count);
        fastest = std::max(fastest, kind.speed);
      }
      capacity_ = total / fastest;
    }
    for (const Kind& kind : kinds_) {
      if (sets_ <= kMostSets) sets_ *= kind.count + 1;
    }
    if (sets_ <= kMostSets) return;
    kinds_ = {{nullptr, 1, devices, least_}};
    sets_ = devices + 1;
  }

  std::size_t blocks_;
  double m_;
  std::vector<Kind> kinds_;
  std::vector<double> around_;  // of the blocks before each, head and tail, at the best
  std::vector<double> least_;   // of them, forward and backward, at the best
  double capacity_ = 1;
  std::size_t sets_ = 1;
};

}  // namespace

Seconds makespan_bound(const CostsOfDevices& costs, std::size_t micro_batches,
                       const Cluster& cluster, const std::vector<PipelineFamily>& families) {
  const auto has = [&](PipelineFamily family) {
    return std::find(families.begin(), families.end(), family) != families.end();
  };
  const Bound bound(costs, micro_batches, cluster, !has(PipelineFamily::kZeroBubbleH1));
  if (has(PipelineFamily::kInterleaved)) return Seconds(bound.of_work());
  return Seconds(std::max(bound.of_work(), bound.of_intervals()));
}

}  // namespace rockmate
