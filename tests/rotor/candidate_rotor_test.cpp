// Rockmate's dynamic program against all plans of its language, each replayed by the judge, and on
// odd graphs.

#include "rotor/candidate_rotor.h"

#include <gtest/gtest.h>

#include <random>

#include "support/chain_graph.h"
#include "support/random_graph.h"

namespace rockmate::rotor {
namespace {

using BlockCandidates = std::vector<std::vector<Candidate>>;

// Forward ops put in at random before backward ops, but for those that nobody wants.
Candidate random_candidate(const TrainingGraph& graph, const Block& block,
                           std::mt19937_64& random) {
  std::vector<OpId> order = block.forward;
  order.insert(order.end(), block.backward.begin(), block.backward.end());
  Runs runs;
  for (std::size_t k = 0; k < order.size(); ++k) {
    for (std::size_t i = 0; k >= block.forward.size() && i < block.forward.size(); ++i) {
      if (random() % 4 == 0) runs.push_back({order[i]});
    }
    runs.push_back({order[k]});
  }
  runs = without_idle_runs(graph, runs);
  Candidate candidate;
  for (std::size_t k = block.forward.size(); k < runs.size(); ++k) {
    const auto at = std::find(order.begin(), order.end(), runs[k].op) - order.begin();
    candidate.backward.push_back(static_cast<std::uint32_t>(at));
  }
  return candidate;
}

BlockCandidates random_candidates(const TrainingGraph& graph, const Chain& chain, std::size_t count,
                                  std::uint64_t seed) {
  std::mt19937_64 random(seed);
  BlockCandidates all;
  for (const Block& block : chain.blocks) {
    all.emplace_back();
    for (std::size_t k = 0; k < count; ++k)
      all.back().push_back(random_candidate(graph, block, random));
  }
  return all;
}

Chain chain_of(const TrainingGraph& graph, std::size_t length) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = length; i < forward_part(graph).size(); i += length) cuts.push_back(i);
  return cut_chain(graph, cuts);
}

void append(Runs& runs, const std::vector<OpId>& ops) {
  for (const OpId op : ops) runs.push_back({op});
}

// Every plan of the recursion on blocks a .. b, as runs: the definition, without a table.
std::vector<Runs> all_plans(const Chain& chain, const BlockCandidates& candidates, std::size_t a,
                            std::size_t b) {
  const Block& block = chain.blocks[a];
  std::vector<OpId> order = block.forward;
  order.insert(order.end(), block.backward.begin(), block.backward.end());
  std::vector<std::vector<OpId>> backward = {block.backward};
  for (const Candidate& candidate : candidates[a]) {
    backward.emplace_back();
    for (const std::uint32_t k : candidate.backward) backward.back().push_back(order[k]);
  }
  std::vector<Runs> plans;
  std::vector<Runs> rests = {{}};
  if (a < b) rests = all_plans(chain, candidates, a + 1, b);
  for (const auto& part : backward) {
    for (const Runs& rest : rests) {
      Runs plan;
      append(plan, block.forward);
      plan.insert(plan.end(), rest.begin(), rest.end());
      append(plan, part);
      plans.push_back(std::move(plan));
    }
  }
  for (std::size_t j = a + 1; j <= b; ++j) {
    Runs pass;
    for (std::size_t i = a; i < j; ++i) append(pass, chain.blocks[i].forward);
    const auto lefts = all_plans(chain, candidates, a, j - 1);
    for (const Runs& right : all_plans(chain, candidates, j, b)) {
      for (const Runs& left : lefts) {
        Runs plan = pass;
        plan.insert(plan.end(), right.begin(), right.end());
        plan.insert(plan.end(), left.begin(), left.end());
        plans.push_back(std::move(plan));
      }
    }
  }
  return plans;
}

struct Figures {
  Bytes peak;
  double seconds = 0;
};

Figures judged(const TrainingGraph& graph, const Runs& runs) {
  const auto trace = simulate(graph, schedule_from_runs(graph, runs));
  EXPECT_TRUE(trace.has_value()) << trace.error();
  return {trace->peak, trace->seconds.count()};
}

