#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "rockmate/training_graph.h"
#include "support/random_graph.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::SizeIs;

// The values and ops of a graph file, the rest of which is right.
std::string file(const std::string& values, const std::string& ops = "") {
  return R"({"format": "rockmate.graph/1", "values": [)" + values + R"(], "ops": [)" + ops + "]}";
}

std::string error_of(const std::string& text) {
  const std::string message = message_of([&] { (void)parse_graph(text, "g.json"); });
  EXPECT_EQ(message.find('\n'), std::string::npos) << "messages are one line";
  EXPECT_LT(message.size(), 1000U) << "messages are short";
  return message;
}

const std::string kX = R"({"name": "x", "bytes": 1})";

TEST(GraphJson, ReadsEveryField) {
  const TrainingGraph graph = parse_graph(R"({"format": "rockmate.graph/1", "name": "one",
      "values": [{"name": "w", "bytes": 8, "kind": "parameter", "shape": [2, 1], "dtype": "float32"},
                 {"name": "h", "bytes": 4}, {"name": "m", "bytes": 0}, {"name": "v", "alias_of": "h"},
                 {"name": "s", "bytes": 8, "kind": "parameter_gradient"}],
      "ops": [{"name": "f", "seconds": 2, "workspace": 3, "inputs": ["w"], "outputs": ["h", "m"],
               "optional": ["m"], "recomputable": false,
               "implementations": [{"name": "fast", "seconds": 1e-3, "workspace": 7, "bits": "b"}]},
              {"name": "view", "seconds": 0, "inputs": ["h"], "outputs": ["v"]},
              {"name": "b", "phase": "backward", "seconds": 1, "inputs": ["v"], "accumulates": ["s"]},
              {"name": "u", "phase": "update", "seconds": 1, "inputs": ["s"], "updates": ["w"]}],
      "results": ["s"]})",
                                          "g.json");
  std::ostringstream dump;
  dump << graph;
  EXPECT_EQ(dump.str(),
            "graph one: 4 ops, 5 values, 8 bytes static\n"
            "  forward  f(w) -> h, m  2 s, workspace 3 bytes\n"
            "  forward  view(h) -> v  0 s\n"
            "  backward b(v) ->  += s  1 s\n"
            "  update   u(s) ->  := w  1 s\n");
  const Value& w = graph[ValueId(0)];
  EXPECT_EQ(w.kind, ValueKind::kParameter);
  EXPECT_THAT(w.shape, ElementsAre(2, 1));
  EXPECT_EQ(w.dtype, "float32");
  const Op& f = graph[OpId(0)];
  EXPECT_FALSE(f.recomputable);
  EXPECT_THAT(f.optional, ElementsAre(ValueId(2)));
  ASSERT_THAT(f.implementations, SizeIs(2));
  EXPECT_EQ(f.implementations[1].name, "fast");
  EXPECT_EQ(f.implementations[1].seconds, Seconds(1e-3));
  EXPECT_EQ(f.implementations[1].workspace, Bytes(7));
  EXPECT_EQ(f.implementations[1].bits, "b");
  EXPECT_THAT(graph.results(), ElementsAre(ValueId(4)));
}

TEST(GraphJson, WrittenGraphsAreReadBackTheSame) {
  testing::RandomGraphOptions options;
  options.statistics = true;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, options);
    const TrainingGraph again = parse_graph(graph_to_json(graph), "written");
    EXPECT_EQ(graph_to_json(again), graph_to_json(graph)) << "seed " << seed;
    std::ostringstream a, b;
    a << graph;
    b << again;
    EXPECT_EQ(a.str(), b.str()) << "seed " << seed;
    for (std::size_t o = 0; o < graph.ops().size(); ++o) {
      const Op &op = graph[OpId(o)], &op_again = again[OpId(o)];
      EXPECT_EQ(op.recomputable, op_again.recomputable) << "seed " << seed << ", " << op.name;
      EXPECT_EQ(op.optional, op_again.optional);
      EXPECT_EQ(op.in_place.size(), op_again.in_place.size());
      EXPECT_EQ(op.implementations.size(), op_again.implementations.size());
    }
    EXPECT_EQ(graph.results(), again.results());
  }
}

