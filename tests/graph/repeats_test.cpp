#include "graph/repeats.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "support/random_graph.h"

namespace rockmate {
namespace {

// Whether one block is the other under a mapping of ops and values by position: checked use by use
// on the graph, without the description that find_repeats makes.
class Isomorphism {
 public:
  Isomorphism(const TrainingGraph& graph, const BlockNames& a, const BlockNames& b)
      : graph_(graph),
        a_(a),
        b_(b),
        inside_a_(a.ops.begin(), a.ops.end()),
        inside_b_(b.ops.begin(), b.ops.end()) {}

  bool holds() {
    if (a_.ops.size() != b_.ops.size() || a_.values.size() != b_.values.size()) return false;
    for (std::size_t k = 0; k < a_.values.size(); ++k) map_[a_.values[k]] = b_.values[k];
    if (std::set<ValueId>(b_.values.begin(), b_.values.end()).size() != b_.values.size()) {
      return false;
    }
    for (std::size_t k = 0; k < a_.ops.size(); ++k) {
      if (!same_op(graph_[a_.ops[k]], graph_[b_.ops[k]])) return false;
    }
    for (const auto& [u, v] : map_) {
      if (!same_value(graph_[u], graph_[v])) return false;
      for (const auto& [other_u, other_v] : map_) {
        if ((graph_[u].storage == graph_[other_u].storage) !=
            (graph_[v].storage == graph_[other_v].storage)) {
          return false;
        }
      }
    }
    return true;
  }

 private:
  bool same_uses(const std::vector<ValueId>& a, const std::vector<ValueId>& b) const {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](ValueId u, ValueId v) { return map_.contains(u) && map_.at(u) == v; });
  }

  bool same_op(const Op& a, const Op& b) const {
    const auto same_way = [](const Implementation& i, const Implementation& j) {
      return i.seconds == j.seconds && i.workspace == j.workspace;
    };
    return a.phase == b.phase && a.recomputable == b.recomputable &&
           same_uses(a.inputs, b.inputs) && same_uses(a.outputs, b.outputs) &&
           same_uses(a.optional, b.optional) && same_uses(a.accumulates, b.accumulates) &&
           same_uses(a.updates, b.updates) &&
           std::equal(a.in_place.begin(), a.in_place.end(), b.in_place.begin(), b.in_place.end(),
                      [&](const InPlace& i, const InPlace& j) {
                        return map_.at(i.output) == j.output && map_.at(i.input) == j.input;
                      }) &&
           std::equal(a.implementations.begin(), a.implementations.end(), b.implementations.begin(),
                      b.implementations.end(), same_way);
  }

  static bool is_made(const Value& value, const std::set<OpId>& inside) {
    return (value.producer && inside.contains(*value.producer)) ||
           std::any_of(value.contributors.begin(), value.contributors.end(),
                       [&](OpId op) { return inside.contains(op); });
  }
  static bool is_read_outside(const Value& value, const std::set<OpId>& inside) {
    return std::any_of(value.readers.begin(), value.readers.end(),
                       [&](OpId op) { return !inside.contains(op); });
  }

  bool same_value(const Value& a, const Value& b) const {
    if (graph_[a.storage].bytes != graph_[b.storage].bytes) return false;
    const bool is_local = is_made(a, inside_a_);
    if (is_local != is_made(b, inside_b_)) return false;
    if (!is_local) return true;
    return a.is_result == b.is_result &&
           is_read_outside(a, inside_a_) == is_read_outside(b, inside_b_);
  }

  const TrainingGraph& graph_;
  const BlockNames& a_;
  const BlockNames& b_;
  std::set<OpId> inside_a_, inside_b_;
  std::map<ValueId, ValueId> map_;
};

struct LayerOptions {
  std::string prefix = "";
  int costly_layer = -1;
  int peeked_layer = -1;  // its inner value is read at the end as well
  int result_layer = -1;  // its inner value is a result
};

constexpr int kLayers = 4;

