// The solved states against the recursion itself, one number of bytes at a time, where states are
// equal and where they are not.

#include "rotor/dynamic_program.h"

#include <gtest/gtest.h>

#include <limits>

#include "support/chain_graph.h"
#include "support/random_graph.h"

namespace rockmate::rotor {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// T(a, b)(m) by its definition.
class Recursion {
 public:
  Recursion(const ChainCosts& costs, const CandidateCosts* kept) : costs_(costs), kept_(kept) {}

  [[nodiscard]] double at(std::size_t a, std::size_t b, std::int64_t m) const {
    double best = kInfinite;
    std::vector<std::int64_t> peaks;
    for_each_way(costs_, a, costs_.pass_profile(0, b), peaks, [&](const Way& way) {
      if (way.floor > m) return;
      if (way.j > 0) {
        best = std::min(best, way.seconds + at(way.j, b, m - way.right_held) +
                                  at(a, way.j - 1, m - way.left_held));
      } else if (kept_ == nullptr) {
        best = std::min(best, way.seconds + (a == b ? 0 : at(a + 1, b, m - way.right_held)));
      }
    });
    for (std::size_t k = 0; kept_ != nullptr && k < kept_->count(a); ++k) {
      const CandidateCosts::Way way = kept_->way(a, k, b);
      if (way.peak > m) continue;
      best = std::min(best, costs_.forward_seconds(a, a + 1) + way.seconds +
                                (a == b ? 0 : at(a + 1, b, m - way.held)));
    }
    return best;
  }

 private:
  const ChainCosts& costs_;
  const CandidateCosts* kept_;
};

void expect_points(const ChainCosts& costs, const CandidateCosts* kept, std::size_t& points) {
  const Solution solution(costs, kept, {});
  const Recursion recursion(costs, kept);
  for (std::size_t b = 0; b < costs.blocks(); ++b) {
    for (std::size_t a = 0; a <= b; ++a) {
      const Staircase state = solution.interval(a, b);
      ASSERT_FALSE(state.empty());
      double before = kInfinite;
      for (const Point& point : state) {
        ++points;
        EXPECT_EQ(recursion.at(a, b, point.bytes - 1), before) << a << " .. " << b;
        EXPECT_EQ(recursion.at(a, b, point.bytes), point.seconds) << a << " .. " << b;
        before = point.seconds;
      }
    }
  }
}

TEST(Solutions, AreTheRecursionAtEveryByte) {
  std::size_t points = 0;
  for (const testing::ChainKind kind : {testing::ChainKind::kEqual, testing::ChainKind::kUniform}) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const TrainingGraph graph = testing::chain_graph(5, seed, kind);
      const Chain chain = finest_chain(graph);
      const ChainCosts costs(graph, chain);
      expect_points(costs, nullptr, points);
      // Its forward ops run again before its backward part.
      std::vector<std::vector<Candidate>> candidates;
      for (const Block& block : chain.blocks) {
        Candidate all;
        for (std::uint32_t k = 0; k < block.forward.size() + block.backward.size(); ++k) {
          all.backward.push_back(k);
        }
        candidates.push_back({all});
      }
      const CandidateCosts kept(graph, chain, costs, candidates);
      expect_points(costs, &kept, points);
    }
  }
  EXPECT_GT(points, 500U);
}

TEST(Solutions, OfOddGraphsAreTheRecursion) {
  std::size_t points = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = testing::random_graph(
        seed, {.forward_ops = 4, .updates = seed % 2 == 0, .statistics = seed % 3 == 0});
    const Chain chain = finest_chain(graph);
    if (chain.blocks.empty()) continue;
    expect_points(ChainCosts(graph, chain), nullptr, points);
  }
  EXPECT_GT(points, 300U);
}

TEST(Solutions, ShareTheStatesOfEqualBlocks) {
  constexpr std::size_t kBlocks = 40, kStates = kBlocks * (kBlocks + 1) / 2;
  const TrainingGraph equal =
      testing::chain_graph(static_cast<int>(kBlocks), 1, testing::ChainKind::kEqual);
  const ChainCosts costs(equal, finest_chain(equal));
  ASSERT_GE(costs.blocks(), kBlocks);
  EXPECT_LT(Solution(costs, nullptr, {}).tables(), kStates / 4);
  const TrainingGraph unequal = testing::chain_graph(static_cast<int>(kBlocks), 1);
  const ChainCosts others(unequal, finest_chain(unequal));
  EXPECT_GE(Solution(others, nullptr, {}).tables(), kStates);
}

}  // namespace
}  // namespace rockmate::rotor
