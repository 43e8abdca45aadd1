// Cutting as a shortest path. A path visits the boundaries at which it cuts; the step from cut h to
// cut i makes the block of the ops h .. i - 1 and costs
//
//   kFee
// + kBytesWeight * fresh(h, i) / mean(i)   the bytes of the block's own values that ride across i,
//                                          in units of what an op near i makes
// + (i - h)^2 / T^2 / repeats(h, i)        the work of solving the block, T = target_block_ops
//
// The second term counts only what the block adds to the bundle: a skip connection is paid where it
// starts to ride and then for nothing, as in Rotor's recursion, where storing boundary i when h is
// stored costs bytes(a_i \ a_h). So it does not move the cuts of the layers that it passes.
//
// Equal blocks are solved once and share the work of it. repeats(h, i) is at first the number of
// disjoint places with the same ops connected in the same way; inputs from outside are numbered by
// first use, so the first layer is like all others. That is too hopeful: a path may use a piece of
// nine ops once because it *could* be used three times. So paths are found in rounds. After each,
// the repeats of the classes used move half way to how often they were used; the path of least true
// cost (each class pays its work once) is kept. This is how a dictionary for text compression is
// fitted, with blocks for words.
//
// Rejected: cutting at the smallest bundles (long skips hide the necks of all layers they pass);
// periods of op costs found first, cuts by offset within the period (nested repeats, as in a
// ResNet, have no one period, and the rests before and after each run need the shortest path
// anyway).
//
// To keep within max_blocks, the blocks found are joined along the same shortest path, now over
// blocks, with a fee per block that bisection raises until few enough are left.

#include "graph/cuts.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/check.h"
#include "graph/bundles.h"
#include "graph/interval_repeats.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

constexpr double kFee = 0.15;         // of any block, so that tiny values do not make tiny blocks
constexpr double kBytesWeight = 0.4;  // of fresh(h, i) / mean(i)
constexpr int kRounds = 12;           // most graphs settle within five

// fresh(h, i), for a fixed i and falling h.
class FreshBytes {
 public:
  explicit FreshBytes(const Bundles& bundles, const TrainingGraph& graph)
      : leaving_(bundles.forward_size() + 1) {
    for (const Ride& ride : bundles.rides()) {
      leaving_[ride.first - 1].push_back({ride.last, graph[ride.storage].bytes});
    }
  }

  /// Of the values that op k makes: the bytes that ride across boundary i > k.
  double across(std::size_t k, std::size_t i) const {
    double bytes = 0;
    for (const auto& [last, size] : leaving_[k]) {
      if (last >= i) bytes += static_cast<double>(size.count());
    }
    return bytes;
  }

 private:
  std::vector<std::vector<std::pair<std::size_t, Bytes>>> leaving_;  // by op
};

// By boundary: the mean bytes that an op within `window` ops of it makes.
std::vector<double> mean_bytes(const TrainingGraph& graph, std::size_t size, std::size_t window) {
  std::vector<double> before(size + 1, 0.0);
  for (std::size_t k = 0; k < size; ++k) {
    before[k + 1] = before[k];
    for (const ValueId v : graph[OpId(k)].outputs) {
      before[k + 1] += static_cast<double>(graph[v].bytes.count());
    }
  }
  std::vector<double> mean(size + 1);
  for (std::size_t i = 0; i <= size; ++i) {
    const std::size_t begin = i - std::min(i, window);
    const std::size_t end = std::min(i + window, size);
    mean[i] = std::max(1.0, (before[end] - before[begin]) / static_cast<double>(end - begin));
  }
  return mean;
}

// A path from stop to stop; the first is 0 and the last is the end of the forward part.
class Cutter {
 public:
  Cutter(const TrainingGraph& graph, const Bundles& bundles, const CutOptions& options)
      : fresh_(bundles, graph),
        mean_(mean_bytes(graph, bundles.forward_size(), options.max_block_ops)),
        target_(static_cast<double>(options.target_block_ops)) {}