TEST(CandidateRotor, FindsTheBestPlanOfItsLanguageAtEveryBudget) {
  std::size_t plans_seen = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = testing::chain_graph(4 + static_cast<int>(seed % 3), seed);
    const Chain chain = chain_of(graph, 2);
    const BlockCandidates candidates = random_candidates(graph, chain, 3, seed);
    std::vector<Figures> plans;
    for (Runs& runs : all_plans(chain, candidates, 0, chain.blocks.size() - 1)) {
      append(runs, chain.tail);
      plans.push_back(judged(graph, runs));
    }
    plans_seen += plans.size();
    const CandidateRotor rotor(graph, chain, candidates, {});
    ASSERT_FALSE(rotor.curve().empty());
    for (const Figures& plan : plans) {
      double best = plan.seconds;
      for (const Figures& other : plans) {
        if (other.peak <= plan.peak) best = std::min(best, other.seconds);
      }
      const auto beyond = std::find_if(rotor.curve().begin(), rotor.curve().end(),
                                       [&](const CurvePoint& p) { return p.peak > plan.peak; });
      ASSERT_NE(beyond, rotor.curve().begin()) << "seed " << seed << ": misses " << plan.peak;
      EXPECT_LE(std::prev(beyond)->seconds.count(), best + 1e-9) << "seed " << seed;
    }
    for (const CurvePoint& point : rotor.curve()) {
      const Figures plan = judged(graph, rotor.runs(point));
      EXPECT_EQ(plan.peak, point.peak) << "seed " << seed;
      EXPECT_LE(plan.seconds, point.seconds.count() + 1e-9) << "seed " << seed;
    }
  }
  EXPECT_GT(plans_seen, 1000U);
}

// Views, sums, updates, run-once ops, results, skip connections, blocks of any length.
TEST(CandidateRotor, NeverPromisesFewerBytesThanTheJudgeFinds) {
  std::size_t points = 0, exact = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    testing::RandomGraphOptions options;
    options.forward_ops = 2 + static_cast<int>(seed % 9);
    options.updates = seed % 2 == 0;
    const TrainingGraph graph = testing::random_graph(seed, options);
    std::mt19937_64 random(seed);
    std::vector<std::size_t> cuts;
    for (std::size_t i = 1; i < forward_part(graph).size(); ++i) {
      if (random() % 3 == 0) cuts.push_back(i);
    }
    const Chain chain = cut_chain(graph, cuts);
    BlockCandidates candidates(chain.blocks.size());
    // Random reruns may come after an update of what they read.
    if (!options.updates) candidates = random_candidates(graph, chain, 6, seed);
    const CandidateRotor rotor(graph, chain, candidates, {.threads = 1});
    const Rotor two_choices(graph, chain, {.threads = 1});
    ASSERT_FALSE(rotor.curve().empty());
    for (const CurvePoint& point : rotor.curve()) {
      const Figures plan = judged(graph, rotor.runs(point));
      EXPECT_LE(plan.peak, point.peak) << "seed " << seed;
      EXPECT_LE(plan.seconds, point.seconds.count() + 1e-9) << "seed " << seed;
      ++points;
      if (plan.peak == point.peak) ++exact;
    }
    for (const CurvePoint& point : two_choices.curve()) {
      const auto beyond = std::find_if(rotor.curve().begin(), rotor.curve().end(),
                                       [&](const CurvePoint& p) { return p.peak > point.peak; });
      ASSERT_NE(beyond, rotor.curve().begin()) << "seed " << seed;
      EXPECT_LE(std::prev(beyond)->seconds.count(), point.seconds.count() + 1e-9);
    }
    if (options.updates) {
      EXPECT_EQ(rotor.curve().size(), two_choices.curve().size());
    }
  }
  EXPECT_GT(exact, points / 2) << "exact at " << exact << " of " << points;
}

TEST(CandidateRotor, AnswersTheSameOnAnyNumberOfThreads) {
  const TrainingGraph graph = testing::chain_graph(80, 7);
  const Chain chain = chain_of(graph, 2);
  const BlockCandidates candidates = random_candidates(graph, chain, 4, 3);
  const CandidateRotor one(graph, chain, candidates, {.threads = 1});
  const CandidateRotor three(graph, chain, candidates, {.threads = 3});
  ASSERT_EQ(one.curve().size(), three.curve().size());
  for (std::size_t i = 0; i < one.curve().size(); ++i) {
    EXPECT_EQ(one.curve()[i].peak, three.curve()[i].peak);
    EXPECT_EQ(one.runs(one.curve()[i]), three.runs(three.curve()[i]));
  }
}

}  // namespace
}  // namespace rockmate::rotor