// Each layer: in -> h -> out with a parameter, and a backward op; the first is fed by an input.
TrainingGraph layered(const LayerOptions& options) {
  const auto name = [&](const char* what, int k) {
    return fmt::format("{}{}{}", options.prefix, what, k);
  };
  TrainingGraphBuilder b("layered");
  b.value({.name = name("out", -1), .bytes = Bytes(8), .kind = ValueKind::kInput});
  OpSpec loss{.name = "loss", .phase = Phase::kLoss, .seconds = Seconds(1)};
  for (int k = 0; k < kLayers; ++k) {
    b.value({.name = name("w", k), .bytes = Bytes(3), .kind = ValueKind::kParameter});
    b.value({.name = name("h", k), .bytes = Bytes(16)})
        .value({.name = name("out", k), .bytes = Bytes(8)});
    b.op({.name = name("f", k),
          .seconds = Seconds(k == options.costly_layer ? 2 : 1),
          .inputs = {name("out", k - 1), name("w", k)},
          .outputs = {name("h", k)}});
    b.op({.name = name("g", k),
          .seconds = Seconds(1),
          .inputs = {name("h", k)},
          .outputs = {name("out", k)}});
    if (k == options.peeked_layer) loss.inputs.push_back(name("h", k));
    if (k == options.result_layer) b.result(name("h", k));
  }
  b.value({.name = name("d", kLayers - 1), .bytes = Bytes(8), .kind = ValueKind::kGradient});
  loss.outputs = {name("d", kLayers - 1)};
  b.op(std::move(loss));
  for (int k = kLayers - 1; k >= 0; --k) {
    b.value({.name = name("d", k - 1), .bytes = Bytes(8), .kind = ValueKind::kGradient});
    b.op({.name = name("b", k),
          .phase = Phase::kBackward,
          .seconds = Seconds(1),
          .inputs = {name("d", k), name("h", k), name("w", k)},
          .outputs = {name("d", k - 1)}});
  }
  b.result(name("d", -1));
  return std::move(b).build();
}

const std::vector<std::size_t> kLayerCuts = {2, 4, 6};

std::vector<std::size_t> classes(const LayerOptions& options) {
  const TrainingGraph graph = layered(options);
  return find_repeats(graph, cut_chain(graph, kLayerCuts)).class_of;
}

using Classes = std::vector<std::size_t>;

TEST(Repeats, DoNotDependOnWhatFeedsABlockOrOnNames) {
  // The last block also has the loss, the first one makes a result.
  EXPECT_EQ(classes({}), (Classes{0, 1, 1, 2}));
  const TrainingGraph plain = layered({});
  const TrainingGraph renamed = layered({.prefix = "other."});
  EXPECT_EQ(find_repeats(plain, cut_chain(plain, kLayerCuts)).hash,
            find_repeats(renamed, cut_chain(renamed, kLayerCuts)).hash);
}

TEST(Repeats, TakeADataInputForAnActivation) {
  TrainingGraphBuilder b("relus");
  b.value({.name = "x", .bytes = Bytes(4), .kind = ValueKind::kInput});
  for (const char* y : {"a", "b", "c"}) b.value({.name = y, .bytes = Bytes(4)});
  b.op({.name = "0", .seconds = Seconds(1), .inputs = {"x"}, .outputs = {"a"}});
  b.op({.name = "1", .seconds = Seconds(1), .inputs = {"a"}, .outputs = {"b"}});
  b.op({.name = "2", .seconds = Seconds(1), .inputs = {"b"}, .outputs = {"c"}});
  const TrainingGraph graph = std::move(b).build();
  EXPECT_EQ(find_repeats(graph, finest_chain(graph)).class_of, (Classes{0, 0, 1}));  // c: unread
}

TEST(Repeats, DistinguishCostsAndInterfaces) {
  EXPECT_EQ(classes({.costly_layer = 2}), (Classes{0, 1, 2, 3}));
  EXPECT_EQ(classes({.result_layer = 2}), (Classes{0, 1, 2, 3}));
  EXPECT_EQ(classes({.peeked_layer = 1})[1], 1U);
  EXPECT_NE(classes({.peeked_layer = 1})[1], classes({.peeked_layer = 1})[2]);
}

TEST(Repeats, DistinguishAnInputThatCannotBeTakenOver) {
  TrainingGraphBuilder b("relus in place");
  b.value({.name = "y0", .bytes = Bytes(4), .kind = ValueKind::kInput});
  for (int k = 1; k <= 4; ++k) {
    const std::string x = fmt::format("y{}", k - 1), y = fmt::format("y{}", k);
    b.value({.name = y, .bytes = Bytes(4)});
    b.op({.name = y, .seconds = Seconds(1), .inputs = {x}, .outputs = {y}, .in_place = {{y, x}}});
  }
  b.result("y4");
  const TrainingGraph graph = std::move(b).build();
  EXPECT_EQ(find_repeats(graph, finest_chain(graph)).class_of, (Classes{0, 1, 1, 2}));
}

