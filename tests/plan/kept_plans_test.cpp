// Plans that were kept are those that were found, at every budget; damaged ones are not there.

#include "plan/kept_plans.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "support/chain_graph.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;

class KeptPlansTest : public ::testing::Test {
 protected:
  KeptPlansTest()
      : folder_(fs::path(::testing::TempDir()) / ("plans-" + std::to_string(getpid()))) {
    options_.planner = Planner::kRockmate;
    options_.candidates = 9;
    options_.layout = false;
    fs::remove_all(folder_);
  }
  ~KeptPlansTest() override { fs::remove_all(folder_); }

  [[nodiscard]] PlanOptions with_cache() const {
    PlanOptions options = options_;
    options.cache = folder_;
    return options;
  }
  static const std::function<void(const std::string&)> kSilent;

  fs::path folder_;
  PlanOptions options_;
};

const std::function<void(const std::string&)> KeptPlansTest::kSilent = [](const std::string&) {};

TrainingGraph graph_of(std::uint64_t seed) {
  return seed % 2 == 0 ? testing::chain_graph(10, seed)
                       : testing::random_graph(seed, {.forward_ops = 9});
}

// Neither the folder nor what it holds changes an answer: not found, kept, read.
TEST_F(KeptPlansTest, AreTheSameAsThoseThatAreFound) {
  std::size_t drafts = 0;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const TrainingGraph graph = graph_of(seed);
    const Shelf found = rockmate_shelf(graph, options_, kSilent);
    const Shelf kept = rockmate_shelf(graph, with_cache(), kSilent);
    PlanOptions stopped = with_cache();
    std::stop_source stop;
    stop.request_stop();
    stopped.stop = stop.get_token();  // reads, or it would find next to nothing
    const Shelf read = rockmate_shelf(graph, stopped, kSilent);
    ASSERT_EQ(found.drafts().size(), kept.drafts().size());
    ASSERT_EQ(found.drafts().size(), read.drafts().size());
    for (std::size_t i = 0; i < found.drafts().size(); ++i, ++drafts) {
      const Draft& draft = found.drafts()[i];
      for (const Shelf* other : {&kept, &read}) {
        EXPECT_EQ(other->drafts()[i].peak, draft.peak);
        EXPECT_EQ(other->drafts()[i].seconds, draft.seconds);
        EXPECT_EQ(other->drafts()[i].runs(), draft.runs());
      }
    }
    for (const double share : {0.8, 0.5, 0.3}) {
      const auto bytes = Budget::share(share).on(graph);
      const auto one = found.best_within(graph, *bytes, options_);
      const auto two = read.best_within(graph, *bytes, options_);
      ASSERT_EQ(one.has_value(), two.has_value());
      if (!one) continue;
      EXPECT_EQ(plan_to_json(*one, graph), plan_to_json(*two, graph));
      EXPECT_EQ(one->candidates, two->candidates);
      EXPECT_EQ(one->solver, two->solver);
    }
  }
  EXPECT_GT(drafts, 20U);
}

TEST_F(KeptPlansTest, KnowTheirPeaksAsTheJudgeFindsThem) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const TrainingGraph graph = graph_of(seed);
    const Shelf shelf = rockmate_shelf(graph, options_, kSilent);
    for (const Draft& draft : shelf.drafts()) {
      const auto trace =
          simulate(graph, schedule_from_runs(graph, draft.runs(), TakeOver::kWhereEqual));
      ASSERT_TRUE(trace.has_value());
      EXPECT_EQ(trace->peak, draft.peak) << "seed " << seed;
      EXPECT_LE(trace->seconds.count(), draft.seconds.count() * (1 + 1e-9)) << "seed " << seed;
    }
  }
}

// Two chains of two and three ops, one block kept whole or with its op run again.
KeptPlans small(const TrainingGraph& graph) {
  KeptPlans kept;
  const std::size_t forward = forward_part(graph).size();
  const Chain chain = cut_chain(graph, {forward / 2});
  rotor::ChainPlans plans(graph, chain);
  const auto last = plans.add({});
  const auto both = plans.add({0, last, rotor::kNoPart});
  const auto again = plans.add({0, last, last});
  kept.drafts = {{Bytes(100), Seconds(3), 0, again}, {Bytes(200), Seconds(2.5), 0, both}};
  kept.chains.push_back(std::move(plans));
  kept.origin = {7, "glpk"};
  kept.is_judged = true;
  return kept;
}

TEST_F(KeptPlansTest, AreReadAsTheyAreWritten) {
  const TrainingGraph graph = testing::chain_graph(6, 1);
  const KeptPlans kept = small(graph);
  const auto read = parse_kept_plans(to_text(kept), graph);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(to_text(*read), to_text(kept));
  EXPECT_EQ(read->origin.candidates, 7U);
  EXPECT_EQ(read->origin.solver, "glpk");
  EXPECT_TRUE(read->is_judged);
  ASSERT_EQ(read->drafts.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read->chains[0].runs(read->drafts[i].plan), kept.chains[0].runs(kept.drafts[i].plan));
  }
  EXPECT_GT(read->chains[0].runs(read->drafts[0].plan).size(),
            read->chains[0].runs(read->drafts[1].plan).size());
}

// Whatever is changed: nothing, or plans that run.
TEST_F(KeptPlansTest, AreExecutableOrNotThereWhateverTheText) {
  const TrainingGraph graph = testing::chain_graph(6, 1);
  const std::string text = to_text(small(graph));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_kept_plans(text.substr(0, size), graph).has_value()) << "cut at " << size;
  }
  std::mt19937_64 random(1);
  int there = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = text;
    for (std::uint64_t n = 1 + random() % 2; n > 0; --n) {
      damaged[random() % damaged.size()] = "0123456789 \n-.x"[random() % 15];
    }
    const auto read = parse_kept_plans(damaged, graph);
    if (!read) continue;
    ++there;
    for (const KeptDraft& draft : read->drafts) {
      const Runs runs = read->chains[draft.chain].runs(draft.plan);
      ASSERT_TRUE(simulate(graph, schedule_from_runs(graph, runs)).has_value()) << damaged;
    }
  }
  EXPECT_GT(there, 100);
}

}  // namespace
}  // namespace rockmate
