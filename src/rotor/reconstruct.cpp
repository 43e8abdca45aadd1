#include "rotor/reconstruct.h"

#include "base/check.h"

namespace rockmate::rotor {
namespace {

class Reconstruction {
 public:
  Reconstruction(const TrainingGraph& graph, const Chain& chain, const ChainCosts& costs,
                 const States<Staircase>& states)
      : chain_(chain), costs_(costs), states_(states), has_run_(graph.ops().size()) {}

  // An explicit stack: chains may be long.
  Runs all(std::int64_t bytes) {
    stack_.push_back({Task::kState, 0, chain_.blocks.size() - 1, bytes});
    while (!stack_.empty()) {
      const Task task = stack_.back();
      stack_.pop_back();
      if (task.kind == Task::kState) {
        open(task);
      } else {
        for (const OpId op : chain_.blocks[task.a].backward) runs_.push_back({op});
      }
    }
    for (const OpId op : chain_.tail) runs_.push_back({op});
    return std::move(runs_);
  }

 private:
  struct Task {
    enum Kind { kState, kBackward } kind;
    std::size_t a, b;
    std::int64_t bytes;
  };

  void open(const Task& task) {
    const auto [kind, a, b, bytes] = task;
    const Staircase& points = states_(a, b);
    const std::ptrdiff_t at = last_within(points, bytes);
    ROCKMATE_CHECK(at >= 0, "a state of the recursion got fewer bytes than it was promised");
    const std::size_t j = points[static_cast<std::size_t>(at)].choice;
    if (j == 0) {
      forward(a);
      stack_.push_back({Task::kBackward, a, a, 0});
      if (a < b) stack_.push_back({Task::kState, a + 1, b, bytes - costs_.keep_held(a, b)});
    } else {
      for (std::size_t block = a; block < j; ++block) forward(block);
      const std::int64_t held = costs_.checkpoint_held(a, j, b, costs_.base(a, b));
      stack_.push_back({Task::kState, a, j - 1, bytes - costs_.left_held(a, j, b)});
      stack_.push_back({Task::kState, j, b, bytes - held});
    }
  }

  void forward(std::size_t block) {
    for (const OpId op : chain_.blocks[block].forward) {
      if (has_run_[op] && !costs_.runs_again(op)) continue;
      has_run_[op] = true;
      runs_.push_back({op});
    }
  }

  const Chain& chain_;
  const ChainCosts& costs_;
  const States<Staircase>& states_;
  IdVector<OpId, char> has_run_;
  std::vector<Task> stack_;
  Runs runs_;
};

}  // namespace

Runs reconstruct(const TrainingGraph& graph, const Chain& chain, const ChainCosts& costs,
                 const States<Staircase>& states, std::int64_t bytes) {
  return Reconstruction(graph, chain, costs, states).all(bytes);
}

}  // namespace rockmate::rotor