TEST(GraphJson, WritesOneRowPerLineWithoutDefaults) {
  TrainingGraphBuilder b("g");
  b.value({.name = "x", .bytes = Bytes(4), .kind = ValueKind::kInput, .shape = {2, 2}});
  b.value({.name = "y", .bytes = Bytes(4)}).value({.name = "v", .alias_of = "y"});
  b.op({.name = "f", .seconds = Seconds(0.1), .inputs = {"x"}, .outputs = {"y"}});
  b.op({.name = "view",
        .seconds = Seconds(0),
        .inputs = {"y"},
        .outputs = {"v"},
        .recomputable = false});
  EXPECT_EQ(graph_to_json(std::move(b.result("v")).build()),
            R"({"format": "rockmate.graph/1", "name": "g",
"values": [
  {"name": "x", "bytes": 4, "kind": "input", "shape": [2, 2]},
  {"name": "y", "bytes": 4},
  {"name": "v", "alias_of": "y"}
],
"ops": [
  {"name": "f", "seconds": 0.1, "inputs": ["x"], "outputs": ["y"]},
  {"name": "view", "seconds": 0, "inputs": ["y"], "outputs": ["v"], "recomputable": false}
],
"results": ["v"]}
)");
}

TEST(GraphJson, NumbersAndNamesSurviveExactly) {
  const std::string name = "a \"quoted\" \\ name\n\t\x01 Größe 🙂";
  for (const double seconds : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.0, 1e22}) {
    TrainingGraphBuilder b(name);
    b.value({.name = name, .bytes = Bytes(std::numeric_limits<std::int64_t>::max())});
    b.op({.name = name, .seconds = Seconds(seconds), .outputs = {name}});
    const TrainingGraph again = parse_graph(graph_to_json(std::move(b).build()), "written");
    EXPECT_EQ(again.name(), name);
    EXPECT_EQ(again[OpId(0)].name, name);
    EXPECT_EQ(again[OpId(0)].seconds(), Seconds(seconds));
    EXPECT_EQ(again[ValueId(0)].bytes.count(), std::numeric_limits<std::int64_t>::max());
  }
}

TEST(GraphJson, NamesThatAreNotUtf8CannotBeWritten) {
  TrainingGraphBuilder b("\xff");
  EXPECT_THAT(message_of([&] { (void)graph_to_json(std::move(b).build()); }),
              HasSubstr("'\\xff' is not UTF-8"));
}

TEST(GraphJson, SaysWhereWhatAndWhatElse) {
  EXPECT_EQ(error_of(file(kX + R"(, {"name": "y", "bytes": 4096.0})")),
            "g.json: $.values[1].bytes: found 4096.0, expected a whole number from 0 to 2^63 - 1, "
            "without fraction or exponent");
  EXPECT_EQ(error_of(file(kX, R"({"name": "f", "seconds": "fast"})")),
            "g.json: $.ops[0].seconds: found \"fast\", expected a finite number >= 0");
}

struct Wrong {
  const char* name;
  std::string text;
  const char* message;
};
void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }

class GraphJsonRejects : public ::testing::TestWithParam<Wrong> {};
TEST_P(GraphJsonRejects, TheFile) {
  EXPECT_THAT(error_of(GetParam().text), HasSubstr(GetParam().message));
}

