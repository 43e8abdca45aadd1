// By replay, backwards: what is wanted after a run says what lives during it.

#include <algorithm>

#include "checkmate/staged_problem.h"

namespace rockmate::checkmate {
namespace {

class Replay {
 public:
  explicit Replay(const StagedProblem& problem)
      : problem_(problem), wanted_(problem.values.size()), users_(problem.storages.size()) {}

  // The bytes of tracked storages during a run, which is then undone.
  std::int64_t step_back(std::size_t step, std::size_t stage) {
    const Step& run = problem_.steps[step];
    std::int64_t taken = 0;
    for (const auto& [made, read] : run.take_over) taken += saved_in_place(made, read, run);
    for (const std::size_t v : run.makes) {
      if (!problem_.values[v].is_optional) want(v, true);
    }
    for (const std::size_t v : run.reads) want(v, true);
    const std::int64_t bytes = live_ - taken - (stage < problem_.first_stage ? fixed_ : 0);
    for (const std::size_t v : run.makes) want(v, false);
    return bytes;
  }

  // What is wanted before anything ran but was not there.
  [[nodiscard]] bool is_complete() const {
    for (std::size_t v = 0; v < wanted_.size(); ++v) {
      if (wanted_[v] != 0 && problem_.values[v].made != kNever) return false;
    }
    return true;
  }
  [[nodiscard]] std::int64_t saved() const {
    std::int64_t bytes = live_;
    for (std::size_t s = 0; s < users_.size(); ++s) {
      if (users_[s] > 0 && problem_.storages[s].is_saved_free) {
        bytes -= problem_.storages[s].bytes;
      }
    }
    return bytes;
  }

 private:
  void want(std::size_t v, bool wanted) {
    if ((wanted_[v] != 0) == wanted) return;
    wanted_[v] = wanted;
    const std::size_t storage = problem_.values[v].storage;
    const std::int64_t bytes = problem_.storages[storage].bytes;
    users_[storage] += wanted ? 1 : -1;
    const bool changes = users_[storage] == (wanted ? 1 : 0);
    if (!changes) return;
    live_ += wanted ? bytes : -bytes;
    if (problem_.storages[storage].is_fixed_before) fixed_ += wanted ? bytes : -bytes;
  }

  // Before the run the storage of `read` has no other value and that of `made` none at all; after
  // it `read` is dead.
  [[nodiscard]] std::int64_t saved_in_place(std::size_t made, std::size_t read,
                                            const Step& run) const {
    const std::size_t from = problem_.values[read].storage;
    const std::size_t to = problem_.values[made].storage;
    const bool is_made = wanted_[made] != 0 || !problem_.values[made].is_optional;
    const auto also_read_on = [&](std::size_t storage, std::size_t but) {
      return std::any_of(run.reads.begin(), run.reads.end(), [&](std::size_t v) {
        return v != but && problem_.values[v].storage == storage;
      });
    };
    const int others = users_[to] - (wanted_[made] != 0 ? 1 : 0);
    const bool can = is_made && users_[from] == 0 && others == 0 && !also_read_on(from, read) &&
                     !also_read_on(to, made);
    return can ? problem_.storages[to].bytes : 0;
  }

  const StagedProblem& problem_;
  std::vector<char> wanted_;
  std::vector<int> users_;  // wanted values, by storage
  std::int64_t live_ = 0;
  std::int64_t fixed_ = 0;  // of it, what is fixed before the first stage
};

}  // namespace

std::optional<Weight> weigh(const StagedProblem& problem, const Reruns& reruns) {
  Weight weight;
  Replay replay(problem);
  for (std::size_t t = problem.steps.size(); t-- > 0;) {
    const Step& main = problem.steps[t];
    weight.peak = std::max(weight.peak, main.fixed + replay.step_back(t, t));
    for (std::size_t k = reruns[t].size(); k-- > 0;) {
      const Step& again = problem.steps[reruns[t][k]];
      const std::int64_t live = main.before + again.workspace + replay.step_back(reruns[t][k], t);
      weight.peak = std::max(weight.peak, live);
      weight.seconds += again.seconds;
    }
    if (t == problem.first_stage) weight.saved = replay.saved();
  }
  if (!replay.is_complete()) return std::nullopt;
  return weight;
}

}  // namespace rockmate::checkmate
