#include "checkmate/rounding.h"

#include <algorithm>

namespace rockmate::checkmate {
namespace {

constexpr double kThresholds[] = {0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99};

// The least reruns for which each value is there where a stage's step wants it or `keeps` it into
// the next stage.
class LeastReruns {
 public:
  LeastReruns(const StagedProblem& problem, const std::vector<std::vector<char>>& keeps)
      : problem_(problem), keeps_(keeps), reruns_(problem.steps.size()) {}

  std::optional<Reruns> run() {
    std::vector<char> there(problem_.values.size());
    for (std::size_t v = 0; v < there.size(); ++v) there[v] = problem_.values[v].made == kNever;
    for (std::size_t t = 0; t < problem_.steps.size(); ++t) {
      std::vector<char> runs(t);
      std::vector<std::size_t> open = problem_.steps[t].reads;
      while (!open.empty()) {
        const std::size_t v = open.back();
        open.pop_back();
        const std::size_t maker = problem_.values[v].made;
        if (there[v] != 0 || (maker < t && runs[maker] != 0)) continue;
        if (maker >= t || !problem_.may_run_again(maker, t)) return std::nullopt;
        runs[maker] = true;
        const auto& reads = problem_.steps[maker].reads;
        open.insert(open.end(), reads.begin(), reads.end());
      }
      for (std::size_t i = 0; i < t; ++i) {
        if (runs[i] != 0) reruns_[t].push_back(i);
      }
      for (std::size_t v = 0; v < there.size(); ++v) {
        const std::size_t maker = problem_.values[v].made;
        const bool is_made = maker == t || (maker < t && runs[maker] != 0);
        there[v] = (there[v] != 0 || is_made) && (t + 1 == keeps_.size() || keeps_[t + 1][v] != 0);
      }
    }
    return std::move(reruns_);
  }

 private:
  const StagedProblem& problem_;
  const std::vector<std::vector<char>>& keeps_;  // by stage, by value
  Reruns reruns_;
};

}  // namespace

std::optional<Reruns> rounded(const StagedProblem& problem, const Formulation& formulation,
                              const std::vector<double>& values, Limits limits) {
  std::optional<Reruns> best;
  double best_seconds = 0;
  for (const double threshold : kThresholds) {
    const std::optional<Reruns> reruns =
        LeastReruns(problem, formulation.kept(values, threshold)).run();
    if (!reruns) continue;
    const std::optional<Weight> weight = weigh(problem, *reruns);
    if (!weight || weight->peak > limits.peak || weight->saved > limits.saved) continue;
    if (best && weight->seconds >= best_seconds) continue;
    best = *reruns;
    best_seconds = weight->seconds;
  }
  return best;
}

}  // namespace rockmate::checkmate
