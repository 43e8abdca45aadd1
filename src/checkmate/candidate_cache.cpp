// The file is text: a line that says what it holds, one line per candidate, and a last line with a
// sum over all before it, so that a file that is cut off or damaged is recognised.

#include "checkmate/candidate_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/atomic_file.h"
#include "rockmate/error.h"

namespace rockmate::checkmate {
namespace {

// Raise it when the candidates of a block change: how blocks are staged, programs or the sweep.
constexpr int kVersion = 1;
constexpr std::uintmax_t kLargestFile = 1 << 24;

std::string header(const CacheKey& key) {
  return fmt::format("rockmate.candidates/{} {} {} {} {}+{}\n", kVersion, to_string(key.block),
                     to_string(key.solver), key.pairs, key.forward_ops, key.backward_ops);
}

// FNV-1a.
std::string checksum(std::string_view text) {
  std::uint64_t sum = 0xcbf29ce484222325ULL;
  for (const char letter : text) {
    sum = (sum ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
  }
  return fmt::format("{:016x}\n", sum);
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

std::optional<std::vector<Candidate>> parse(std::string_view text, const CacheKey& key) {
  const std::string head = header(key);
  constexpr std::size_t kSumSize = 17;
  if (text.size() < head.size() + kSumSize || !text.starts_with(head)) return std::nullopt;
  const std::string_view body = text.substr(0, text.size() - kSumSize);
  if (text.substr(body.size()) != checksum(body)) return std::nullopt;
  std::vector<Candidate> candidates;
  std::istringstream lines{std::string(body.substr(head.size()))};
  for (std::string line; std::getline(lines, line);) {
    Candidate candidate;
    std::istringstream numbers(line);
    for (std::uint32_t op = 0; numbers >> op;) candidate.backward.push_back(op);
    if (!numbers.eof() || !is_sound(candidate, key)) return std::nullopt;
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

}  // namespace

std::filesystem::path CandidateCache::file(const CacheKey& key) const {
  return folder_ /
         fmt::format("{}-{}-{}.candidates", to_string(key.block), to_string(key.solver), key.pairs);
}

std::optional<std::vector<Candidate>> CandidateCache::find(const CacheKey& key) const {
  std::error_code unreadable;
  const std::filesystem::path path = file(key);
  if (!std::filesystem::is_regular_file(path, unreadable) || unreadable) return std::nullopt;
  const std::uintmax_t size = std::filesystem::file_size(path, unreadable);
  if (unreadable || size > kLargestFile) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return std::nullopt;
  return parse(text.str(), key);
}

void CandidateCache::keep(const CacheKey& key, const std::vector<Candidate>& candidates) const {
  std::string text = header(key);
  for (const Candidate& candidate : candidates) {
    text += fmt::format("{}\n", fmt::join(candidate.backward, " "));
  }
  text += checksum(text);
  std::error_code exists;
  std::filesystem::create_directories(folder_, exists);
  try {
    write_file_atomically(file(key), text);
  } catch (const InvalidInput&) {
    // A full or read-only disk costs only the time to solve the block again.
  }
}

}  // namespace rockmate::checkmate
