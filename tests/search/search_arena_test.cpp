// After any series of moves, pushes, kept or undone, and rearrangements, the arena holds storages
// and workspaces that the judge knows, none over another, and it says that all fit only where all
// are inside.
#include "search/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <tuple>

#include "schedule/layout.h"
#include "search/moves.h"
#include "search/search.h"
#include "support/packing_judge.h"
#include "support/random_graph.h"

namespace rockmate::search {
namespace {

using Key = std::tuple<std::size_t, bool, ValueId>;

// What the judge says has to have a place.
std::map<Key, PackItem> judged_items(const TrainingGraph& graph, const Runs& runs) {
  const Schedule schedule = schedule_from_runs(graph, runs, TakeOver::kWhereEqual);
  const auto trace = simulate(graph, schedule);
  if (!trace) {
    ADD_FAILURE() << trace.error();
    return {};
  }
  std::vector<std::size_t> run_of_action;
  std::size_t run = 0;
  for (const Action& action : schedule) {
    run_of_action.push_back(run);
    if (std::holds_alternative<Compute>(action)) ++run;
  }
  std::map<Key, PackItem> items;
  for (const StorageLifetime& life : trace->lifetimes) {
    items[{run_of_action[life.first], false, graph[life.value].storage}] = {
        life.first, life.last + 1, life.bytes};
  }
  for (const WorkspaceUse& use : trace->workspaces) {
    items[{run_of_action[use.action], true, ValueId()}] = {use.action, use.action + 1, use.bytes};
  }
  return items;
}

std::map<Key, Bytes> offsets_of(const Arena& arena) {
  std::map<Key, Bytes> offsets;
  for (const PlaceOfRun& place : arena.places()) {
    offsets[{place.run, place.is_workspace, place.is_workspace ? ValueId() : place.storage}] =
        place.offset;
  }
  return offsets;
}

void expect_agreement(const TrainingGraph& graph, const State& state, const Arena& arena,
                      Bytes capacity) {
  const auto items = judged_items(graph, state.runs());
  const auto offsets = offsets_of(arena);
  EXPECT_EQ(arena.places().size(), offsets.size());
  EXPECT_EQ(arena.fits(), offsets.size() == items.size());
  EXPECT_EQ(arena.fits(), arena.outside() == 0);
  std::vector<PackItem> packed;
  Packing packing;
  for (const auto& [key, offset] : offsets) {
    ASSERT_TRUE(items.contains(key)) << "run " << std::get<0>(key);
    packed.push_back(items.at(key));
    packing.offsets.push_back(offset);
    packing.height = std::max(packing.height, offset + packed.back().size);
  }
  EXPECT_LE(packing.height, capacity);
  EXPECT_EQ(testing::complaint(packed, packing), "");
}

// Draws moves and pushes, keeps some, undoes the others, and compares after each.
void walk(const TrainingGraph& graph, std::uint64_t seed, int moves_to_draw) {
  const Problem problem(graph);
  Random random(seed);
  const Bytes movable = simulate(graph, plain_schedule(graph))->peak - graph.static_bytes();
  const Bytes capacity(movable.count() * (5 + static_cast<int>(seed % 6)) / 10);
  State state(problem, static_cast<double>((graph.static_bytes() + capacity).count()),
              program_order(graph));
  Arena arena(problem, state, capacity.count(), random);
  Moves moves(problem, state, random, &arena);
  for (int k = 0; k < moves_to_draw && !::testing::Test::HasFailure(); ++k) {
    const auto before = offsets_of(arena);
    const bool moved = moves.propose(std::numeric_limits<double>::infinity());
    if (moved) state.settle();
    if (moved) arena.follow();
    if (moved) expect_agreement(graph, state, arena, capacity);
    for (int pushes = 0; moved && pushes < 3; ++pushes) arena.push(random.chance(0.5) ? 1e9 : 1e-9);
    if (moved) expect_agreement(graph, state, arena, capacity);
    if (moved && random.chance(0.6)) {
      state.commit();
      arena.commit();
    } else {
      state.rollback();
      arena.rollback();
      EXPECT_EQ(offsets_of(arena), before) << "move " << k;
    }
    arena.push(random.chance(0.5) ? 1e9 : 1e-9);
    if (random.chance(0.7)) {
      arena.commit();
    } else {
      arena.rollback();
    }
    expect_agreement(graph, state, arena, capacity);
    if (!random.chance(0.1)) continue;
    const double outside = arena.outside();
    arena.rearrange();
    EXPECT_LE(arena.outside(), outside * (1 + 1e-12));
    expect_agreement(graph, state, arena, capacity);
  }
}

TEST(Arena, AgreesWithTheJudgeAfterEveryMove) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("graph " + std::to_string(seed));
    walk(rockmate::testing::random_graph(
             seed, {.forward_ops = 4 + static_cast<int>(seed % 20), .statistics = seed % 3 == 0}),
         seed, 50);
  }
}

