// The content is text: one line per candidate.

#include "checkmate/candidate_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

namespace rockmate::checkmate {
namespace {

// Raise it when the candidates of a block change: how blocks are staged, programs or the sweep.
constexpr int kVersion = 2;
constexpr std::uintmax_t kMostBytes = 1 << 26;  // of all blocks

std::string head(const CacheKey& key) {
  return fmt::format("rockmate.candidates/{} {} {} {} {}+{}\n", kVersion, to_string(key.block),
                     to_string(key.solver), key.pairs, key.forward_ops, key.backward_ops);
}

std::string name(const CacheKey& key) {
  return fmt::format("{}-{}-{}", to_string(key.block), to_string(key.solver), key.pairs);
}

// Whether the backward ops are all there, once and in order, with forward ops between them.
bool is_sound(const Candidate& candidate, const CacheKey& key) {
  std::size_t next = key.forward_ops;
  for (const std::uint32_t op : candidate.backward) {
    if (op < key.forward_ops) continue;
    if (op != next++) return false;
  }
  const bool ends_there = candidate.backward.empty() || candidate.backward.back() + 1 == next;
  return next == key.forward_ops + key.backward_ops && ends_there;
}

}  // namespace

std::optional<std::vector<Candidate>> parse_candidates(std::string_view text, const CacheKey& key) {
  std::vector<Candidate> candidates;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    Candidate candidate;
    std::istringstream numbers(line);
    for (std::uint32_t op = 0; numbers >> op;) candidate.backward.push_back(op);
    if (!numbers.eof() || !is_sound(candidate, key)) return std::nullopt;
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

CandidateCache::CandidateCache(std::filesystem::path folder)
    : files_(std::move(folder), ".candidates", kMostBytes) {}

std::filesystem::path CandidateCache::file(const CacheKey& key) const {
  return files_.file(name(key));
}

std::optional<std::vector<Candidate>> CandidateCache::find(const CacheKey& key) const {
  const std::optional<std::string> text = files_.find(name(key), head(key));
  return text ? parse_candidates(*text, key) : std::nullopt;
}

void CandidateCache::keep(const CacheKey& key, const std::vector<Candidate>& candidates) const {
  std::string text;
  for (const Candidate& candidate : candidates) {
    text += fmt::format("{}\n", fmt::join(candidate.backward, " "));
  }
  files_.keep(name(key), head(key), text);
}

}  // namespace rockmate::checkmate