  /// The best path found over the stops, with at most `hashes.window()` of them in one step.
  std::vector<std::size_t> cut(const std::vector<std::size_t>& stops, const IntervalHashes& hashes,
                               double fee) const {
    const IntervalClasses classes(hashes);
    std::vector<double> repeats = classes.counts();
    std::vector<std::size_t> best;
    double best_cost = std::numeric_limits<double>::infinity();
    for (int round = 0; round < kRounds; ++round) {
      const std::vector<std::size_t> path =
          shortest_path(stops, hashes.window(), classes, repeats, fee);
      std::map<std::size_t, double> used;
      double cost = 0;
      for (std::size_t k = 0; k + 1 < path.size(); ++k) {
        const std::size_t block = classes.of(path[k], path[k + 1]);
        const std::size_t begin = stops[path[k]];
        const std::size_t end = stops[path[k + 1]];
        if (++used[block] == 1) cost += work(end - begin);
        cost += fee + kBytesWeight * fresh(begin, end) / mean_[end];
      }
      if (cost < best_cost) {
        best_cost = cost;
        best = path;
      }
      for (const auto& [block, count] : used) repeats[block] = (repeats[block] + count) / 2;
    }
    for (std::size_t& stop : best) stop = stops[stop];
    return best;
  }

 private:
  double work(std::size_t ops) const {
    const double ratio = static_cast<double>(ops) / target_;
    return ratio * ratio;
  }

  double fresh(std::size_t begin, std::size_t end) const {
    double bytes = 0;
    for (std::size_t k = begin; k < end; ++k) bytes += fresh_.across(k, end);
    return bytes;
  }

  std::vector<std::size_t> shortest_path(const std::vector<std::size_t>& stops, std::size_t window,
                                         const IntervalClasses& classes,
                                         const std::vector<double>& repeats, double fee) const {
    std::vector<double> best(stops.size(), std::numeric_limits<double>::infinity());
    std::vector<std::size_t> from(stops.size(), 0);
    best[0] = 0;
    for (std::size_t b = 1; b < stops.size(); ++b) {
      double bytes = 0;
      for (std::size_t a = b; a-- > 0 && b - a <= window;) {
        for (std::size_t k = stops[a]; k < stops[a + 1]; ++k) bytes += fresh_.across(k, stops[b]);
        const double cost = best[a] + fee + kBytesWeight * bytes / mean_[stops[b]] +
                            work(stops[b] - stops[a]) / repeats[classes.of(a, b)];
        if (cost < best[b]) {
          best[b] = cost;
          from[b] = a;
        }
      }
    }
    std::vector<std::size_t> path = {stops.size() - 1};
    while (path.back() > 0) path.push_back(from[path.back()]);
    std::reverse(path.begin(), path.end());
    return path;
  }

  FreshBytes fresh_;
  std::vector<double> mean_;
  double target_;
};

// Joins neighbouring blocks until at most `max_blocks` are left.
std::vector<std::size_t> join_blocks(const Cutter& cutter, const IntervalHashes& ops,
                                     const std::vector<std::size_t>& stops,
                                     std::size_t max_blocks) {
  // With steps of half the window the blocks are few enough, so a large fee finds them.
  const std::size_t blocks = stops.size() - 1;
  const std::size_t window = std::min(blocks, 2 * ((blocks + max_blocks - 1) / max_blocks));
  const IntervalHashes hashes = hash_block_intervals(ops, stops, window);
  double low = kFee;
  double high = 4 * kFee;
  std::vector<std::size_t> best = cutter.cut(stops, hashes, high);
  for (; best.size() - 1 > max_blocks; best = cutter.cut(stops, hashes, high)) {
    low = high;
    high *= 4;
  }
  for (int step = 0; step < 8; ++step) {
    const double fee = (low + high) / 2;
    std::vector<std::size_t> path = cutter.cut(stops, hashes, fee);
    if (path.size() - 1 > max_blocks) {
      low = fee;
    } else {
      high = fee;
      best = std::move(path);
    }
  }
  return best;
}

}  // namespace

std::vector<std::size_t> choose_cuts(const TrainingGraph& graph, const CutOptions& options) {
  if (options.max_blocks == 0 || options.max_block_ops == 0 || options.target_block_ops == 0) {
    throw InvalidInput("choose_cuts: an option is 0, expected limits of at least 1");
  }
  const Bundles bundles(graph);
  const std::size_t size = bundles.forward_size();
  if (size < 2) return {};
  const Cutter cutter(graph, bundles, options);
  const IntervalHashes hashes =
      hash_op_intervals(graph, size, std::min(options.max_block_ops, size));
  std::vector<std::size_t> stops(size + 1);
  std::iota(stops.begin(), stops.end(), std::size_t{0});
  stops = cutter.cut(stops, hashes, kFee);
  if (stops.size() - 1 > options.max_blocks) {
    stops = join_blocks(cutter, hashes, stops, options.max_blocks);
  }
  return {stops.begin() + 1, stops.end() - 1};
}

}  // namespace rockmate
