// The small tools of the command: guesses, tables, where the bytes are.
#include <gtest/gtest.h>

#include "cli/memory_tables.h"
#include "cli/suggest.h"
#include "cli/table.h"
#include "support/random_graph.h"

namespace rockmate::cli {
namespace {

TEST(Suggest, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("paln", "plan"), 1u) << "neighbours that change places are one edit";
}

TEST(Suggest, FindsTheNearestWordOrNone) {
  const std::vector<std::string> known = {"--budget", "--dot", "--explain"};
  EXPECT_EQ(suggest("--bugdet", known), "--budget");
  EXPECT_EQ(suggest("--explain", known), "--explain");
  EXPECT_EQ(suggest("--quux", known), std::nullopt);
  EXPECT_EQ(suggest("--x", {}), std::nullopt);
  EXPECT_EQ(suggest(std::string(1'000'000, '-'), known), std::nullopt);
}

TEST(Table, AlignsItsColumns) {
  Table table("lrl");
  table.row({"a", "1", "x"}).row({"bbb", "222"}).row({"\xc3\xa9", "33", "y"});
  EXPECT_EQ(table.text(), "  a      1  x\n  bbb  222\n  \xc3\xa9     33  y\n");
}

TEST(Table, PercentHasNoNegativeZero) {
  EXPECT_EQ(percent(0.07364), "7.36 %");
  EXPECT_EQ(percent(-1e-9), "0.00 %");
  EXPECT_EQ(percent(-0.15625), "-15.63 %");
}

TEST(PeakMoment, ItsPartsAddUpToThePeak) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const TrainingGraph graph = rockmate::testing::random_graph(seed);
    const Schedule schedule = plain_schedule(graph);
    const auto trace = simulate(graph, schedule);
    const PeakMoment moment = peak_moment(graph, schedule, *trace);
    Bytes sum = moment.workspace, row_sum;
    for (const auto& [kind, bytes] : moment.static_by_kind) sum += bytes;
    for (const auto& [kind, bytes] : moment.made_by_kind) sum += bytes;
    for (const StorageLifetime& row : moment.made) row_sum += row.bytes;
    EXPECT_EQ(sum, trace->peak) << "seed " << seed;
    EXPECT_EQ(row_sum + graph.static_bytes() + moment.workspace, trace->peak) << "seed " << seed;
    EXPECT_TRUE(std::is_sorted(moment.made.begin(), moment.made.end(),
                               [](const auto& a, const auto& b) { return a.bytes > b.bytes; }));
  }
}

}  // namespace
}  // namespace rockmate::cli
