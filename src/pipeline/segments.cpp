// V(s, t), with the gradient d_t of the last output live, is at m bytes the least of
//
//   save with a candidate:  u_f + u_b + V(s + 1, t)(m - sigma)
//                                for m >= d_t + sigma + p_f and m >= sigma + d_s + d_(s-1) + p_b
//   checkpoint j of s .. t - 1:  pass(s .. j) + V(j + 1, t)(m - a_j) + V(s, j)(m)
//                                for m >= d_t + the peak of the pass.
//
// G(s) is the same without a gradient that is live in the forward, ends in `end` instead of
// nothing, and may pass over s .. t as a whole, keeping nothing: what it makes has been sent.

#include "pipeline/segments.h"

#include <algorithm>

#include "base/check.h"
#include "pipeline/thinning.h"

namespace rockmate {

using rotor::Envelope;
using rotor::Shifted;

namespace {

// More bytes than anyone has, far enough from an overflow.
constexpr std::int64_t kNever = std::int64_t{1} << 60;

}  // namespace

Segments::Segments(StageChain chain, double tolerance)
    : chain_(std::move(chain)),
      tolerance_(tolerance),
      pass_peaks_(size() * size()),
      states_(size() * size()) {
  ROCKMATE_CHECK(size() > 0 && size() < SegmentChoice::kCheckpoint);
  pass_before_.push_back(0);
  for (const StageBlock& block : chain_.blocks) {
    ROCKMATE_CHECK(block.candidates.size() < SegmentChoice::kCheckpoint);
    pass_before_.push_back(pass_before_.back() + block.pass.count());
  }
  for (std::size_t s = 0; s < size(); ++s) {
    std::int64_t peak = 0;
    for (std::size_t t = s; t < size(); ++t) {
      const StageBlock& block = chain_.blocks[t];
      const Bytes before = t > s ? chain_.blocks[t - 1].output : Bytes();
      peak = std::max(peak, (before + block.output + block.pass_transient).count());
      if (!block.runs_again) peak = kNever;
      pass_peaks_[s * size() + t] = peak;
    }
  }
  Envelope envelope;
  for (std::size_t length = 1; length <= size(); ++length) {
    for (std::size_t s = 0; s + length <= size(); ++s) solve(s, s + length - 1, envelope);
  }
}

std::int64_t Segments::backward_peak(std::size_t s, const BlockCandidate& candidate) const {
  return (candidate.saved + chain_.blocks[s].gradient + chain_.gradient_before(s) +
          candidate.backward_transient)
      .count();
}

void Segments::solve(std::size_t s, std::size_t t, Envelope& envelope) {
  envelope.clear();
  const std::int64_t live = chain_.blocks[t].gradient.count();
  const auto& candidates = chain_.blocks[s].candidates;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const BlockCandidate& x = candidates[c];
    const std::int64_t floor =
        std::max(live + (x.saved + x.forward_transient).count(), backward_peak(s, x));
    const rotor::Staircase* rest = s < t ? &segment(s + 1, t) : nullptr;
    envelope.offer(floor, (x.forward + x.backward).count(), {rest, rest ? x.saved.count() : 0}, {},
                   SegmentChoice::candidate(c));
  }
  for (std::size_t j = s; j < t; ++j) {
    envelope.offer(live + pass_peak(s, j), pass_seconds(s, j),
                   {&segment(j + 1, t), chain_.blocks[j].output.count()}, {&segment(s, j), 0},
                   SegmentChoice::checkpoint(j));
  }
  states_[s * size() + t] = thinned(envelope.points(), tolerance_);
}

Rest::Rest(const Segments& segments, std::size_t a, std::size_t t, Shifted end)
    : first_(a), states_(t - a + 2) {
  Envelope envelope;
  envelope.offer(0, 0, end, {}, 0);
  states_.back() = envelope.points();
  const auto& blocks = segments.chain().blocks;
  for (std::size_t s = t + 1; s-- > a;) {
    envelope.clear();
    for (std::size_t c = 0; c < blocks[s].candidates.size(); ++c) {
      const BlockCandidate& x = blocks[s].candidates[c];
      const std::int64_t floor =
          std::max((x.saved + x.forward_transient).count(), segments.backward_peak(s, x));
      envelope.offer(floor, (x.forward + x.backward).count(), {&from(s + 1), x.saved.count()}, {},
                     SegmentChoice::candidate(c));
    }
    for (std::size_t j = s; j <= t; ++j) {
      const std::int64_t kept = j < t ? blocks[j].output.count() : 0;
      envelope.offer(segments.pass_peak(s, j), segments.pass_seconds(s, j), {&from(j + 1), kept},
                     {&segments.segment(s, j), 0}, SegmentChoice::checkpoint(j));
    }
    states_[s - a] = thinned(envelope.points(), segments.tolerance());
  }
}

}  // namespace rockmate
