// Cutting as a shortest path. A path visits the boundaries at which it cuts; the step from cut h to
// cut i makes the block of the ops h .. i - 1 and costs
//
//   fresh(h, i) / mean   bytes of the block's own values that ride across i, in units of the mean
//                        bytes that one op makes
// + (i - h)^2 / T^2 / repeats(h, i)
//
// The first term counts only what the block adds to the bundle: a skip connection is paid where it
// starts to ride and then for nothing, as in Rotor's recursion, where storing boundary i when h is
// stored costs bytes(a_i \ a_h). So it does not move the cuts of the layers that it passes. The
// second term is the work of solving the block, T = target_block_ops; equal blocks are solved once
// and share it: repeats(h, i) is the number of disjoint places of the graph with the same ops
// connected in the same way, with values from outside of the interval numbered by first use, so
// that the first layer is like all others. With s ops per block and a neck of one mean value, the
// best s is about T for a network without repeats, and a whole number of layers for one with them.
//
// Rejected: cutting at the smallest bundles (long skips hide the necks of all layers they pass);
// periods of op costs found first, cuts by offset within the period (nested repeats, as in a ResNet,
// have no one period, and the rests before and after each run need the shortest path anyway).
//
// To keep within max_blocks, the blocks found are joined along the same shortest path, now over
// blocks, with a fee per block that bisection raises until few enough are left.

#include "graph/cuts.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "graph/bundles.h"
#include "graph/interval_repeats.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

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

double mean_bytes(const TrainingGraph& graph, std::size_t size) {
  double sum = 0;
  for (std::size_t k = 0; k < size; ++k) {
    for (const ValueId v : graph[OpId(k)].outputs) {
      sum += static_cast<double>(graph[v].bytes.count());
    }
  }
  return std::max(1.0, sum / static_cast<double>(size));
}

// The shortest path over the boundaries `stops` (first 0, last the size), at most `window` of them
// in one step. The price of a step is given by `work` plus its fresh bytes.
template <class Work>
std::vector<std::size_t> shortest_path(const std::vector<std::size_t>& stops, std::size_t window,
                                       const FreshBytes& fresh, double mean, const Work& work) {
  std::vector<double> best(stops.size(), std::numeric_limits<double>::infinity());
  std::vector<std::size_t> from(stops.size(), 0);
  best[0] = 0;
  for (std::size_t b = 1; b < stops.size(); ++b) {
    double bytes = 0;
    for (std::size_t a = b; a-- > 0 && b - a <= window;) {
      for (std::size_t k = stops[a]; k < stops[a + 1]; ++k) bytes += fresh.across(k, stops[b]);
      const double cost = best[a] + bytes / mean + work(a, b);
      if (cost < best[b]) {
        best[b] = cost;
        from[b] = a;
      }
    }
  }
  std::vector<std::size_t> path;
  for (std::size_t b = from.back(); b > 0; b = from[b]) path.push_back(stops[b]);
  std::reverse(path.begin(), path.end());
  return path;
}

double square(double x) { return x * x; }

struct Problem {
  const FreshBytes& fresh;
  double mean;
  double target;

  // The work of solving the block, in units of a cut of mean bytes.
  double work(std::size_t ops, double repeats) const {
    return square(static_cast<double>(ops) / target) / repeats;
  }
};

// Joins neighbouring blocks, which begin at `stops`, until at most `max_blocks` are left.
std::vector<std::size_t> join_blocks(const Problem& problem, const IntervalHashes& ops,
                                     const std::vector<std::size_t>& stops,
                                     std::size_t max_blocks) {
  // With steps of half the window the blocks are few enough, so a large fee finds them.
  const std::size_t blocks = stops.size() - 1;
  const std::size_t window = 2 * ((blocks + max_blocks - 1) / max_blocks);
  const RepeatCounts repeats(hash_block_intervals(ops, stops, window));
  const auto join = [&](double fee) {
    return shortest_path(stops, window, problem.fresh, problem.mean,
                         [&](std::size_t a, std::size_t b) {
                           return problem.work(stops[b] - stops[a], repeats(a, b)) + fee;
                         });
  };
  double low = 0;
  double high = 1;
  std::vector<std::size_t> cuts = join(high);
  for (; cuts.size() + 1 > max_blocks; cuts = join(high)) {
    low = high;
    high *= 4;
  }
  for (int step = 0; step < 12; ++step) {
    const double fee = (low + high) / 2;
    std::vector<std::size_t> more = join(fee);
    if (more.size() + 1 > max_blocks) {
      low = fee;
    } else {
      high = fee;
      cuts = std::move(more);
    }
  }
  return cuts;
}

}  // namespace

std::vector<std::size_t> choose_cuts(const TrainingGraph& graph, const CutOptions& options) {
  if (options.max_blocks == 0 || options.max_block_ops == 0 || options.target_block_ops == 0) {
    throw InvalidInput("choose_cuts: an option is 0, expected limits of at least 1");
  }
  const Bundles bundles(graph);
  const std::size_t size = bundles.forward_size();
  if (size < 2) return {};
  const FreshBytes fresh(bundles, graph);
  const Problem problem{fresh, mean_bytes(graph, size),
                        static_cast<double>(options.target_block_ops)};
  const std::size_t window = std::min(options.max_block_ops, size);
  const IntervalHashes hashes = hash_op_intervals(graph, size, window);
  const RepeatCounts repeats(hashes);
  std::vector<std::size_t> stops(size + 1);
  std::iota(stops.begin(), stops.end(), std::size_t{0});
  std::vector<std::size_t> cuts = shortest_path(
      stops, window, fresh, problem.mean,
      [&](std::size_t h, std::size_t i) { return problem.work(i - h, repeats(h, i)); });
  if (cuts.size() + 1 <= options.max_blocks) return cuts;
  stops.assign(1, 0);
  stops.insert(stops.end(), cuts.begin(), cuts.end());
  stops.push_back(size);
  return join_blocks(problem, hashes, stops, options.max_blocks);
}

}  // namespace rockmate
