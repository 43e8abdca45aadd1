// A cache never changes an answer: damaged, foreign and unwritable files are as good as none.

#include "checkmate/candidate_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "checkmate/block_candidates.h"
#include "support/random_graph.h"

namespace rockmate::checkmate {
namespace {

namespace fs = std::filesystem;

class CandidateCaches : public ::testing::Test {
 protected:
  CandidateCaches()
      : folder_(fs::temp_directory_path() / ("rockmate-cache-" + std::to_string(getpid()))) {}
  ~CandidateCaches() override { fs::remove_all(folder_); }

  static std::string read(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const fs::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary) << text;
  }

  fs::path folder_;
  CacheKey key_{{1, 2}, Solver::kGlpk, 25, 2, 2};
  std::vector<Candidate> candidates_ = {{{2, 3}}, {{0, 2, 1, 3}}, {{2, 0, 1, 3}}};
};

TEST_F(CandidateCaches, GiveBackWhatTheyKeep) {
  const CandidateCache cache(folder_ / "made" / "on demand");
  EXPECT_FALSE(cache.find(key_).has_value());
  cache.keep(key_, candidates_);
  ASSERT_TRUE(cache.find(key_).has_value());
  EXPECT_EQ(*cache.find(key_), candidates_);
  CacheKey other = key_;
  other.pairs = 24;
  EXPECT_FALSE(cache.find(other).has_value());
}

TEST_F(CandidateCaches, RecogniseEveryTruncationAndEveryFlippedByte) {
  const CandidateCache cache(folder_);
  cache.keep(key_, candidates_);
  const std::string text = read(cache.file(key_));
  for (std::size_t size = 0; size < text.size(); ++size) {
    write(cache.file(key_), text.substr(0, size));
    EXPECT_FALSE(cache.find(key_).has_value()) << "cut at " << size;
    std::string flipped = text;
    flipped[size] = static_cast<char>(flipped[size] ^ 1);
    write(cache.file(key_), flipped);
    EXPECT_FALSE(cache.find(key_).has_value()) << "flipped at " << size;
  }
  write(cache.file(key_), text);
  EXPECT_TRUE(cache.find(key_).has_value());
}

TEST_F(CandidateCaches, DoWithoutAFolder) {
  fs::create_directories(folder_);
  write(folder_ / "file", "not a folder");
  const CandidateCache cache(folder_ / "file");
  cache.keep(key_, candidates_);
  EXPECT_FALSE(cache.find(key_).has_value());
}

TEST_F(CandidateCaches, AreWrittenByManyAtOnce) {
  const CandidateCache cache(folder_);
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&] {
      for (int k = 0; k < 50; ++k) {
        cache.keep(key_, candidates_);
        const auto found = cache.find(key_);
        EXPECT_TRUE(found.has_value());
        if (found) {
          EXPECT_EQ(*found, candidates_);
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(CandidateCaches, SaveEveryProgramTheSecondTime) {
  if (linked_solvers().empty()) GTEST_SKIP() << "no solver is linked";
  const CandidateCache cache(folder_);
  const TrainingGraph graph = testing::random_graph(3, {.forward_ops = 9});
  const Chain chain = cut_chain(graph, {3, 6});
  BlockOptions options;
  options.candidates = 25;
  options.cache = &cache;
  const ChainCandidates first = find_candidates(graph, chain, options);
  EXPECT_GT(first.programs, 0U);
  const ChainCandidates second = find_candidates(graph, chain, options);
  EXPECT_EQ(second.programs, 0U);
  EXPECT_EQ(second.of_block, first.of_block);
  options.cache = nullptr;
  options.threads = 3;
  EXPECT_EQ(find_candidates(graph, chain, options).of_block, first.of_block);
}

TEST_F(CandidateCaches, KeepNothingOfAStoppedSweep) {
  if (linked_solvers().empty()) GTEST_SKIP() << "no solver is linked";
  const CandidateCache cache(folder_);
  const TrainingGraph graph = testing::random_graph(3, {.forward_ops = 9});
  const Chain chain = cut_chain(graph, {3, 6});
  std::stop_source source;
  source.request_stop();
  BlockOptions options;
  options.cache = &cache;
  options.stop = source.get_token();
  const ChainCandidates stopped = find_candidates(graph, chain, options);
  for (const auto& candidates : stopped.of_block) EXPECT_EQ(candidates.size(), 1U);
  EXPECT_FALSE(fs::exists(folder_));
}

}  // namespace
}  // namespace rockmate::checkmate
