// A checkpoint is a folder step-N with a file for each rank and, when all of them are there, the
// file `complete`, which has the digest of each. Whoever is killed leaves a folder without that
// file, or a file that does not have its digest: such a checkpoint is passed over.
//
// A rank's file: the length of a JSON header in 8 bytes, little-endian, the header, the tensors.

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "base/shown.h"
#include "pipeline/run/exchange.h"
#include "rockmate/pipeline_run.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kFormat = "rockmate.state/1";
constexpr const char* kComplete = "complete";
constexpr const char* kPrefix = "step-";
constexpr std::int64_t kLargestState = std::int64_t{1} << 46;

// FNV-1a: against files that are cut short or old, not against forgers.
std::string digest(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

std::string rank_file(std::size_t rank) { return fmt::format("rank-{}", rank); }

json tensors_of(const std::vector<RankState>& states) {
  json tensors = json::array();
  for (const RankState& state : states) tensors.push_back({state.name, state.bytes.size()});
  return tensors;
}

std::string content_of(const PipelineRank& rank, std::size_t number) {
  const std::vector<RankState> states = rank.states();
  const std::string header = json{
      {"format", kFormat},
      {"step", rank.next_step()},
      {"rank", number},
      {"tensors",
       tensors_of(states)}}.dump();
  std::string content;
  for (std::size_t i = 0; i < 8; ++i) content += static_cast<char>(header.size() >> (8 * i));
  content += header;
  for (const RankState& state : states) {
    content.append(reinterpret_cast<const char*>(state.bytes.data()), state.bytes.size());
  }
  return content;
}

// Folders of checkpoints by rising step.
std::vector<std::pair<std::uint64_t, fs::path>> checkpoints_in(const fs::path& folder) {
  std::vector<std::pair<std::uint64_t, fs::path>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const std::string number = name.substr(std::min(name.size(), std::strlen(kPrefix)));
    const bool is_number =
        !number.empty() && number.size() < 18 &&
        std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (name.starts_with(kPrefix) && is_number) found.emplace_back(std::stoull(number), entry);
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The complete one before `step` stays, in case that of `step` comes to harm.
void remove_older(const fs::path& folder, std::uint64_t step) {
  auto all = checkpoints_in(folder);
  std::erase_if(all, [&](const auto& each) { return each.first >= step; });
  bool has_one = false;
  std::error_code error;
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    const bool stays = !has_one && fs::exists(each->second / kComplete);
    has_one = has_one || stays;
    if (!stays) fs::remove_all(each->second, error);
  }
}

// The digests of a checkpoint's files, or why there are none.
Expected<json, std::string> completeness(const fs::path& checkpoint) {
  if (!fs::exists(checkpoint / kComplete)) return Unexpected{std::string("was not completed")};
  try {
    json digests = json::parse(read_file(checkpoint / kComplete, kLargestState)).at("digests");
    if (digests.is_array()) return digests;
  } catch (const std::exception&) {
  }
  return Unexpected{fmt::format("its file '{}' is damaged", kComplete)};
}

constexpr const char* kSound = "";
constexpr const char* kForeign = "holds other tensors than this rank: it is of another pipeline";

// Fills the rank's states; else says what is wrong, and leaves them alone.
std::string restore(const fs::path& file, const std::string& expected, PipelineRank& rank,
                    bool only_look) {
  std::string content;
  try {
    content = read_file(file, kLargestState);
  } catch (const InvalidInput& error) {
    return error.what();
  }
  if (digest(content) != expected) return "is damaged, or cut short";
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    length |= std::uint64_t{static_cast<unsigned char>(content.at(i))} << (8 * i);
  }
  const json header = json::parse(content.substr(8, length));
  std::vector<RankState> states = rank.states();
  if (header.at("format") != kFormat || header.at("tensors") != tensors_of(states)) return kForeign;
  if (only_look) return kSound;
  const char* from = content.data() + 8 + length;
  for (RankState& state : states) {
    std::memcpy(state.bytes.data(), from, state.bytes.size());
    from += state.bytes.size();
  }
  rank.set_next_step(header.at("step"));
  return kSound;
}

}  // namespace

void write_checkpoint(const fs::path& folder, const PipelineRank& rank, Transport& transport,
                      Seconds deadline) {
  const std::string action = fmt::format("the checkpoint before step {}", rank.next_step());
  const fs::path here = folder / fmt::format("{}{}", kPrefix, rank.next_step());
  std::error_code error;
  fs::create_directories(here, error);
  const std::string content = content_of(rank, transport.rank());
  write_file_atomically(here / rank_file(transport.rank()), content);
  const auto digests = gather(transport, digest(content), deadline, action);
  if (transport.rank() == 0) {
    write_file_atomically(here / kComplete, json{{"digests", digests}}.dump());
    remove_older(folder, rank.next_step());
  }
  meet(transport, deadline, action);
}

std::optional<std::uint64_t> read_checkpoint(const fs::path& folder, PipelineRank& rank,
                                             Transport& transport, Seconds deadline,
                                             std::vector<std::string>* warnings) {
  const std::string action = "reading the checkpoint";
  const bool leads = transport.rank() == 0;
  auto candidates =
      leads ? checkpoints_in(folder) : std::vector<std::pair<std::uint64_t, fs::path>>();
  const auto pass_over = [&](const fs::path& file, const std::string& why) {
    if (warnings != nullptr) {
      warnings->push_back(fmt::format("checkpoint {}: {}; passed over", file.string(), why));
    }
  };
  for (;;) {
    // Rank 0 proposes, all look, rank 0 decides.
    json proposal = json::object();
    while (leads && !candidates.empty() && proposal.empty()) {
      const fs::path next = candidates.back().second;
      candidates.pop_back();
      const auto digests = completeness(next);
      if (digests && digests->size() == transport.size()) {
        proposal = {{"folder", next.string()}, {"digests", *digests}};
      } else {
        pass_over(next, digests ? fmt::format("is of {} ranks, there are {}", digests->size(),
                                              transport.size())
                                : digests.error());
      }
    }
    proposal = json::parse(broadcast(transport, proposal.dump(), deadline, action));
    if (proposal.empty()) return std::nullopt;
    const fs::path chosen = proposal["folder"].get<std::string>();
    const fs::path file = chosen / rank_file(transport.rank());
    const std::string expected = proposal["digests"][transport.rank()];
    const auto verdicts = gather(transport, restore(file, expected, rank, true), deadline, action);
    std::string wrong;
    for (std::size_t r = 0; r < verdicts.size(); ++r) {
      if (verdicts[r].empty()) continue;
      pass_over(chosen / rank_file(r), verdicts[r]);
      if (wrong.empty() || verdicts[r] == kForeign) wrong = verdicts[r];
    }
    wrong = broadcast(transport, wrong, deadline, action);
    if (wrong == kForeign) {
      throw InvalidInput(
          fmt::format("checkpoint {}: {}; name another folder", chosen.string(), kForeign));
    }
    if (!wrong.empty()) continue;
    static_cast<void>(restore(file, expected, rank, false));
    return rank.next_step();
  }
}

}  // namespace rockmate
