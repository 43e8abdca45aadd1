// The language of plans: a schedule is a list of two kinds of actions, run an op and free a value.
// `simulate` is its one interpreter and the judge of every planner: naive on purpose, it shares no
// code with them. The rules are those of docs/formats.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rockmate/error.h"
#include "rockmate/ids.h"
#include "rockmate/training_graph.h"
#include "rockmate/units.h"

namespace rockmate {

/// Runs an op. Outputs that are not resident are allocated; resident ones stay where they are.
struct Compute {
  OpId op;
  std::uint16_t implementation = 0;    ///< index into Op::implementations; 0 is the default
  std::vector<ValueId> in_place = {};  ///< outputs that take over the storage of their input
  std::vector<ValueId> skip = {};      ///< optional outputs that are not made
};

/// Drops a value; its storage is released when no resident value uses it any more.
struct Free {
  ValueId value;
};

using Action = std::variant<Compute, Free>;
using Schedule = std::vector<Action>;

/// A rule of the memory model that a plan breaks.
struct Violation {
  std::optional<std::size_t> action;  ///< index into the schedule, where the rule is about one
  std::string message;                ///< one line, complete in itself
};

/// A storage from the action that allocates it to the one that releases it, both inclusive.
/// A storage that is taken over in place keeps its one row, named by its first value.
struct StorageLifetime {
  ValueId value;
  std::size_t first = 0;
  std::size_t last = 0;
  Bytes bytes;
};

/// Bytes that live during one action only.
struct WorkspaceUse {
  std::size_t action = 0;
  Bytes bytes;
};

/// What lives when. Zero-byte storages and workspaces have no rows.
struct MemoryTrace {
  Bytes static_bytes;                      ///< sources: in every figure of `live` and in `peak`
  Bytes peak;                              ///< the largest of `live`, at least `static_bytes`
  std::optional<std::size_t> peak_action;  ///< the first action that reaches it
  Seconds seconds;                         ///< sum over all runs
  std::size_t recomputations = 0;          ///< runs after an op's first
  std::vector<Bytes> live;  ///< during each compute, workspace included; after each free
  std::vector<StorageLifetime> lifetimes;  ///< by rising `first`
  std::vector<WorkspaceUse> workspaces;    ///< by rising `action`
};

/// Replays a schedule on its graph. Linear in the size of both.
[[nodiscard]] Expected<MemoryTrace, Violation> simulate(const TrainingGraph& graph,
                                                        const Schedule& schedule);

/// Program order, default implementations, nothing in place, optional outputs that nobody reads
/// skipped, every value freed right after its last use.
[[nodiscard]] Schedule plain_schedule(const TrainingGraph& graph);

/// seconds / plain_seconds - 1: a time, never bytes; 0 on a graph whose ops take no time.
[[nodiscard]] double overhead(const TrainingGraph& graph, Seconds seconds);

/// Where one storage lifetime or one workspace lies in the arena.
struct LayoutRow {
  bool is_workspace = false;
  ValueId value;  ///< meaningless for a workspace
  std::size_t first = 0;
  std::size_t last = 0;  ///< inclusive; == first for a workspace
  Bytes offset;
  Bytes bytes;
};

/// One row per storage lifetime and per workspace; sources lie outside the arena.
struct Layout {
  std::vector<LayoutRow> rows;
  Bytes arena_bytes;  ///< the highest end of a row
};

/// A schedule with its addresses and figures. Plans that `plan` returns have been judged.
struct Plan {
  std::string graph;  ///< the name of the graph
  Schedule schedule;
  std::optional<Layout> layout;  ///< absent where only live bytes were asked for
  Bytes budget;
  Bytes peak;
  Bytes static_bytes;
  Seconds seconds;
  double overhead = 0;  ///< that of `seconds`
  Seconds lower_bound;  ///< no plan within the budget takes less
  bool proven_optimal = false;
  std::string planner;
  std::string solver;  ///< which one sharpened `lower_bound` or made the plan; empty: none
  /// Strategies of the distinct blocks from which it was put together.
  std::optional<std::size_t> candidates;
  /// Of Rotor's plans: how much longer it takes, as a share, than the best plan within the budget
  /// of Rotor's two choices per block can take at least; 0: it is one of the best of its kind.
  std::optional<double> rotor_epsilon;
  Seconds planning_seconds;

  /// What the device must give: max(peak, static bytes + arena).
  [[nodiscard]] Bytes needed() const;
};

/// The figures that a plan file may state about itself; those present are checked by `judge`.
struct StatedFigures {
  std::optional<Bytes> budget;
  std::optional<Bytes> peak;
  std::optional<Bytes> static_bytes;
  std::optional<Bytes> arena;
  std::optional<Seconds> seconds;
  std::optional<Seconds> lower_bound;
  std::optional<double> overhead;
};

/// A plan as a file has it: nothing but the syntax and the names has been checked.
struct PlanDocument {
  std::string graph;
  Schedule schedule;
  std::optional<Layout> layout;
  StatedFigures stated;
  std::string planner;
};

/// Reads `rockmate.plan/1`. Throws InvalidInput where the file is unreadable or not of the format;
/// a well-formed file that names things the graph does not have is a Violation. Layout rows of
/// zero-byte values are dropped. What it ignored on the way (unknown keys, the name of another
/// graph) is appended to `warnings`, if there is such a list.
[[nodiscard]] Expected<PlanDocument, Violation> read_plan(
    const std::filesystem::path& file, const TrainingGraph& graph,
    std::vector<std::string>* warnings = nullptr);
[[nodiscard]] Expected<PlanDocument, Violation> parse_plan(
    std::string_view text, const std::string& origin, const TrainingGraph& graph,
    std::vector<std::string>* warnings = nullptr);
[[nodiscard]] std::string plan_to_json(const Plan& plan, const TrainingGraph& graph);
/// Writes the file whole or not at all. Throws InvalidInput when it cannot be written.
void write_plan(const Plan& plan, const TrainingGraph& graph, const std::filesystem::path& file);

/// Judges addresses: every lifetime and workspace of the trace has exactly one row that is large
/// enough, and no two rows overlap in time and address.
[[nodiscard]] std::optional<Violation> check_layout(const TrainingGraph& graph,
                                                    const MemoryTrace& trace, const Layout& layout);

/// Judges a whole plan: the schedule, its layout, its stated figures, and the budget (`budget`,
/// else the stated one, else none).
[[nodiscard]] Expected<MemoryTrace, Violation> judge(const TrainingGraph& graph,
                                                     const PlanDocument& plan,
                                                     std::optional<Bytes> budget = std::nullopt);

std::ostream& operator<<(std::ostream& out, const Violation& violation);

}  // namespace rockmate
