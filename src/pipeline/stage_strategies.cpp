#include <algorithm>

#include "base/check.h"
#include "pipeline/stage_plan.h"

namespace rockmate {
namespace {

// One micro-batch on a stage: what of it lives, and what its parts have cost so far.
class MicroBatch {
 public:
  MicroBatch(const StageChain& chain, StageRange range, WeightGradients weights)
      : chain_(chain),
        range_(range),
        weights_(weights),
        outputs_(chain.blocks.size()),
        saved_(chain.blocks.size()) {}

  void run(const StageStep& step) {
    strategy_.steps.push_back(step);
    strategy_.steps.back().micro_batch = 0;
    switch (step.kind) {
      case StageStepKind::kReceive:
        break;
      case StageStepKind::kPass:
        pass(step.block);
        break;
      case StageStepKind::kSave:
        save(step.block, step.candidate);
        break;
      case StageStepKind::kDrop:
        drop(step.block);
        break;
      case StageStepKind::kReceiveGradient:
        phase_ = Phase::kRecompute;
        strategy_.saved = strategy_.recomputed = live_;
        gradient_ = chain_.blocks[range_.last].gradient;
        break;
      case StageStepKind::kBackward:
        backward(step.block);
        break;
    }
  }

  StageStrategy finish() && {
    ROCKMATE_CHECK(phase_ == Phase::kBackward && live_ == strategy_.for_weights,
                   "a micro-batch's steps do not end with its backward");
    return strategy_;
  }

 private:
  enum class Phase : std::uint8_t { kForward, kRecompute, kBackward };
  struct Saved {
    const BlockCandidate* candidate = nullptr;
    bool by_forward = false;
  };

  // `more` bytes beside those that live, for so long.
  void spend(Seconds seconds, Bytes more) {
    switch (phase_) {
      case Phase::kForward:
        strategy_.forward += seconds;
        strategy_.forward_peak = std::max(strategy_.forward_peak, live_ + more);
        return;
      case Phase::kRecompute:
        strategy_.recompute += seconds;
        strategy_.recomputed = std::max(strategy_.recomputed, live_ + more);
        break;
      case Phase::kBackward:
        strategy_.input_gradient += seconds;
    }
    // The gradient of the stage's output lies in the buffer that received it.
    const Bytes received = chain_.blocks[range_.last].gradient;
    const Bytes total = live_ + gradient_ + more - received;
    strategy_.backward_peak = std::max(strategy_.backward_peak, total);
  }

  [[nodiscard]] bool has_input(std::size_t block) const {
    return block == range_.first || outputs_[block - 1] || saved_[block - 1].candidate != nullptr;
  }

  void pass(std::size_t b) {
    const StageBlock& block = chain_.blocks[b];
    ROCKMATE_CHECK(has_input(b) && !outputs_[b] && saved_[b].candidate == nullptr);
    spend(block.pass, block.output + block.pass_transient);
    live_ += block.output;
    outputs_[b] = true;
  }

  void save(std::size_t b, std::size_t c) {
    const BlockCandidate& x = chain_.blocks[b].candidates.at(c);
    ROCKMATE_CHECK(has_input(b) && !outputs_[b] && saved_[b].candidate == nullptr);
    spend(x.forward, x.saved + x.forward_transient);
    live_ += x.saved;
    saved_[b] = {&x, phase_ == Phase::kForward};
  }

  void drop(std::size_t b) {
    ROCKMATE_CHECK(outputs_[b]);
    live_ -= chain_.blocks[b].output;
    outputs_[b] = false;
  }

  void backward(std::size_t b) {
    ROCKMATE_CHECK(phase_ != Phase::kForward && b + 1 == next_backward() && has_input(b));
    ROCKMATE_CHECK(saved_[b].candidate != nullptr);
    phase_ = Phase::kBackward;
    done_ = range_.last - b + 1;
    const BlockCandidate& x = *saved_[b].candidate;
    strategy_.steps.back().runs = x.runs;
    const Bytes made = chain_.gradient_before(b);
    const bool waits =
        weights_ == WeightGradients::kSplit && saved_[b].by_forward && x.runs.empty();
    spend(waits ? x.backward - x.weights : x.backward, made + x.backward_transient);
    gradient_ = b == range_.first ? Bytes() : made;
    saved_[b] = {};
    if (!waits) {
      live_ -= x.saved;
      return;
    }
    strategy_.weight_gradient += x.weights;
    // The received gradient stays in its buffer.
    const Bytes kept = b == range_.last ? Bytes() : chain_.blocks[b].gradient;
    live_ += kept;
    strategy_.for_weights += x.saved + kept;
  }
  // One more than the block whose backward comes next.
  [[nodiscard]] std::size_t next_backward() const { return range_.last + 1 - done_; }

  const StageChain& chain_;
  StageRange range_;
  WeightGradients weights_;
  std::vector<bool> outputs_;
  std::vector<Saved> saved_;
  Phase phase_ = Phase::kForward;
  Bytes live_;
  Bytes gradient_;
  std::size_t done_ = 0;  // backwards
  StageStrategy strategy_;
};

}  // namespace

std::vector<StageStrategy> strategies_of(const StageChain& chain, StageRange range,
                                         const std::vector<StageStep>& steps,
                                         WeightGradients weights) {
  std::vector<MicroBatch> micro_batches;
  for (const StageStep& step : steps) {
    while (micro_batches.size() <= step.micro_batch) {
      micro_batches.emplace_back(chain, range, weights);
    }
    micro_batches[step.micro_batch].run(step);
  }
  std::vector<StageStrategy> strategies;
  for (MicroBatch& each : micro_batches) strategies.push_back(std::move(each).finish());
  return strategies;
}

}  // namespace rockmate
