#include "schedule/timeline.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/plot.h"
#include "base/svg.h"
#include "schedule/curve_svg.h"
#include "schedule/memory_profile.h"
#include "schedule/runs.h"
#include "support/random_graph.h"

namespace rockmate {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A small check of well-formedness: tags balance, attributes are quoted, markup is escaped.
// Empty when all is well.
std::string xml_complaint(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t i = 0; i < xml.size(); ++i) {
    const auto c = static_cast<unsigned char>(xml[i]);
    if (c < 0x20 && c != '\n') return fmt::format("control character at {}", i);
    if (c == '>') return fmt::format("stray > at {}", i);
    if (c == '&') {
      const std::string entity = xml.substr(i, xml.find(';', i) - i + 1);
      if (entity != "&amp;" && entity != "&lt;" && entity != "&gt;" && entity != "&quot;") {
        return fmt::format("bad entity at {}", i);
      }
    }
    if (c != '<') continue;
    const std::size_t close = xml.find('>', i);
    if (close == std::string::npos) return "unclosed tag";
    const std::string tag = xml.substr(i + 1, close - i - 1);
    if (tag.find('<') != std::string::npos) return "markup in the tag " + tag;
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0) return "odd quotes in " + tag;
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag.front() == '/') {
      if (open.empty() || "/" + open.back() != tag) return "unexpected <" + tag + ">";
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    i = close;
  }
  return open.empty() ? "" : "<" + open.back() + "> is never closed";
}

TEST(XmlComplaint, SeesWhatIsWrong) {
  EXPECT_EQ(xml_complaint("<a><b x=\"1\"/>t &amp; u</a>"), "");
  for (const char* bad : {"<a>", "<a></b>", "<a>&</a>", "<a x=\"1></a>", "<a>></a>"}) {
    EXPECT_NE(xml_complaint(bad), "") << bad;
  }
}

// x -> n ops of a chain and their backward ops; `seconds` each.
TrainingGraph chain(int n, Seconds seconds, const std::string& name = "chain") {
  TrainingGraphBuilder b(name);
  b.value({.name = "h0", .bytes = 4_MiB, .kind = ValueKind::kInput});
  for (int i = 0; i < n; ++i) {
    b.value({.name = fmt::format("h{}", i + 1), .bytes = 1_MiB});
    b.op({.name = fmt::format("f{}", i),
          .seconds = seconds,
          .workspace = 4_KiB,
          .inputs = {fmt::format("h{}", i)},
          .outputs = {fmt::format("h{}", i + 1)}});
  }
  b.value({.name = fmt::format("d{}", n), .bytes = 1_MiB, .kind = ValueKind::kGradient});
  b.op({.name = "the <loss> & \"more\"",
        .phase = Phase::kLoss,
        .seconds = seconds,
        .workspace = 4_MiB,
        .inputs = {fmt::format("h{}", n)},
        .outputs = {fmt::format("d{}", n)}});
  for (int i = n; i-- > 0;) {
    b.value({.name = fmt::format("d{}", i), .bytes = 1_MiB, .kind = ValueKind::kGradient});
    b.op({.name = fmt::format("b{}", i),
          .phase = Phase::kBackward,
          .seconds = seconds,
          .inputs = {fmt::format("d{}", i + 1), fmt::format("h{}", i)},
          .outputs = {fmt::format("d{}", i)}});
  }
  return std::move(b).build();
}

// f0..f(n-1) again after the loss, as in a plan that kept nothing of the first half.
Schedule with_second_forward(const TrainingGraph& graph, int n) {
  Runs runs = program_order(graph);
  Runs again(runs.begin(), runs.begin() + n / 2);
  runs.insert(runs.begin() + n + 1, again.begin(), again.end());
  return schedule_from_runs(graph, runs);
}

std::string draw(const TrainingGraph& graph, const Schedule& schedule,
                 const TimelineOptions& options = {}) {
  const auto trace = simulate(graph, schedule);
  EXPECT_TRUE(trace.has_value());
  return timeline_svg(graph, schedule, *trace, options);
}

