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

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "pipeline/coplan.h"

namespace rockmate {
namespace {

constexpr double kEndless = std::numeric_limits<double>::infinity();
// Sets of devices at most; beyond it every device counts as the fastest, with the most memory.
constexpr std::size_t kMostSets = 4096;

class Bound {
 public:
  Bound(const StageCosts& costs, std::size_t micro_batches, const Cluster& cluster)
      : costs_(costs), blocks_(costs.blocks()), m_(micro_batches) {
    for (std::size_t s = 0; s < blocks_; ++s) {
      forward_.push_back(forward_.back() + costs.plain_forward({s, s}).count());
      backward_.push_back(backward_.back() + costs.plain_backward({s, s}).count());
    }
    for (const PipelineDevice& device : cluster.devices) {
      total_ += device.speed;
      fastest_ = std::max(fastest_, device.speed);
    }
    count_kinds(cluster);
  }

  [[nodiscard]] double of_work() const {
    const double all = forward_.back() + backward_.back();
    return std::max(static_cast<double>(m_) * all / total_, all / fastest_);
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
              const double around = forward_[first] + (has_tail ? backward_[first] : 0);
              double& next = least[first * sets_ + set + step];
              next = std::min(next, std::max(so_far, around / fastest_ + work_from[first]));
            }
          }
          step *= count + 1;
        }
      }
    }
    return *std::min_element(least.begin(), least.begin() + static_cast<std::ptrdiff_t>(sets_));
  }

 private:
  struct Kind {
    double speed = 1;
    Bytes memory;
    std::size_t count = 0;
  };

  void count_kinds(const Cluster& cluster) {
    Bytes most;
    for (const PipelineDevice& device : cluster.devices) {
      most = std::max(most, device.memory);
      const auto same = std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& x) {
        return x.speed == device.speed && x.memory == device.memory;
      });
      if (same == kinds_.end()) {
        kinds_.push_back({device.speed, device.memory, 1});
      } else {
        ++same->count;
      }
    }
    for (const Kind& each : kinds_) {
      if (sets_ <= kMostSets) sets_ *= each.count + 1;
    }
    if (sets_ <= kMostSets) return;
    kinds_ = {{fastest_, most, cluster.devices.size()}};
    sets_ = cluster.devices.size() + 1;
  }

  [[nodiscard]] std::size_t devices_in(std::size_t set) const {
    std::size_t devices = 0;
    for (const Kind& each : kinds_) {
      devices += set % (each.count + 1);
      set /= each.count + 1;
    }
    return devices;
  }

  // Seconds of all micro-batches on the blocks before `end`, by the first of them. Any `held` in a
  // row are held at once; those left over may take the least.
  const std::vector<double>& work(std::size_t end, std::size_t held, std::size_t kind) {
    std::vector<double>& known = work_[{end, held, kind}];
    for (std::size_t first = known.size(); first < end; ++first) {
      const StageRange range = {first, end - 1};
      const double plain = (costs_.plain_forward(range) + costs_.plain_backward(range)).count();
      const Bytes memory = kinds_[kind].memory - costs_.static_bytes(range);
      const double least = costs_.least_seconds(range, held, memory).count();
      const auto in_windows = static_cast<double>(m_ / held * held);
      const double all = static_cast<double>(m_) * plain + in_windows * (least - plain);
      known.push_back(all / kinds_[kind].speed);
    }
    return known;
  }

  const StageCosts& costs_;
  std::size_t blocks_;
  std::size_t m_;
  std::vector<double> forward_ = {0}, backward_ = {0};  // seconds of the blocks before each
  double total_ = 0, fastest_ = 0;                      // speeds
  std::vector<Kind> kinds_;
  std::size_t sets_ = 1;
  std::map<std::tuple<std::size_t, std::size_t, std::size_t>, std::vector<double>> work_;
};

}  // namespace

Seconds makespan_bound(const StageCosts& costs, std::size_t micro_batches, const Cluster& cluster,
                       const std::vector<PipelineFamily>& families) {
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
        if (2 * cluster.devices.size() > costs.blocks()) continue;
    }
    least = std::min(least, of_family);
  }
  // Where nothing fits there is no makespan at all.
  const double of_work = bound.of_work();
  return Seconds(least == kEndless ? of_work : std::max(of_work, least));
}

}  // namespace rockmate
