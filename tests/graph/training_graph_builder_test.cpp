// One misuse each: every rule that the builder checks, broken once in an otherwise valid graph.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "rockmate/training_graph.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

struct Specs {
  std::vector<ValueSpec> values = {{.name = "x", .bytes = Bytes(4), .kind = ValueKind::kInput},
                                   {.name = "h", .bytes = Bytes(4)},
                                   {.name = "y", .bytes = Bytes(4)},
                                   {.name = "v", .alias_of = "y"},
                                   {.name = "s", .bytes = Bytes(8)}};
  std::vector<OpSpec> ops = {
      {.name = "f", .seconds = Seconds(1), .inputs = {"x"}, .outputs = {"h"}},
      {.name = "g", .seconds = Seconds(1), .inputs = {"h"}, .outputs = {"y"}},
      {.name = "view", .seconds = Seconds(0), .inputs = {"y"}, .outputs = {"v"}},
      {.name = "b",
       .phase = Phase::kBackward,
       .seconds = Seconds(1),
       .inputs = {"v"},
       .accumulates = {"s"}}};
  std::vector<std::string> results;

  TrainingGraph build() && {
    TrainingGraphBuilder b("g");
    for (ValueSpec& value : values) b.value(std::move(value));
    for (OpSpec& op : ops) b.op(std::move(op));
    for (std::string& result : results) b.result(std::move(result));
    return std::move(b).build();
  }
};

struct Misuse {
  const char* name;
  std::function<void(Specs&)> change;
  const char* message;  // a part of it that names the culprit
};

void PrintTo(const Misuse& misuse, std::ostream* out) { *out << misuse.name; }

class BuilderRejects : public ::testing::TestWithParam<Misuse> {};