TEST(MemoryProfile, PartsAddUpToLiveBytesAtEveryRun) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed);
    const Schedule schedule = plain_schedule(graph);
    const auto trace = simulate(graph, schedule);
    ASSERT_TRUE(trace.has_value());
    const MemoryProfile got = profile(graph, schedule, *trace);
    ASSERT_EQ(got.runs.size(), graph.ops().size());
    for (const RunProfile& run : got.runs) {
      std::int64_t sum = trace->static_bytes.count() + run.workspace;
      for (const std::int64_t bytes : run.made) sum += bytes;
      ASSERT_EQ(Bytes(sum), trace->live[run.action]) << "seed " << seed;
    }
    EXPECT_NEAR(got.is_timed ? got.duration : 0, trace->seconds.count(), 1e-9);
  }
}

TEST(MemoryProfile, TellsRecomputationFromTheFirstRun) {
  const TrainingGraph graph = chain(4, Seconds(1));
  const Schedule schedule = with_second_forward(graph, 4);
  const auto trace = simulate(graph, schedule);
  ASSERT_TRUE(trace.has_value());
  std::string letters;
  for (const RunProfile& run : profile(graph, schedule, *trace).runs) {
    letters += "FRBU"[static_cast<std::size_t>(run.activity)];
  }
  EXPECT_EQ(letters, "FFFFBRRBBBB");
}

TEST(MemoryProfile, SamplesKeepThePeak) {
  const TrainingGraph graph = chain(50, Seconds(1));
  const Schedule schedule = plain_schedule(graph);
  const auto trace = simulate(graph, schedule);
  ASSERT_TRUE(trace.has_value());
  const MemoryProfile whole = profile(graph, schedule, *trace);
  for (const std::size_t count : {1U, 3U, 7U, 100U, 900U}) {
    const std::vector<Sample> samples = sample(whole, count);
    ASSERT_EQ(samples.size(), count);
    std::int64_t most = 0;
    for (const Sample& s : samples) most = std::max(most, s.fullest->total);
    EXPECT_EQ(Bytes(most), trace->peak) << count;
  }
}

TEST(Timeline, SaysWhatMatters) {
  const TrainingGraph graph = chain(8, Seconds(1e-3), "a <b> & \"c\"");
  const Schedule schedule = with_second_forward(graph, 8);
  const std::string svg = draw(graph, schedule, {.budget = 20_MiB, .compare_with_plain = true});
  EXPECT_EQ(xml_complaint(svg), "");
  EXPECT_THAT(
      svg,
      AllOf(HasSubstr("a &lt;b&gt; &amp; &quot;c&quot;"), HasSubstr("budget 20.00 MiB"),
            HasSubstr("stroke-dasharray"), HasSubstr("recomputation"), HasSubstr("4 ops run again"),
            HasSubstr("plain iteration"), HasSubstr("in the &lt;loss&gt; &amp; &quot;more&quot;"),
            HasSubstr("static (parameters, inputs)"), HasSubstr(" ms<")));
}

TEST(Timeline, HasNoBudgetLineWithoutABudget) {
  const TrainingGraph graph = chain(3, Seconds(1));
  const std::string svg = draw(graph, plain_schedule(graph));
  EXPECT_THAT(svg, AllOf(Not(HasSubstr("budget")), Not(HasSubstr("recomputation")),
                         HasSubstr("nothing runs again")));
}

TEST(Timeline, CountsRunsWhereNothingTakesTime) {
  const TrainingGraph graph = chain(3, Seconds(0));
  const std::string svg = draw(graph, plain_schedule(graph));
  EXPECT_EQ(xml_complaint(svg), "");
  EXPECT_THAT(svg, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf")), HasSubstr(">runs<"),
                         Not(HasSubstr(">time<"))));
}

TEST(Timeline, IsWellFormedOnRandomGraphsAndDeterministic) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed);
    const TimelineOptions options{.budget = Bytes(static_cast<std::int64_t>(seed) * 100),
                                  .compare_with_plain = seed % 2 == 0};
    const std::string svg = draw(graph, plain_schedule(graph), options);
    ASSERT_EQ(xml_complaint(svg), "") << "seed " << seed;
    EXPECT_THAT(svg, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf")))) << "seed " << seed;
    EXPECT_EQ(svg, draw(graph, plain_schedule(graph), options));
  }
}

