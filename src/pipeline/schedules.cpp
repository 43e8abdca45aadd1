// The families of schedules, each written as its paper draws it: the row of one rank is a loop. See
// papers/gpipe.md, papers/1f1b.md and papers/zero_bubble.md.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rockmate/pipeline.h"

namespace rockmate {
namespace {

struct FamilyName {
  PipelineFamily family;
  std::string_view word;
};
constexpr std::array kFamilies = {FamilyName{PipelineFamily::kGPipe, "gpipe"},
                                  FamilyName{PipelineFamily::kOneForwardOneBackward, "1f1b"},
                                  FamilyName{PipelineFamily::kInterleaved, "interleaved"},
                                  FamilyName{PipelineFamily::kZeroBubbleH1, "zb-h1"}};

StageAction action(StageVerb verb, std::size_t stage, std::size_t micro_batch) {
  return {verb, static_cast<std::uint32_t>(stage), static_cast<std::uint32_t>(micro_batch), 0};
}

// All forwards, then all backwards in reverse order: what was made last is used first.
PipelineRow gpipe_row(std::size_t rank, std::size_t micro_batches) {
  PipelineRow row;
  for (std::size_t k = 0; k < micro_batches; ++k) {
    row.push_back(action(StageVerb::kForward, rank, k));
  }
  for (std::size_t k = micro_batches; k-- > 0;) {
    row.push_back(action(StageVerb::kBackward, rank, k));
  }
  return row;
}

// A chunk is one of a rank's stages. Micro-batches go through it in groups of as many as there are
// ranks; the k-th forward of a rank belongs to chunk (k / ranks) mod chunks. With one chunk this is
// plain 1F1B, whose groups do not matter.
struct Interleaving {
  std::size_t rank, ranks, chunks, micro_batches;

  [[nodiscard]] std::size_t total() const { return chunks * micro_batches; }
  [[nodiscard]] std::size_t warm_up() const {
    const std::size_t behind = ranks - rank - 1;  // ranks after this one
    const std::size_t ahead = chunks == 1 ? behind : 2 * behind + (chunks - 1) * ranks;
    return std::min(ahead, total());
  }
  [[nodiscard]] StageAction forward(std::size_t k) const {
    return action(StageVerb::kForward, chunk(k) * ranks + rank, micro_batch(k));
  }
  [[nodiscard]] StageAction backward(std::size_t k) const {
    return action(StageVerb::kBackward, (chunks - 1 - chunk(k)) * ranks + rank, micro_batch(k));
  }

 private:
  [[nodiscard]] std::size_t chunk(std::size_t k) const { return k / ranks % chunks; }
  [[nodiscard]] std::size_t micro_batch(std::size_t k) const {
    return k / (ranks * chunks) * ranks + k % ranks;
  }
};

PipelineRow one_forward_one_backward_row(const Interleaving& order) {
  PipelineRow row;
  std::size_t next = 0;
  for (; next < order.warm_up(); ++next) row.push_back(order.forward(next));
  for (std::size_t k = 0; k < order.total(); ++k) {
    if (next < order.total()) row.push_back(order.forward(next++));
    row.push_back(order.backward(k));
  }
  return row;
}

// As 1F1B, but rank r computes weight gradients r micro-batches late, in what were bubbles.
PipelineRow zero_bubble_row(std::size_t rank, std::size_t ranks, std::size_t micro_batches) {
  PipelineRow row;
  std::size_t next = 0;
  for (; next < std::min(ranks - rank - 1, micro_batches); ++next) {
    row.push_back(action(StageVerb::kForward, rank, next));
  }
  for (std::size_t k = 0; k < micro_batches; ++k) {
    if (next < micro_batches) row.push_back(action(StageVerb::kForward, rank, next++));
    row.push_back(action(StageVerb::kInputGradient, rank, k));
    if (k >= rank) row.push_back(action(StageVerb::kWeightGradient, rank, k - rank));
  }
  for (std::size_t k = micro_batches - std::min(rank, micro_batches); k < micro_batches; ++k) {
    row.push_back(action(StageVerb::kWeightGradient, rank, k));
  }
  return row;
}

void check_sizes(PipelineFamily family, std::size_t ranks, std::size_t stages,
                 std::size_t micro_batches) {
  const std::string name(to_string(family));
  if (ranks == 0 || stages == 0 || micro_batches == 0) {
    throw InvalidInput(
        fmt::format("{}: found {} ranks, {} stages, {} micro-batches; expected at "
                    "least 1 of each",
                    name, ranks, stages, micro_batches));
  }
  if (family != PipelineFamily::kInterleaved) {
    if (stages == ranks) return;
    throw InvalidInput(
        fmt::format("{}: found {} stages on {} ranks, expected one on each", name, stages, ranks));
  }
  if (stages % ranks != 0 || (stages > ranks && micro_batches % ranks != 0)) {
    throw InvalidInput(
        fmt::format("{}: found {} stages and {} micro-batches on {} ranks, expected "
                    "multiples of the ranks",
                    name, stages, micro_batches, ranks));
  }
}

}  // namespace

std::string_view to_string(PipelineFamily family) {
  return std::find_if(kFamilies.begin(), kFamilies.end(),
                      [&](const FamilyName& f) { return f.family == family; })
      ->word;
}

PipelineFamily parse_pipeline_family(std::string_view word) {
  std::string known;
  for (const FamilyName& f : kFamilies) {
    if (f.word == word) return f.family;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", f.word);
  }
  throw InvalidInput(fmt::format("schedule '{}' is unknown, expected one of {}", word, known));
}

std::vector<PipelineRow> pipeline_rows(PipelineFamily family, std::size_t ranks, std::size_t stages,
                                       std::size_t micro_batches) {
  check_sizes(family, ranks, stages, micro_batches);
  std::vector<PipelineRow> rows;
  for (std::size_t r = 0; r < ranks; ++r) {
    switch (family) {
      case PipelineFamily::kGPipe:
        rows.push_back(gpipe_row(r, micro_batches));
        break;
      case PipelineFamily::kOneForwardOneBackward:
      case PipelineFamily::kInterleaved:
        rows.push_back(
            one_forward_one_backward_row(Interleaving{r, ranks, stages / ranks, micro_batches}));
        break;
      case PipelineFamily::kZeroBubbleH1:
        rows.push_back(zero_bubble_row(r, ranks, micro_batches));
        break;
    }
  }
  return rows;
}

std::vector<std::size_t> micro_batches_in_flight(const std::vector<PipelineRow>& rows,
                                                 std::size_t stages) {
  std::vector<std::size_t> now(stages), most(stages);
  for (const PipelineRow& row : rows) {
    for (const StageAction& a : row) {
      if (a.verb == StageVerb::kForward) most[a.stage] = std::max(most[a.stage], ++now[a.stage]);
      if (a.verb == StageVerb::kBackward || a.verb == StageVerb::kWeightGradient) --now[a.stage];
    }
  }
  return most;
}

}  // namespace rockmate
