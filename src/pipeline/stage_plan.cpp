// Direct and global rematerialization of a stage. The global method puts the next micro-batch's
// whole life where the stage waits for the gradient of this one: G_k ends in G_(k+1), moved by the
// bytes of the input that is received, and G of the last one ends in nothing. A recomputed segment
// never crosses a receive, so all micro-batches share the table of segments.

#include "pipeline/stage_plan.h"

#include <algorithm>
#include <memory>

#include "base/check.h"

namespace rockmate {
namespace {

using rotor::Shifted;
using rotor::Staircase;

class Reconstruction {
 public:
  Reconstruction(const Segments& segments, StageRange range, const std::vector<const Rest*>& rests)
      : segments_(segments), range_(range), rests_(rests) {}

  // An explicit stack: micro-batches nest.
  std::vector<StageStep> from(Bytes bytes) {
    receive(0, bytes.count());
    while (!stack_.empty()) {
      const Task task = stack_.back();
      stack_.pop_back();
      switch (task.kind) {
        case Task::kStep:
          steps_.push_back(task.step);
          break;
        case Task::kRest:
          open_rest(task.step.micro_batch, task.step.block, task.bytes);
          break;
        case Task::kSegment:
          open_segment(task.step.micro_batch, task.step.block, task.last, task.bytes);
      }
    }
    return std::move(steps_);
  }

 private:
  struct Task {
    enum Kind { kStep, kRest, kSegment } kind;
    StageStep step;  // of a rest or segment: micro-batch and first block
    std::size_t last = 0;
    std::int64_t bytes = 0;
  };

  void step(StageStepKind kind, std::size_t k, std::size_t block = 0, std::size_t candidate = 0) {
    steps_.push_back({kind, k, block, candidate});
  }
  void later(StageStepKind kind, std::size_t k, std::size_t block = 0) {
    stack_.push_back({Task::kStep, {kind, k, block, 0}});
  }
  void later_rest(std::size_t k, std::size_t s, std::int64_t bytes) {
    stack_.push_back({Task::kRest, {{}, k, s, 0}, 0, bytes});
  }
  void later_segment(std::size_t k, std::size_t s, std::size_t t, std::int64_t bytes) {
    stack_.push_back({Task::kSegment, {{}, k, s, 0}, t, bytes});
  }

  void receive(std::size_t k, std::int64_t bytes) {
    if (k == rests_.size()) return;
    step(StageStepKind::kReceive, k);
    later_rest(k, range_.first, bytes - segments_.chain().input_before(range_.first).count());
  }

  static std::uint32_t choice(const Staircase& points, std::int64_t bytes) {
    const std::ptrdiff_t at = rotor::last_within(points, bytes);
    ROCKMATE_CHECK(at >= 0, "a state got fewer bytes than it was promised");
    return points[static_cast<std::size_t>(at)].choice;
  }

  void pass(std::size_t k, std::size_t s, std::size_t j, bool keeps_last) {
    for (std::size_t b = s; b <= j; ++b) {
      step(StageStepKind::kPass, k, b);
      if (b > s) step(StageStepKind::kDrop, k, b - 1);
    }
    if (!keeps_last) step(StageStepKind::kDrop, k, j);
  }

  // What happens while micro-batch k waits for its gradient.
  void open_end(std::size_t k, std::int64_t bytes) {
    later(StageStepKind::kReceiveGradient, k);
    receive(k + 1, bytes);
  }

  void open_rest(std::size_t k, std::size_t s, std::int64_t bytes) {
    if (s > range_.last) {
      open_end(k, bytes);
      return;
    }
    const std::uint32_t chosen = choice(rests_[k]->from(s), bytes);
    const auto& block = segments_.chain().blocks[s];
    if (!SegmentChoice::is_checkpoint(chosen)) {
      step(StageStepKind::kSave, k, s, chosen);
      later(StageStepKind::kBackward, k, s);
      later_rest(k, s + 1, bytes - block.candidates[chosen].saved.count());
      return;
    }
    const std::size_t j = SegmentChoice::block(chosen);
    pass(k, s, j, j < range_.last);
    later_segment(k, s, j, bytes);
    if (j == range_.last) {
      open_end(k, bytes);
    } else {
      later(StageStepKind::kDrop, k, j);
      later_rest(k, j + 1, bytes - segments_.chain().blocks[j].output.count());
    }
  }