const Wrong kWrongs[] = {
    {"Empty", "", "g.json: $: not JSON at line 1, column 1"},
    {"Truncated", file(kX).substr(0, 65), "g.json: $.values[0].bytes: not JSON at line 1"},
    {"Trailing", file(kX) + "x", "not JSON"},
    {"Binary", std::string("\x00\xff\xfe", 3), "not JSON"},
    {"NotUtf8", "{\"format\": \"\xff\"}", "$.format: not JSON at line 1"},
    {"Comment", "// hello", "not JSON"},
    {"Deep", std::string(1'000'000, '['), "g.json: $: found a list, expected an object (a graph)"},
    {"DeepUnknown", R"({"z": )" + std::string(1'000'000, '['),
     "$.z: found another list or object, expected at most 64 of them within each other"},
    {"Number", "3", "g.json: $: found 3, expected an object (a graph)"},
    {"NoFormat", R"({"values": [], "ops": []})",
     R"($.format: found nothing, expected "rockmate.graph/1")"},
    {"OtherFormat", R"({"format": "rockmate.plan/1"})",
     R"($.format: found "rockmate.plan/1", expected "rockmate.graph/1")"},
    {"FormatNumber", R"({"format": 1})", "$.format: found 1"},
    {"NoValues", R"({"format": "rockmate.graph/1", "ops": []})", "$.values: found nothing"},
    {"NoOps", R"({"format": "rockmate.graph/1", "values": []})", "$.ops: found nothing"},
    {"ValuesObject", R"({"format": "rockmate.graph/1", "values": {}})",
     "$.values: found an object, expected a list"},
    {"ValueNull", file("null"), "$.values[0]: found null, expected an object (a value)"},
    {"ValueNoName", file(R"({"bytes": 1})"), "$.values[0].name: found nothing, expected a string"},
    {"ValueNameNumber", file(R"({"name": 1})"), "$.values[0].name: found 1, expected a string"},
    {"ValueNoBytes", file(R"({"name": "x"})"), "$.values[0].bytes: found nothing"},
    {"BytesNegative", file(R"({"name": "x", "bytes": -1})"), "$.values[0].bytes: found -1"},
    {"BytesHuge", file(R"({"name": "x", "bytes": 1e300})"), "$.values[0].bytes: found 1e300"},
    {"BytesBoolean", file(R"({"name": "x", "bytes": true})"), "$.values[0].bytes: found true"},
    {"BytesTwo63", file(R"({"name": "x", "bytes": 9223372036854775808})"),
     "$.values[0].bytes: found 9223372036854775808, expected a whole number"},
    {"BytesManyDigits", file(R"({"name": "x", "bytes": )" + std::string(300, '9') + "}"),
     "$.values[0].bytes: found 9999999999999999999999999999999999999999..., expected"},
    {"KeyTwice", file(R"({"name": "x", "bytes": 1, "bytes": 2})"),
     "$.values[0].bytes: found the key a second time"},
    {"Kind", file(R"({"name": "x", "bytes": 1, "kind": "weight"})"),
     R"($.values[0].kind: found "weight", expected input, parameter, activation, gradient)"},
    {"AliasNull", file(R"({"name": "x", "alias_of": null})"), "$.values[0].alias_of: found null"},
    {"ShapeText", file(R"({"name": "x", "bytes": 1, "shape": [2, "n"]})"),
     R"($.values[0].shape[1]: found "n")"},
    {"Phase", file(kX, R"({"name": "f", "seconds": 1, "phase": "sideways"})"),
     R"($.ops[0].phase: found "sideways", expected forward, loss, backward or update)"},
    {"NoSeconds", file(kX, R"({"name": "f"})"), "$.ops[0].seconds: found nothing"},
    {"SecondsNull", file(kX, R"({"name": "f", "seconds": null})"), "$.ops[0].seconds: found null"},
    {"SecondsNegative", file(kX, R"({"name": "f", "seconds": -0.5})"),
     "$.ops[0].seconds: found -0.5"},
    {"SecondsNan", file(kX, R"({"name": "f", "seconds": NaN})"), "$.ops[0].seconds: not JSON"},
    {"SecondsInfinity", file(kX, R"({"name": "f", "seconds": Infinity})"), "not JSON"},
    {"SecondsTooLarge", file(kX, R"({"name": "f", "seconds": 1e999})"),
     "$.ops[0].seconds: found 1e999, expected a number that a double can hold"},
    {"InputsText", file(kX, R"({"name": "f", "seconds": 1, "inputs": "x"})"),
     R"($.ops[0].inputs: found "x", expected a list)"},
    {"InputsNumber", file(kX, R"({"name": "f", "seconds": 1, "inputs": ["x", 2]})"),
     "$.ops[0].inputs[1]: found 2, expected a string"},
    {"InPlaceList", file(kX, R"({"name": "f", "seconds": 1, "in_place": ["x"]})"),
     "$.ops[0].in_place: found a list, expected an object whose members are strings"},
    {"InPlaceNumber", file(kX, R"({"name": "f", "seconds": 1, "in_place": {"a b": 1}})"),
     "$.ops[0].in_place['a b']: found 1, expected a string"},
    {"ImplementationCost",
     file(kX, R"({"name": "f", "seconds": 1, "implementations": [{"name": "i"}]})"),
     "$.ops[0].implementations[0].seconds: found nothing"},
    {"Recomputable", file(kX, R"({"name": "f", "seconds": 1, "recomputable": 1})"),
     "$.ops[0].recomputable: found 1, expected true or false"},
    {"RuleOfTheGraph", file(kX + ", " + kX), "g.json: value 'x' is declared twice"},
    {"LongName", file(R"({"name": ")" + std::string(100'000, 'n') + R"(", "bytes": -1})"),
     "$.values[0].bytes: found -1"},
    {"LongWord", file(R"({"name": "x", "bytes": 1, "kind": ")" + std::string(100'000, 'k') + "\"}"),
     "$.values[0].kind: found \"kkk"},
};
INSTANTIATE_TEST_SUITE_P(All, GraphJsonRejects, ::testing::ValuesIn(kWrongs),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(GraphJson, AViewNeedsNoBytesAndItsOwnAreIgnored) {
  const TrainingGraph graph =
      parse_graph(file(R"({"name": "y", "bytes": 4}, {"bytes": 9, "alias_of": "y", "name": "v"})",
                       R"({"name": "f", "seconds": 1, "outputs": ["y", "v"]})"),
                  "g.json");
  EXPECT_EQ(graph[ValueId(1)].bytes, Bytes(0));
}

TEST(GraphJson, UnknownKeysAreToldOncePerKindOfPlace) {
  std::vector<std::string> warnings;
  (void)parse_graph(R"({"format": "rockmate.graph/1", "origin": {"by": [1, {"name": 2}]},
      "values": [{"name": "x", "bytes": 1, "hue": 1}, {"name": "y", "bytes": 1, "hue": [[]]}],
      "ops": [{"name": "f", "seconds": 1, "hue": null}, {"name": "g", "seconds": 1}]})",
                    "g.json", &warnings);
  EXPECT_THAT(warnings, ElementsAre("g.json: unknown key 'origin' ignored",
                                    "g.json: $.values[]: unknown key 'hue' ignored",
                                    "g.json: $.ops[]: unknown key 'hue' ignored"));
}

