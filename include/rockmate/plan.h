// The one call most users need: `Rockmate::plan(graph, budget)`.
// A plan that it returns fits the budget, has been replayed by the judge, and says how far from the
// best it can be; where there is none, the answer says why.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/error.h"
#include "rockmate/milp.h"
#include "rockmate/schedule.h"
#include "rockmate/training_graph.h"
#include "rockmate/units.h"

namespace rockmate {

/// What the device gives: a number of bytes, a share of the plain iteration's, or "as few as can
/// be".
class Budget {
 public:
  /// All bytes of the iteration, parameters and inputs included.
  Budget(Bytes bytes) : kind_(Kind::kBytes), bytes_(bytes) {}
  /// static bytes + share * (plain peak - static bytes); share >= 0.
  [[nodiscard]] static Budget share(double share);
  /// The smallest budget for which a plan is found.
  [[nodiscard]] static Budget minimum() { return {Kind::kMinimum, {}, 0}; }
  /// "2GiB", "1500MB", "123456", "60%", "min". Throws InvalidInput that shows the accepted forms.
  [[nodiscard]] static Budget parse(std::string_view text);

  [[nodiscard]] bool is_minimum() const { return kind_ == Kind::kMinimum; }
  /// The bytes, where they do not depend on the graph.
  [[nodiscard]] std::optional<Bytes> bytes() const {
    return kind_ == Kind::kBytes ? std::optional(bytes_) : std::nullopt;
  }
  /// The budget in bytes on this graph; nullopt for the minimum.
  [[nodiscard]] std::optional<Bytes> on(const TrainingGraph& graph) const;

 private:
  enum class Kind : std::uint8_t { kBytes, kShare, kMinimum };
  Budget(Kind kind, Bytes bytes, double share) : kind_(kind), bytes_(bytes), share_(share) {}
  Kind kind_;
  Bytes bytes_;
  double share_ = 0;
};

enum class Planner : std::uint8_t {
  kPortfolio,  ///< the best that we know
  kRockmate,   ///< Rotor over blocks that an integer program finds many strategies for
  kCheckmate,  ///< an integer program on the whole iteration, in program order
  kRotor,      ///< Rotor's dynamic program over a chain of blocks
  kSqrt,       ///< Chen's segments, all of one kind
  kPlain       ///< the plain iteration, if it fits
};
[[nodiscard]] std::string_view to_string(Planner planner);
/// Throws InvalidInput that lists the planners.
[[nodiscard]] Planner parse_planner(std::string_view word);

/// How far planning has come; `overhead` is that of the best plan so far.
struct Progress {
  std::string stage;
  Seconds elapsed;
  std::optional<double> overhead;
  double lower_bound_overhead = 0;
};

struct PlanOptions {
  Planner planner = Planner::kPortfolio;
  std::optional<Solver> solver = std::nullopt;  ///< nothing: the first that is linked, if any
  std::size_t candidates = 400;                 ///< strategies of a block, at most
  /// Where the strategies of blocks are kept for the next time; nothing: nowhere.
  std::optional<std::filesystem::path> cache = std::nullopt;
  bool layout = true;  ///< false: live bytes only, as planners that ignore addresses do
  int threads = 0;     ///< 0: all cores; never changes the answer
  std::uint64_t seed = 0;
  std::optional<Seconds> time_limit = std::nullopt;
  std::optional<std::uint64_t> work_limit = std::nullopt;  ///< the same plan on any machine
  std::function<void(const Progress&)> progress = nullptr;
  std::stop_token stop = {};  ///< when asked to stop: the best plan so far
};

/// Why there is no plan within the budget.
struct NoPlan {
  Bytes budget;
  std::string reason;                      ///< one line for people
  std::optional<Bytes> smallest_feasible;  ///< the smallest budget for which a plan was found
  Bytes lower_bound;                       ///< below it no plan exists
  std::string forced_op;                   ///< the op that forces `lower_bound`
  std::vector<std::string> forced_values;  ///< what must be resident while it runs, largest first
};
std::ostream& operator<<(std::ostream& out, const NoPlan& no_plan);

using PlanResult = Expected<Plan, NoPlan>;

/// Finds a plan within the budget. Throws InvalidInput for a share below 0.
[[nodiscard]] PlanResult plan(const TrainingGraph& graph, Budget budget,
                              const PlanOptions& options = {});

/// Plans from the plain iteration down to the smallest budget found feasible: by falling `needed()`
/// and rising seconds, none dominated; at most `points` of them (0: all).
[[nodiscard]] std::vector<Plan> plan_curve(const TrainingGraph& graph, std::size_t points = 0,
                                           const PlanOptions& options = {});

}  // namespace rockmate

namespace Rockmate = rockmate;
