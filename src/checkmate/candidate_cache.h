// Candidates of blocks on disk, one file per block, named by the hash of what makes blocks equal.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/kept_files.h"
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

/// The content of a file; nothing if it is no list of candidates of such a block.
[[nodiscard]] std::optional<std::vector<Candidate>> parse_candidates(std::string_view text,
                                                                     const CacheKey& key);

class CandidateCache {
 public:
  explicit CandidateCache(std::filesystem::path folder);
  [[nodiscard]] std::optional<std::vector<Candidate>> find(const CacheKey& key) const;
  void keep(const CacheKey& key, const std::vector<Candidate>& candidates) const;
  [[nodiscard]] std::filesystem::path file(const CacheKey& key) const;

 private:
  KeptFiles files_;
};

}  // namespace rockmate::checkmate