TEST(Timeline, StaysSmallForLongSchedules) {
  const int n = 10'000;
  const TrainingGraph graph = chain(n, Seconds(1e-3));
  const Schedule schedule = with_second_forward(graph, n);
  EXPECT_GT(schedule.size(), 40'000U);
  const std::string svg = draw(graph, schedule, {.budget = 100_MiB, .compare_with_plain = true});
  EXPECT_EQ(xml_complaint(svg), "");
  EXPECT_LT(svg.size(), 300'000U);
}

TEST(Curve, DrawsStepsOthersAndThePlainPeak) {
  const std::vector<CurvePoint> points = {{40_MiB, 0.4}, {100_MiB, 0}, {60_MiB, 0.1}};
  const std::string svg = curve_svg(
      points, {.title = "t & u",
               .others = {{"<peer>", {{50_MiB, 0.9}}, CurveStyle::kDots},
                          {"lower bound", {{40_MiB, 0.3}, {70_MiB, 0}}, CurveStyle::kBound}},
               .plain_peak = 100_MiB});
  EXPECT_EQ(xml_complaint(svg), "");
  EXPECT_THAT(svg,
              AllOf(HasSubstr("t &amp; u"), HasSubstr("&lt;peer&gt;"), HasSubstr("lower bound"),
                    HasSubstr("plain iteration: 100.00 MiB"), HasSubstr("80 %")));
  EXPECT_EQ(
      svg, curve_svg({points[2], points[0], points[1]},
                     {.title = "t & u",
                      .others = {{"<peer>", {{50_MiB, 0.9}}, CurveStyle::kDots},
                                 {"lower bound", {{70_MiB, 0}, {40_MiB, 0.3}}, CurveStyle::kBound}},
                      .plain_peak = 100_MiB}))
      << "the order of the points matters";
}

TEST(Curve, IgnoresDominatedPoints) {
  const std::vector<CurvePoint> points = {{40_MiB, 0.4}, {60_MiB, 0.1}, {100_MiB, 0}};
  std::vector<CurvePoint> more = points;
  more.push_back({50_MiB, 0.4});
  more.push_back({60_MiB, 0.2});
  more.push_back({70_MiB, std::numeric_limits<double>::quiet_NaN()});
  EXPECT_EQ(curve_svg(points), curve_svg(more));
}

TEST(Curve, AcceptsFewPoints) {
  for (const auto& points : {std::vector<CurvePoint>{}, {{0_B, 0}}, {{1_B, -0.2}}, {{5_GiB, 3}}}) {
    const std::string svg = curve_svg(points);
    EXPECT_EQ(xml_complaint(svg), "");
    EXPECT_THAT(svg, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
  }
}

TEST(Svg, EscapesAndRepairsText) {
  EXPECT_EQ(escape_xml("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
  EXPECT_EQ(escape_xml("µ→😀"), "µ→😀");
  const std::string replaced = "\xEF\xBF\xBD";
  EXPECT_EQ(escape_xml(std::string("\x01\n\x7F", 3)), replaced + replaced + replaced);
  EXPECT_EQ(escape_xml("\xC3"), replaced);                                // cut off
  EXPECT_EQ(escape_xml("\xC0\xAF"), replaced + replaced);                 // overlong
  EXPECT_EQ(escape_xml("\xED\xA0\x80"), replaced + replaced + replaced);  // a surrogate
  EXPECT_EQ(shortened("µµµµµ", 3), "µµ…");
  EXPECT_EQ(shortened("µµµ", 3), "µµµ");
}

std::vector<std::string> labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> all;
  for (const Tick& tick : ticks) all.push_back(tick.label);
  return all;
}

TEST(Plot, TicksAreRoundAndReadable) {
  EXPECT_THAT(labels(byte_ticks(0, 250e6, 6)), ElementsAre("0", "64 MiB", "128 MiB", "192 MiB"));
  EXPECT_THAT(labels(byte_ticks(0, 3.2 * 1024 * 1024 * 1024, 4)),
              ElementsAre("0", "1 GiB", "2 GiB", "3 GiB"));
  EXPECT_THAT(labels(second_ticks(0, 0.0032, 4)), ElementsAre("0", "1 ms", "2 ms", "3 ms"));
  EXPECT_THAT(labels(second_ticks(0, 5e12, 3)), ElementsAre("0", "2e+12 s", "4e+12 s"));
  EXPECT_THAT(labels(percent_ticks(0, 0.031, 4)), ElementsAre("0", "1 %", "2 %", "3 %"));
  EXPECT_THAT(labels(percent_ticks(-0.1, 0.1, 2)), ElementsAre("-10 %", "0", "10 %"));
  EXPECT_THAT(labels(byte_ticks(0, 3, 10)), ElementsAre("0", "1 B", "2 B", "3 B"));
}

}  // namespace
}  // namespace rockmate
