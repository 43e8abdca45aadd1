// Candidates of blocks on disk, one file per block, named by the hash of what makes blocks equal.
// A cache only saves time: what cannot be read, or is not what it should be, is not there, and what
// cannot be written is not kept. Any number of processes may share a folder.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "graph/repeats.h"
#include "rockmate/milp.h"
#include "schedule/candidate.h"

namespace rockmate::checkmate {

/// All that the candidates of a block depend on, besides the version of this code.
struct CacheKey {
  BlockHash block;
  Solver solver = Solver::kCbc;
  std::size_t pairs = 0;
  std::size_t forward_ops = 0;
  std::size_t backward_ops = 0;
};

class CandidateCache {
 public:
  explicit CandidateCache(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::optional<std::vector<Candidate>> find(const CacheKey& key) const;
  void keep(const CacheKey& key, const std::vector<Candidate>& candidates) const;
  [[nodiscard]] std::filesystem::path file(const CacheKey& key) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace rockmate::checkmate
