#include "rotor/rotor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "rotor/chain_costs.h"
#include "rotor/dynamic_program.h"
#include "rotor/long_chain.h"
#include "rotor/tracer.h"

namespace rockmate::rotor {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
// What rounding may add to a bound, as a share of it.
constexpr double kRounding = 1e-9;
// The window of a chain of kLong blocks.
constexpr double kLong = 1000;
constexpr double kLongWindow = 40;

Seconds seconds_within(const std::vector<CurvePoint>& curve, Bytes budget) {
  const auto beyond =
      std::upper_bound(curve.begin(), curve.end(), budget,
                       [](Bytes bytes, const CurvePoint& point) { return bytes < point.peak; });
  if (beyond == curve.begin()) return Seconds(kInfinite);
  return std::prev(beyond)->seconds;
}

LongChainOptions long_options(std::size_t blocks, const RotorOptions& options) {
  LongChainOptions chosen;
  // The work in the window is blocks times its square.
  const double window = kLongWindow * std::sqrt(kLong / static_cast<double>(blocks));
  chosen.window = static_cast<std::size_t>(std::clamp(window, 4.0, kLongWindow));
  // Shorter chains have fewer states, and each may be larger.
  const std::size_t more = std::clamp<std::size_t>(std::size_t{1000} / blocks, 1, 2);
  chosen.long_columns *= more;
  chosen.window_points *= more;
  chosen.long_points *= more;
  chosen.spine_points *= more;
  if (options.precision == Precision::kCoarse) {
    chosen.window = std::max<std::size_t>(4, chosen.window / 5);
    chosen.long_columns = 4;
    chosen.window_points = 24;
    chosen.long_points = 48;
    chosen.spine_points = 200;
  }
  chosen.threads = options.threads;
  chosen.stop = options.stop;
  return chosen;
}

}  // namespace

struct Rotor::Solved {
  Solved(const TrainingGraph& g, Chain c, const RotorOptions& options)
      : graph(g), chain(std::move(c)), costs(graph, chain) {
    if (chain.blocks.size() <= options.exact_blocks) {
      exact.emplace(costs, nullptr, SolveOptions{options.threads, options.stop});
    } else {
      near.emplace(costs, long_options(chain.blocks.size(), options));
    }
  }
  [[nodiscard]] bool complete() const { return exact ? exact->complete() : near->complete(); }
  [[nodiscard]] Shifted state(std::size_t a, std::size_t b) const {
    return exact ? exact->state(a, b) : Shifted{&near->states()(a, b), 0};
  }

  const TrainingGraph& graph;
  Chain chain;
  ChainCosts costs;
  std::optional<Solution> exact;  // one of the two
  std::optional<LongChain> near;
};

Rotor::Rotor(const TrainingGraph& graph, Chain chain, const RotorOptions& options)
    : solved_(std::make_unique<Solved>(graph, std::move(chain), options)) {
  if (!solved_->complete()) return;
  const ChainCosts& costs = solved_->costs;
  const Shifted whole = solved_->state(0, costs.blocks() - 1);
  for (const Point& point : *whole.points) {
    const std::int64_t bytes = std::max(point.bytes + whole.by, costs.tail_peak());
    const CurvePoint next = {graph.static_bytes() + Bytes(bytes),
                             Seconds(point.seconds + costs.fixed_seconds())};
    if (!curve_.empty() && curve_.back().peak == next.peak) curve_.pop_back();
    curve_.push_back(next);
  }
}

Rotor::~Rotor() = default;
Rotor::Rotor(Rotor&&) noexcept = default;
Rotor& Rotor::operator=(Rotor&&) noexcept = default;

ChainPlans Rotor::no_plans() const { return {solved_->graph, solved_->chain}; }

std::vector<PartId> Rotor::trace(const std::vector<CurvePoint>& points, ChainPlans& plans) const {
  const auto state = [&](std::size_t a, std::size_t b) { return solved_->state(a, b); };
  Tracer tracer(solved_->costs, nullptr, state, plans);
  std::vector<PartId> parts;
  for (const CurvePoint& point : points) {
    parts.push_back(tracer.trace((point.peak - solved_->graph.static_bytes()).count()));
  }
  return parts;
}

Runs Rotor::runs(const CurvePoint& point) const {
  ChainPlans plans = no_plans();
  return plans.runs(trace({point}, plans).front());
}

Seconds Rotor::bound(Bytes budget) const {
  if (solved_->exact) return seconds_within(curve_, budget);
  const std::int64_t bytes = (budget - solved_->graph.static_bytes()).count();
  if (bytes < solved_->costs.tail_peak()) return Seconds(kInfinite);
  const double forward = bound_at(solved_->near->bound(), bytes);
  return Seconds((forward + solved_->costs.fixed_seconds()) * (1 - kRounding));
}

double Rotor::epsilon(Bytes budget) const {
  const double seconds = seconds_within(curve_, budget).count();
  const double bound = this->bound(budget).count();
  if (seconds == kInfinite) return kInfinite;
  return seconds <= bound * (1 + 2 * kRounding) ? 0 : seconds / bound - 1;
}

std::size_t Rotor::blocks() const { return solved_->chain.blocks.size(); }

}  // namespace rockmate::rotor