TEST(Arena, AgreesWithTheJudgeOnLargerGraphs) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    SCOPED_TRACE("graph " + std::to_string(seed));
    walk(rockmate::testing::random_graph(seed, {.forward_ops = 80}), seed, 100);
  }
}

// An arena that begins with the places of another has what lies inside where it lay there.
TEST(Arena, BeginsWithKnownPlaces) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE("graph " + std::to_string(seed));
    const TrainingGraph graph = rockmate::testing::random_graph(seed, {.forward_ops = 20});
    const Problem problem(graph);
    Random random(seed);
    const Bytes movable = simulate(graph, plain_schedule(graph))->peak - graph.static_bytes();
    const Bytes capacity(movable.count() * (7 + static_cast<int>(seed % 4)) / 10);
    const State state(problem, static_cast<double>((graph.static_bytes() + capacity).count()),
                      program_order(graph));
    const Arena packed(problem, state, capacity.count(), random);
    const Arena again(problem, state, capacity.count(), random, packed.places());
    expect_agreement(graph, state, again, capacity);
    const auto before = offsets_of(packed), after = offsets_of(again);
    for (const auto& [key, offset] : before) {
      ASSERT_TRUE(after.contains(key));
      EXPECT_EQ(after.at(key), offset);
    }
  }
}

// Steps of the packer before the first move leave less outside, and nothing over another.
TEST(Arena, BeginsWithLessOutsideAfterMoreWork) {
  int improved = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE("graph " + std::to_string(seed));
    const TrainingGraph graph = rockmate::testing::random_graph(seed, {.forward_ops = 80});
    const Problem problem(graph);
    const Bytes movable = simulate(graph, plain_schedule(graph))->peak - graph.static_bytes();
    const Bytes capacity(movable.count() * 7 / 10);
    const State state(problem, static_cast<double>((graph.static_bytes() + capacity).count()),
                      program_order(graph));
    Random random(seed);
    const Arena packed(problem, state, capacity.count(), random);
    const Arena worked(problem, state, capacity.count(), random, {}, 2'000'000);
    expect_agreement(graph, state, worked, capacity);
    EXPECT_LE(worked.outside(), packed.outside() * (1 + 1e-12));
    improved += worked.outside() < packed.outside();
  }
  EXPECT_GT(improved, 5);
}

// Where nothing fits, a search with places ends when its price is at the top, soon after half of
// the work; the rest is left to another one.
TEST(Arena, SearchGivesUpWhereItFindsNoPlaces) {
  const TrainingGraph graph = rockmate::testing::random_graph(1, {.forward_ops = 20});
  const SearchResult result = improve(graph, graph.static_bytes() + Bytes(1), program_order(graph),
                                      {.work_limit = 20'000, .layout = true});
  EXPECT_FALSE(result.feasible);
  EXPECT_GT(result.moves, 9'000U);
  EXPECT_LT(result.moves, 14'000U);
}

// A search that begins with the places of a plan ends with none that is slower.
TEST(Arena, SearchGoesOnFromThePlacesOfAPlan) {
  int improved = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE("graph " + std::to_string(seed));
    const TrainingGraph graph = rockmate::testing::random_graph(seed, {.forward_ops = 20});
    const Bytes movable = simulate(graph, plain_schedule(graph))->peak - graph.static_bytes();
    const Bytes budget = graph.static_bytes() + Bytes(movable.count() * 8 / 10);
    SearchOptions options{.seed = seed, .work_limit = 2000, .layout = true};
    const SearchResult first = improve(graph, budget, program_order(graph), options);
    if (!first.feasible) continue;
    options.places = first.places;
    const SearchResult second = improve(graph, budget, first.runs, options);
    EXPECT_TRUE(second.feasible);
    EXPECT_LE(second.seconds.count(), first.seconds.count() * (1 + 1e-12));
    improved += second.seconds.count() < first.seconds.count() * (1 - 1e-9) ? 1 : 0;
  }
  EXPECT_GT(improved, 0);
}

}  // namespace
}  // namespace rockmate::search
