// States of one length depend on shorter ones only, so each length is solved in parallel.
//
// A state's points follow from the list of what it is offered. Moving floors and what is held by
// the same bytes moves the points by as much. So lists are written with the least floor at 0, and
// states of one length whose lists are then equal share one table of points: in a chain of n equal
// layers nearly all states of a length do, and the work falls by a factor of the order of n.
// Nothing is assumed of blocks; gradients that pile up until a last update only move the points.
// Seconds of passes are exact sums (chain_items.h), else no two lists would be equal.

#include "rotor/dynamic_program.h"

#include <algorithm>
#include <atomic>
#include <map>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace rockmate::rotor {
namespace {

// Below this, waiting for each other costs threads more than they gain.
constexpr std::size_t kBlocksForThreads = 32;

}  // namespace

int team_size(int threads, std::size_t blocks) {
  if (blocks < kBlocksForThreads) return 1;
#ifdef _OPENMP
  return threads > 0 ? threads : omp_get_max_threads();
#else
  static_cast<void>(threads);
  return 1;
#endif
}

Solution::Solution(const ChainCosts& costs, const CandidateCosts* kept, const SolveOptions& options)
    : costs_(costs), kept_(kept), places_(std::vector<std::size_t>(costs.blocks())) {
  for (std::size_t b = 0; b < costs.blocks(); ++b) profiles_.push_back(costs.pass_profile(0, b));
  solve_all(options);
  profiles_.clear();
}

void Solution::solve_all(const SolveOptions& options) {
  const std::size_t blocks = costs_.blocks();
  std::atomic<bool> stopped = false;
  std::vector<Offers> states;            // of one length, by a
  std::vector<const Offers*> different;  // of them, one for each table
  std::size_t first = 0;                 // of these tables
#pragma omp parallel num_threads(team_size(options.threads, blocks))
  {
    Envelope envelope;
    std::vector<std::int64_t> peaks;
    for (std::size_t length = 1; length <= blocks; ++length) {
#pragma omp single
      states.resize(blocks - length + 1);
#pragma omp for schedule(dynamic, 4)
      for (std::size_t a = 0; a <= blocks - length; ++a) {
        if (stopped || options.stop.stop_requested()) {
          stopped = true;
        } else {
          states[a] = offers(a, a + length - 1, peaks);
        }
      }
#pragma omp single
      {
        first = tables_.size();
        different = stopped ? std::vector<const Offers*>() : share_tables(length, states);
      }
#pragma omp for schedule(dynamic, 1)
      for (std::size_t i = 0; i < different.size(); ++i) {
        tables_[first + i] = solve(*different[i], envelope);
      }
    }
  }
  complete_ = !stopped;
}

// The state's place is moved by the least floor.
Solution::Offers Solution::offers(std::size_t a, std::size_t b, std::vector<std::int64_t>& peaks) {
  Offers offers;
  for_each_way(costs_, a, profiles_[b], peaks, [&](const Way& way) {
    if (way.j > 0) {
      offers.push_back({way.floor, way.seconds, inside(way.j, b, way.right_held),
                        inside(a, way.j - 1, way.left_held),
                        static_cast<std::uint32_t>(way.j - a)});
    } else if (kept_ == nullptr) {
      offers.push_back({way.floor, way.seconds, inside(a + 1, b, way.right_held), {}, 0});
    }
  });
  for (std::size_t k = 0; kept_ != nullptr && k < kept_->count(a); ++k) {
    const CandidateCosts::Way way = kept_->way(a, k, b);
    offers.push_back({way.peak,
                      costs_.forward_seconds(a, a + 1) + way.seconds,
                      inside(a + 1, b, way.held),
                      {},
                      keep_choice(k)});
  }
  const auto has_less = [](const Offer& x, const Offer& y) { return x.floor < y.floor; };
  const std::int64_t by = std::min_element(offers.begin(), offers.end(), has_less)->floor;
  for (Offer& offer : offers) {
    offer.floor -= by;
    for (Place* place : {&offer.right, &offer.left}) {
      if (place->table != kNone) place->by -= by;
    }
  }
  places_(a, b).by = by;
  return offers;
}

Solution::Place Solution::inside(std::size_t a, std::size_t b, std::int64_t held) const {
  if (a > b) return {};
  const Place& place = places_(a, b);
  return {place.table, place.by + held};
}

std::vector<const Solution::Offers*> Solution::share_tables(std::size_t length,
                                                            const std::vector<Offers>& states) {
  const auto is_before = [](const Offers* x, const Offers* y) { return *x < *y; };
  std::map<const Offers*, std::size_t, decltype(is_before)> known(is_before);
  std::vector<const Offers*> different;
  for (std::size_t a = 0; a < states.size(); ++a) {
    const auto [it, is_new] = known.emplace(&states[a], tables_.size());
    if (is_new) {
      tables_.emplace_back();
      different.push_back(&states[a]);
    }
    places_(a, a + length - 1).table = it->second;
  }
  return different;
}

Staircase Solution::solve(const Offers& offers, Envelope& envelope) const {
  envelope.clear();
  for (const Offer& offer : offers) {
    envelope.offer(offer.floor, offer.seconds, points_of(offer.right), points_of(offer.left),
                   offer.choice);
  }
  return envelope.points();
}

Staircase Solution::interval(std::size_t a, std::size_t b) const {
  const Shifted state = this->state(a, b);
  Staircase points = *state.points;
  for (Point& point : points) point.bytes += state.by;
  return points;
}

}  // namespace rockmate::rotor