TEST_P(BuilderRejects, TheMisuse) {
  Specs specs;
  GetParam().change(specs);
  const std::string message = message_of([&] { (void)std::move(specs).build(); });
  EXPECT_THAT(message, HasSubstr(GetParam().message));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

const Misuse kMisuses[] = {
    {"DuplicateValue", [](Specs& s) { s.values.push_back(s.values[0]); },
     "value 'x' is declared twice"},
    {"NegativeBytes", [](Specs& s) { s.values[1].bytes = Bytes(-1); }, "value 'h': bytes is -1"},
    {"NegativeShape",
     [](Specs& s) {
       s.values[1].shape = {2, -3};
     },
     "value 'h': shape has -3"},
    {"ViewOfUnknown", [](Specs& s) { s.values[3].alias_of = "q"; },
     "'v' is a view of the unknown value 'q'"},
    {"ViewOfItself", [](Specs& s) { s.values[3].alias_of = "v"; }, "'v' is a view of itself"},
    {"ViewCycle", [](Specs& s) { s.values[2].alias_of = "v"; },
     "is a view of itself (a cycle of alias_of)"},
    {"ViewNobodyMakes", [](Specs& s) { s.ops[2].outputs.clear(), s.ops[3].inputs.clear(); },
     "no op makes the view 'v'"},
    {"DuplicateOp", [](Specs& s) { s.ops[1].name = "f"; }, "op 'f' is declared twice"},
    {"UnknownInput", [](Specs& s) { s.ops[0].inputs = {"q"}; },
     "op 'f': inputs names the unknown value 'q'"},
    {"UnknownOutput", [](Specs& s) { s.ops[0].outputs.push_back("q"); },
     "op 'f': outputs names the unknown value 'q'"},
    {"UnknownOptional", [](Specs& s) { s.ops[0].optional = {"q"}; },
     "op 'f': optional names the unknown value 'q'"},
    {"UnknownSum", [](Specs& s) { s.ops[3].accumulates = {"q"}; },
     "op 'b': accumulates names the unknown value 'q'"},
    {"UnknownUpdate", [](Specs& s) { s.ops[3].updates = {"q"}; },
     "op 'b': updates names the unknown value 'q'"},
    {"UnknownInPlace",
     [](Specs& s) {
       s.ops[1].in_place = {{"y", "q"}};
     },
     "op 'g': in_place names the unknown value 'q'"},
    {"UnknownResult", [](Specs& s) { s.results = {"q"}; }, "results names the unknown value 'q'"},
    {"OutputTwice",
     [](Specs& s) {
       s.ops[0].outputs = {"h", "h"};
     },
     "op 'f': outputs names a value twice"},
    {"SumTwice",
     [](Specs& s) {
       s.ops[3].accumulates = {"s", "s"};
     },
     "op 'b': accumulates names a value twice"},
    {"OptionalInput", [](Specs& s) { s.ops[0].optional = {"x"}; },
     "op 'f': optional names 'x', which is not one of its outputs"},
    {"InPlaceOfNoInput",
     [](Specs& s) {
       s.ops[1].in_place = {{"y", "x"}};
     },
     "op 'g': in_place 'y': 'x' must name one of its outputs and one of its inputs"},
    {"InPlaceView",
     [](Specs& s) {
       s.ops[2].in_place = {{"v", "y"}};
     },
     "op 'view': in_place 'v' is a view"},
    {"InPlaceTwice",
     [](Specs& s) {
       s.ops[1].inputs = {"h", "x"};
       s.ops[1].in_place = {{"y", "h"}, {"y", "x"}};
     },
     "op 'g': in_place names the output 'y' twice"},
    {"NoSeconds", [](Specs& s) { s.ops[0].seconds = Seconds(kNan); },
     "op 'f': seconds is nan, expected a finite number >= 0"},
    {"InfiniteSeconds", [](Specs& s) { s.ops[0].seconds = Seconds(kInfinity); },
     "op 'f': seconds is inf"},
    {"NegativeSeconds", [](Specs& s) { s.ops[0].seconds = Seconds(-1); }, "op 'f': seconds is -1"},
    {"NegativeWorkspace", [](Specs& s) { s.ops[0].workspace = Bytes(-1); },
     "op 'f': workspace is -1"},
    {"ImplementationWithoutSeconds", [](Specs& s) { s.ops[0].implementations = {{.name = "i"}}; },
     "op 'f': implementation 'i': seconds is nan"},
    {"ImplementationWithoutName",
     [](Specs& s) {
       s.ops[0].implementations = {{"", Seconds(1), Bytes(), ""}};
     },
     "op 'f': implementation '': expected a name"},
    {"ImplementationTwice",
     [](Specs& s) {
       s.ops[0].implementations = {{"i", Seconds(1), Bytes(), ""}, {"i", Seconds(1), Bytes(), ""}};
     },
     "op 'f': implementation 'i': expected a name that is not empty and stands once"},
    {"TooManyImplementations",
     [](Specs& s) {
       for (int k = 0; k < 65536; ++k) {
         s.ops[0].implementations.push_back({std::to_string(k), Seconds(1), Bytes(), ""});
       }
     },
     "op 'f' has 65537 implementations, expected fewer than 65536"},
    {"RecomputableSum", [](Specs& s) { s.ops[3].recomputable = true; },
     "op 'b' accumulates, so it runs once"},
    {"TwoProducers", [](Specs& s) { s.ops[1].outputs.push_back("h"); },
     "value 'h' has two producers, 'f' and 'g'"},
    {"SumIntoView", [](Specs& s) { s.ops[3].accumulates = {"v"}; },
     "op 'b' accumulates into the view 'v'"},
    {"SumOfAnOutput", [](Specs& s) { s.ops[3].accumulates = {"h"}; },
     "value 'h' is both an output of 'f' and accumulated by 'b'"},
    {"UpdateOfNoSource", [](Specs& s) { s.ops[3].updates = {"h"}; },
     "op 'b' updates 'h', which is not a source"},
    {"ViewBeforeItsOwner",
     [](Specs& s) {
       s.ops[1].outputs = {"v", "y"}, s.ops.erase(s.ops.begin() + 2);
     },
     "op 'g': its output 'v' is a view of 'y', which must stand before it in outputs"},
    {"WrongOrder", [](Specs& s) { std::swap(s.ops[0], s.ops[1]); },
     "op 'g' reads 'h' before it is made: 'ops' must stand in an order in which they can run"},
    {"ViewOfWhatIsMadeLater",
     [](Specs& s) {
       s.ops[2].inputs.clear();
       std::swap(s.ops[0], s.ops[2]);
     },
     "op 'view' reads 'y' before it is made"},
    {"SumReadTooEarly",
     [](Specs& s) {
       s.ops.push_back(s.ops[3]);
       s.ops.back().name = "b2";
       s.ops[3].inputs.push_back("s");
     },
     "op 'b' reads 's' before it is made"},
    {"Cycle", [](Specs& s) { s.ops[0].inputs.push_back("y"); },
     "the graph has a cycle through 'f' and 'g'"},
    {"BytesOverflow", [](Specs& s) { s.values[0].bytes = Bytes(kMost); },
     "the sizes of this graph add up to more than 2^63 - 1 bytes"},
    {"WorkspaceOverflow", [](Specs& s) { s.ops[0].workspace = Bytes(kMost); },
     "'f': the sizes of this graph add up to more than 2^63 - 1 bytes"},
    {"SecondsOverflow",
     [](Specs& s) {
       for (OpSpec& op : s.ops) op.seconds = Seconds(1e308);
     },
     "the seconds of all ops add up to infinity"},
};

INSTANTIATE_TEST_SUITE_P(All, BuilderRejects, ::testing::ValuesIn(kMisuses),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(TrainingGraphBuilder, AcceptsTheGraphThatTheMisusesChange) {
  const TrainingGraph graph = Specs().build();
  EXPECT_EQ(graph.static_bytes(), Bytes(4));
  EXPECT_EQ(graph.plain_seconds(), Seconds(3));
  const ValueId v = graph.find_value("v").value(), y = graph.find_value("y").value();
  EXPECT_EQ(graph[v].storage, y);
  EXPECT_EQ(graph.storage_bytes(v), Bytes(4));
  EXPECT_TRUE(graph[graph.find_op("f").value()].recomputable);
  EXPECT_FALSE(graph[graph.find_op("b").value()].recomputable);
}

TEST(TrainingGraphBuilder, HostileNamesStayOnOneShortLine) {
  Specs specs;
  specs.ops[0].name = "\n\x1b" + std::string(100'000, 'n');
  specs.ops[0].inputs = {std::string(100'000, '\n')};
  const std::string message = message_of([&] { (void)std::move(specs).build(); });
  EXPECT_LT(message.size(), 300U);
  EXPECT_THAT(message, HasSubstr("op '\\n\\x1bnnn"));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(TrainingGraphBuilder, ResultsAndInputsStandOnce) {
  Specs specs;
  specs.results = {"y", "y"};
  specs.ops[1].inputs = {"h", "h", "x"};
  const TrainingGraph graph = std::move(specs).build();
  EXPECT_EQ(graph.results().size(), 1U);
  EXPECT_EQ(graph[OpId(1)].inputs.size(), 2U);
}

}  // namespace
}  // namespace rockmate