TEST(Repeats, HashStaysTheSameForEver) {
  const TrainingGraph graph = layered({});
  const Repeats repeats = find_repeats(graph, cut_chain(graph, kLayerCuts));
  EXPECT_EQ(to_string(repeats.hash[repeats.class_of[1]]), "0fb5d78b28d469be9a2f485ceb139b2a")
      << "solutions on disk are found by this hash: raise kVersion in repeats.cpp";
}

// A chain of random layers of two forward ops and one or two backward ops, alike by chance.
TrainingGraph random_layers(std::uint64_t seed, int count) {
  std::mt19937_64 random(seed);
  const auto chance = [&] { return random() % 4 == 0; };
  TrainingGraphBuilder b("random layers");
  b.value({.name = "y-1", .bytes = Bytes(8), .kind = ValueKind::kInput});
  std::vector<OpSpec> backward;
  for (int k = 0; k < count; ++k) {
    const std::string x = fmt::format("y{}", k - 1), h = fmt::format("h{}", k);
    const std::string y = fmt::format("y{}", k), mask = fmt::format("m{}", k);
    b.value({.name = h, .bytes = Bytes(16)}).value({.name = mask, .bytes = Bytes(2)});
    const bool is_view = chance();
    b.value({.name = y, .bytes = Bytes(8), .alias_of = is_view ? std::optional(h) : std::nullopt});
    OpSpec f{.name = "f" + h, .seconds = Seconds(1), .inputs = {x}, .outputs = {h, mask}};
    if (chance()) f.optional = {mask};
    if (k > 1 && chance()) f.inputs.push_back(fmt::format("h{}", k - 2));
    OpSpec g{.name = "g" + h, .seconds = Seconds(1), .inputs = {h}, .outputs = {y}};
    if (!is_view && chance()) g.in_place = {{y, h}};
    if (chance()) g.implementations = {{"other", Seconds(2), Bytes(1), ""}};
    const std::string dy = "d" + y, dx = "d" + x;
    b.value({.name = dy, .bytes = Bytes(8)});
    OpSpec back{.name = "b" + h, .seconds = Seconds(1), .inputs = {dy, mask}};
    if (chance()) back.inputs.push_back(h);
    (chance() ? back.accumulates : back.outputs) = {dx};
    backward.push_back(std::move(back));
    b.op(std::move(f)).op(std::move(g));
  }
  b.value({.name = "dy-1", .bytes = Bytes(8)});
  const std::string last = fmt::format("y{}", count - 1);
  b.op({.name = "loss",
        .phase = Phase::kLoss,
        .seconds = Seconds(1),
        .inputs = {last},
        .outputs = {"d" + last}});
  for (auto op = backward.rbegin(); op != backward.rend(); ++op) {
    op->phase = Phase::kBackward;
    b.op(std::move(*op));
  }
  return std::move(b).build();
}

TEST(Repeats, AreExactlyTheBlocksThatAnIsomorphismJoins) {
  int equal = 0;
  int unequal = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const int layers = 40;
    const TrainingGraph graph = random_layers(seed, layers);
    std::vector<std::size_t> cuts;
    for (std::size_t k = 1; k < layers; ++k) cuts.push_back(2 * k);
    const Chain chain = cut_chain(graph, cuts);
    const Repeats repeats = find_repeats(graph, chain);
    for (std::size_t a = 0; a < chain.blocks.size(); ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        const bool is_equal = repeats.class_of[a] == repeats.class_of[b];
        EXPECT_EQ(Isomorphism(graph, repeats.names[a], repeats.names[b]).holds(), is_equal)
            << "seed " << seed << ", blocks " << a << " and " << b << '\n'
            << graph;
        ++(is_equal ? equal : unequal);
      }
    }
  }
  EXPECT_GT(equal, 100);
  EXPECT_GT(unequal, 1000);
}

TEST(Repeats, OfRandomGraphsMapOntoEachOther) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TrainingGraph graph = testing::random_graph(seed, {.forward_ops = 60});
    const Chain chain = finest_chain(graph);
    const Repeats repeats = find_repeats(graph, chain);
    for (std::size_t b = 0; b < chain.blocks.size(); ++b) {
      const std::size_t first = repeats.representative[repeats.class_of[b]];
      EXPECT_LE(first, b);
      EXPECT_TRUE(Isomorphism(graph, repeats.names[first], repeats.names[b]).holds())
          << "seed " << seed << ", blocks " << first << " and " << b;
    }
  }
}

}  // namespace
}  // namespace rockmate
