// One strategy of a block of a chain: what its backward part runs, forward ops run again among it.
// What it saves is what that reads and does not make again first. All else (bytes, peaks, seconds)
// follows from the block in its chain.
#pragma once

#include <cstdint>
#include <vector>

namespace rockmate {

/// Ops by their position in the block's forward part followed by its backward part. Every backward
/// op occurs once, in order.
struct Candidate {
  std::vector<std::uint32_t> backward;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

}  // namespace rockmate
