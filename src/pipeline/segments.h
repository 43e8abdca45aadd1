// The least seconds in which a segment of a chain runs forward and backward, for every segment and
// every number of bytes: the part of all plans that lies behind a gradient which has come. The
// segment's input lies outside its bytes. papers/madpipe.md has the recurrences.
#pragma once

#include <cstdint>

#include "pipeline/stage_chain.h"
#include "rotor/staircase.h"

namespace rockmate {

/// How a state is reached, as a staircase keeps it: by a candidate of its first block, or by a
/// forward pass that keeps the output of block j alone.
struct SegmentChoice {
  static constexpr std::uint32_t kCheckpoint = 1U << 16;
  [[nodiscard]] static std::uint32_t candidate(std::size_t c) {
    return static_cast<std::uint32_t>(c);
  }
  [[nodiscard]] static std::uint32_t checkpoint(std::size_t j) {
    return kCheckpoint + static_cast<std::uint32_t>(j);
  }
  [[nodiscard]] static bool is_checkpoint(std::uint32_t choice) { return choice >= kCheckpoint; }
  [[nodiscard]] static std::size_t block(std::uint32_t choice) { return choice - kCheckpoint; }
};

class Segments {
 public:
  /// Time O(n^3 + n^2 candidates) staircase operations. `tolerance` as in `thinned`; 0: exact.
  explicit Segments(StageChain chain, double tolerance = 0);

  [[nodiscard]] const StageChain& chain() const { return chain_; }
  [[nodiscard]] std::size_t size() const { return chain_.blocks.size(); }
  [[nodiscard]] double tolerance() const { return tolerance_; }
  /// Blocks s .. t: bytes (the gradient of t's output included) against seconds.
  [[nodiscard]] const rotor::Staircase& segment(std::size_t s, std::size_t t) const {
    return states_[s * size() + t];
  }
  /// The peak of a pass over s .. t, its input left out.
  [[nodiscard]] std::int64_t pass_peak(std::size_t s, std::size_t t) const {
    return pass_peaks_[s * size() + t];
  }
  [[nodiscard]] double pass_seconds(std::size_t s, std::size_t t) const {
    return pass_before_[t + 1] - pass_before_[s];
  }
  /// What candidate c of block s needs while its backward runs.
  [[nodiscard]] std::int64_t backward_peak(std::size_t s, const BlockCandidate& candidate) const;

 private:
  void solve(std::size_t s, std::size_t t, rotor::Envelope& envelope);

  StageChain chain_;
  double tolerance_;
  std::vector<std::int64_t> pass_peaks_;
  std::vector<double> pass_before_;
  std::vector<rotor::Staircase> states_;
};

/// The rest of one micro-batch from each block of a segment on, and what follows it. states[s - a]
/// is G(s) of papers/madpipe.md for blocks a .. t of the chain; the last entry is `end` itself.
class Rest {
 public:
  /// `end`: what happens between the forward and the backward of block t, whose output is sent and
  /// not kept.
  Rest(const Segments& segments, std::size_t a, std::size_t t, rotor::Shifted end);

  [[nodiscard]] const rotor::Staircase& from(std::size_t s) const { return states_[s - first_]; }

 private:
  std::size_t first_;
  std::vector<rotor::Staircase> states_;
};

}  // namespace rockmate
