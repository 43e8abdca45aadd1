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
// are left out: the bound is not tight for small memories.

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
  Bound(const StageCosts& costs, std::size_t micro_batches, const Cluster& cluster, bool has_tail)
      : blocks_(costs.blocks()), m_(static_cast<double>(micro_batches)) {
    before_ = around_ = {0};
    for (std::size_t s = 0; s < blocks_; ++s) {
      const StageRange range = {s, s};
      const double forward = costs.plain_forward(range).count();
      const double backward = costs.plain_backward(range).count();
      before_.push_back(before_.back() + forward + backward);
      around_.push_back(around_.back() + forward + (has_tail ? backward : 0));
    }
    for (const PipelineDevice& device : cluster.devices) {
      total_ += device.speed;
      fastest_ = std::max(fastest_, device.speed);
    }
    count_speeds(cluster);
  }

  [[nodiscard]] double of_work() const {
    return std::max(m_ * before_.back() / total_, before_.back() / fastest_);
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
        for (const auto& [speed, count] : speeds_) {
          if (set / step % (count + 1) < count) {
            for (std::size_t last = first; last < blocks_; ++last) {
              const double work = (before_[last + 1] - before_[first]) / speed;
              double& next = least[(last + 1) * sets_ + set + step];
              next = std::min(next, std::max(so_far, around_[first] / fastest_ + m_ * work));
            }
          }
          step *= count + 1;
        }
      }
    }
    return *std::min_element(least.end() - static_cast<std::ptrdiff_t>(sets_), least.end());
  }

 private:
  struct Speed {
    double speed = 1;
    std::size_t count = 0;
  };

  void count_speeds(const Cluster& cluster) {
    for (const PipelineDevice& device : cluster.devices) {
      const auto same = std::find_if(speeds_.begin(), speeds_.end(),
                                     [&](const Speed& x) { return x.speed == device.speed; });
      if (same == speeds_.end()) {
        speeds_.push_back({device.speed, 1});
      } else {
        ++same->count;
      }
    }
    for (const Speed& each : speeds_) {
      if (sets_ <= kMostSets) sets_ *= each.count + 1;
    }
    if (sets_ <= kMostSets) return;
    speeds_ = {{fastest_, cluster.devices.size()}};
    sets_ = cluster.devices.size() + 1;
  }

  std::size_t blocks_;
  double m_;
  std::vector<double> before_;  // seconds of the blocks before each
  std::vector<double> around_;  // of them, head and tail
  double total_ = 0, fastest_ = 0;
  std::vector<Speed> speeds_;
  std::size_t sets_ = 1;
};

}  // namespace

Seconds makespan_bound(const StageCosts& costs, std::size_t micro_batches, const Cluster& cluster,
                       const std::vector<PipelineFamily>& families) {
  const auto has = [&](PipelineFamily family) {
    return std::find(families.begin(), families.end(), family) != families.end();
  };
  const Bound bound(costs, micro_batches, cluster, !has(PipelineFamily::kZeroBubbleH1));
  if (has(PipelineFamily::kInterleaved)) return Seconds(bound.of_work());
  return Seconds(std::max(bound.of_work(), bound.of_intervals()));
}

}  // namespace rockmate
