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

// Draft by draft, and the plans that come of them; how many drafts there are.
std::size_t expect_same(const Shelf& x, const Shelf& y, const TrainingGraph& graph) {
  EXPECT_EQ(x.drafts().size(), y.drafts().size());
  for (std::size_t i = 0; i < std::min(x.drafts().size(), y.drafts().size()); ++i) {
    EXPECT_EQ(x.drafts()[i].peak, y.drafts()[i].peak);
    EXPECT_EQ(x.drafts()[i].judged, y.drafts()[i].judged);
    EXPECT_EQ(x.drafts()[i].seconds, y.drafts()[i].seconds);
    EXPECT_EQ(x.drafts()[i].runs(), y.drafts()[i].runs());
  }
  for (const double share : {0.8, 0.5, 0.3}) {
    const Bytes bytes = *Budget::share(share).on(graph);
    const auto one = x.best_within(graph, bytes, {}), two = y.best_within(graph, bytes, {});
    EXPECT_EQ(one.has_value(), two.has_value());
    if (!one || !two) continue;
    EXPECT_EQ(plan_to_json(*one, graph), plan_to_json(*two, graph));
    EXPECT_EQ(one->candidates, two->candidates);
    EXPECT_EQ(one->solver, two->solver);
  }
  return x.drafts().size();
}

// Neither the folder nor what it holds changes an answer: not found, kept, read.
TEST_F(KeptPlansTest, AreTheSameAsThoseThatAreFound) {
  std::size_t drafts = 0;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const TrainingGraph graph = graph_of(seed);
    const std::vector<Shelf> found = rockmate_shelves(graph, options_, kSilent);
    const std::vector<Shelf> kept = rockmate_shelves(graph, with_cache(), kSilent);
    PlanOptions stopped = with_cache();
    std::stop_source stop;
    stop.request_stop();
    stopped.stop = stop.get_token();  // reads, or it would find next to nothing
    const std::vector<Shelf> read = rockmate_shelves(graph, stopped, kSilent);
    ASSERT_EQ(found.size(), 2U);
    for (std::size_t shelf = 0; shelf < found.size(); ++shelf) {
      for (const auto* other : {&kept, &read}) {
        drafts += expect_same(found[shelf], (*other)[shelf], graph);
      }
    }
  }
  EXPECT_GT(drafts, 20U);
}

TEST_F(KeptPlansTest, KnowTheirPeaksAsTheJudgeFindsThem) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const TrainingGraph graph = graph_of(seed);
    const std::vector<Shelf> shelves = rockmate_shelves(graph, options_, kSilent);
    for (const Draft& draft : shelves.front().drafts()) {
      const auto trace =
          simulate(graph, schedule_from_runs(graph, draft.runs(), TakeOver::kWhereEqual));
      ASSERT_TRUE(trace.has_value());
      EXPECT_EQ(trace->peak, draft.peak) << "seed " << seed;
      EXPECT_EQ(draft.judged, draft.peak);
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
  kept.curves = {{{Bytes(100), Bytes(90), Seconds(3), 0, again},
                  {Bytes(200), Bytes(95), Seconds(2.5), 0, both}}};
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
  const std::vector<KeptDraft>& drafts = read->curves.at(0);
  ASSERT_EQ(drafts.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read->chains[0].runs(drafts[i].plan), kept.chains[0].runs(kept.curves[0][i].plan));
  }
  EXPECT_GT(read->chains[0].runs(drafts[0].plan).size(),
            read->chains[0].runs(drafts[1].plan).size());
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
    if (read->curves.empty()) continue;
    for (const KeptDraft& draft : read->curves.front()) {
      const Runs runs = read->chains[draft.chain].runs(draft.plan);
      ASSERT_TRUE(simulate(graph, schedule_from_runs(graph, runs)).has_value()) << damaged;
    }
  }
  EXPECT_GT(there, 100);
}

}  // namespace
}  // namespace rockmate