  void open_segment(std::size_t k, std::size_t s, std::size_t t, std::int64_t bytes) {
    const std::uint32_t chosen = choice(segments_.segment(s, t), bytes);
    if (!SegmentChoice::is_checkpoint(chosen)) {
      step(StageStepKind::kSave, k, s, chosen);
      later(StageStepKind::kBackward, k, s);
      const Bytes saved = segments_.chain().blocks[s].candidates[chosen].saved;
      if (s < t) later_segment(k, s + 1, t, bytes - saved.count());
      return;
    }
    const std::size_t j = SegmentChoice::block(chosen);
    pass(k, s, j, true);
    later_segment(k, s, j, bytes);
    later(StageStepKind::kDrop, k, j);
    later_segment(k, j + 1, t, bytes - segments_.chain().blocks[j].output.count());
  }

  const Segments& segments_;
  StageRange range_;
  const std::vector<const Rest*>& rests_;  // by micro-batch
  std::vector<Task> stack_;
  std::vector<StageStep> steps_;
};

}  // namespace

GlobalStage::GlobalStage(const Segments& segments, StageRange range, std::size_t micro_batches)
    : segments_(segments), range_(range), rests_(micro_batches) {
  // Each reads the staircase of the one after it: they must not move.
  Shifted end;
  for (std::size_t k = micro_batches; k-- > 0;) {
    rests_[k] = std::make_unique<const Rest>(segments, range.first, range.last, end);
    end = {&rests_[k]->from(range.first), segments.chain().input_before(range.first).count()};
  }
}

std::optional<StagePlan> GlobalStage::plan(Bytes memory) const {
  const Bytes input = segments_.chain().input_before(range_.first);
  const Staircase& first = rests_.front()->from(range_.first);
  const std::ptrdiff_t at = rotor::last_within(first, (memory - input).count());
  if (at < 0) return std::nullopt;
  std::vector<const Rest*> views;
  for (const auto& rest : rests_) views.push_back(rest.get());
  return StagePlan{Seconds(first[static_cast<std::size_t>(at)].seconds),
                   Reconstruction(segments_, range_, views).from(memory)};
}

std::optional<StagePlan> plan_global(const Segments& segments, StageRange range,
                                     std::size_t micro_batches, Bytes memory) {
  return GlobalStage(segments, range, micro_batches).plan(memory);
}

std::optional<StagePlan> plan_direct(const Segments& segments, StageRange range,
                                     std::size_t micro_batches, Bytes memory) {
  const Rest rest(segments, range.first, range.last, {});
  const Bytes input = segments.chain().input_before(range.first);
  const auto m = static_cast<std::int64_t>(micro_batches);
  const Bytes bytes = Bytes(memory.count() / m) - input;
  const Staircase& first = rest.from(range.first);
  const std::ptrdiff_t at = rotor::last_within(first, bytes.count());
  if (at < 0) return std::nullopt;
  const std::vector<StageStep> one = steps_of_one(segments, range, rest, bytes);
  const auto waits = std::find_if(one.begin(), one.end(), [](const StageStep& step) {
    return step.kind == StageStepKind::kReceiveGradient;
  });
  StagePlan plan;
  plan.seconds = Seconds(static_cast<double>(m) * first[static_cast<std::size_t>(at)].seconds);
  const auto append = [&](auto begin, auto end, std::size_t k) {
    for (; begin != end; ++begin) {
      plan.steps.push_back(*begin);
      plan.steps.back().micro_batch = k;
    }
  };
  for (std::size_t k = 0; k < micro_batches; ++k) append(one.begin(), waits, k);
  for (std::size_t k = micro_batches; k-- > 0;) append(waits, one.end(), k);
  return plan;
}

std::vector<StageStep> steps_of_one(const Segments& segments, StageRange range, const Rest& rest,
                                    Bytes bytes) {
  const std::vector<const Rest*> rests = {&rest};
  return Reconstruction(segments, range, rests)
      .from(bytes + segments.chain().input_before(range.first));
}

}  // namespace rockmate