TEST(GraphJson, WarningsAreBounded) {
  std::string text = R"({"format": "rockmate.graph/1", "values": [], "ops": [])";
  for (int k = 0; k < 1000; ++k) text += ", \"k" + std::to_string(k) + "\": 0";
  std::vector<std::string> warnings;
  (void)parse_graph(text + "}", "g.json", &warnings);
  ASSERT_THAT(warnings, SizeIs(21));
  EXPECT_EQ(warnings.back(), "g.json: more unknown keys ignored");
}

TEST(GraphJson, FilesAreNamedInErrors) {
  EXPECT_THAT(message_of([] { (void)read_graph("/no/such/file.json"); }),
              HasSubstr("/no/such/file.json: cannot be opened"));
  EXPECT_THAT(message_of([] { (void)read_graph("/"); }), HasSubstr("/: found a folder"));
}

TEST(GraphJson, FilesRoundTrip) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("rockmate-graph-" + std::to_string(std::rand()) + ".json");
  const TrainingGraph graph = testing::random_graph(1);
  write_graph(graph, path);
  EXPECT_EQ(graph_to_json(read_graph(path)), graph_to_json(graph));
  std::filesystem::remove(path);
}

TEST(GraphJson, ThirdPartyGraphsAreRead) {
  const char* shared = std::getenv("ROCKMATE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "ROCKMATE_SHARED names no folder with instances/";
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(shared) /
                                                               "instances" / "graphs")) {
    const TrainingGraph graph = read_graph(entry.path());
    EXPECT_EQ(graph_to_json(parse_graph(graph_to_json(graph), "written")), graph_to_json(graph));
    ++count;
  }
  EXPECT_GT(count, 0U);
}

}  // namespace
}  // namespace rockmate
