// The vectorized functions of spans against <cmath> in double precision, element by element: on
// numbers of all sizes, wherever in a span an element stands, and in place.

#include "exec/cpu/spans.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "exec/cpu/instruction_sets.h"
#include "exec/random.h"

namespace rockmate::cpu {
namespace {

class Spans : public ::testing::TestWithParam<std::string> {
 protected:
  Spans() { use_instruction_set(GetParam()); }
  ~Spans() override { use_instruction_set(instruction_sets().front()); }
};

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Small and large numbers of both signs, and what is special.
std::vector<float> arguments() {
  std::vector<float> list = {0.0f, -0.0f, 1.0f, -1.0f, 0.6f, 3.0f, -3.0f, 6.0f, 88.9f, -104.0f};
  std::mt19937_64 random(5);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 2000; ++i) {
    list.push_back(normal(random) * std::exp2(static_cast<float>(i % 24 - 12)));
  }
  return list;
}

using Function = double (*)(double x);
struct UnaryCase {
  OpKind kind;
  Attributes attributes;
  Function expected;
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double cumulative(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

std::vector<UnaryCase> unary_cases() {
  using enum OpKind;
  const Attributes tanh = {{"tanh", true}};
  const Attributes limits = {{"low", -0.5}, {"high", 2.0}};
  const Attributes line = {{"alpha", 0.25}, {"beta", 0.5}};
  return {
      {kRelu, {}, [](double x) { return std::max(x, 0.0); }},
      {kClip, limits, [](double x) { return std::clamp(x, -0.5, 2.0); }},
      {kLeakyRelu, {{"slope", 0.125}}, [](double x) { return x > 0 ? x : 0.125 * x; }},
      {kGelu, {}, [](double x) { return x * cumulative(x); }},
      {kGelu, tanh,
       [](double x) { return x * sigmoid(2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)); }},
      {kSigmoid, {}, sigmoid},
      {kTanh, {}, [](double x) { return std::tanh(x); }},
      {kHardSigmoid, line, [](double x) { return std::clamp(0.25 * x + 0.5, 0.0, 1.0); }},
      {kHardSwish, {}, [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {kSilu, {}, [](double x) { return x * sigmoid(x); }},
      {kExp, {}, [](double x) { return std::exp(x); }},
      {kErf, {}, [](double x) { return std::erf(x); }},
      {kAbs, {}, [](double x) { return std::abs(x); }},
      {kScale, {{"factor", 0.75}, {"offset", -1.0}}, [](double x) { return 0.75 * x - 1; }}};
}

// Relative to the result, but for results too small to matter beside the argument: there, to what
// an argument of that size can make of its own rounding.
void expect_close(float found, double expected, double x, const std::string& what) {
  if (std::abs(expected) > std::numeric_limits<float>::max()) {
    EXPECT_EQ(found, std::copysign(kInfinity, static_cast<float>(expected))) << what;
    return;
  }
  const double tolerance = 4e-7 * std::abs(expected) + 2e-7 * std::min(1.0, std::abs(x)) + 1e-38;
  EXPECT_NEAR(found, expected, tolerance) << what;
}

TEST_P(Spans, UnaryFunctionsAreAsAccurateAsFloat32) {
  const std::vector<float> x = arguments();
  for (const UnaryCase& each : unary_cases()) {
    const auto f = find_unary(each.kind, each.attributes);
    ASSERT_TRUE(f) << to_string(each.kind);
    std::vector<float> y(x.size());
    (*f)(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      expect_close(y[i], each.expected(static_cast<double>(x[i])), static_cast<double>(x[i]),
                   fmt::format("{}({})", to_string(each.kind), x[i]));
    }
  }
}

TEST_P(Spans, NotANumberPassesAndInfinityGivesLimits) {
  const std::map<OpKind, float> at_infinity = {
      {OpKind::kRelu, kInfinity}, {OpKind::kSigmoid, 1.0f},  {OpKind::kTanh, 1.0f},
      {OpKind::kErf, 1.0f},       {OpKind::kExp, kInfinity}, {OpKind::kSilu, kInfinity}};
  for (const UnaryCase& each : unary_cases()) {
    const auto f = find_unary(each.kind, each.attributes);
    std::vector<float> x = {kNaN, kInfinity};
    (*f)(x.data(), x.data(), 2);
    EXPECT_TRUE(std::isnan(x[0])) << to_string(each.kind);
    const auto limit = at_infinity.find(each.kind);
    if (limit != at_infinity.end()) {
      EXPECT_EQ(x[1], limit->second) << to_string(each.kind);
    }
  }
}

// Every length up to some vectors, from every place: the same bits as in one long span.
TEST_P(Spans, AnElementsBitsDoNotDependOnItsPlace) {
  const std::vector<float> x = arguments();
  const auto n = static_cast<std::int64_t>(x.size());
  for (const UnaryCase& each : unary_cases()) {
    const auto f = find_unary(each.kind, each.attributes);
    std::vector<float> whole(x.size());
    (*f)(x.data(), whole.data(), n);
    std::vector<float> pieces = x;
    for (std::int64_t at = 0, length = 1; at < n; at += length, length = length % 37 + 1) {
      length = std::min(length, n - at);
      (*f)(pieces.data() + at, pieces.data() + at, length);
    }
    EXPECT_EQ(std::memcmp(pieces.data(), whole.data(), x.size() * sizeof(float)), 0)
        << to_string(each.kind);
  }
}

TEST_P(Spans, BinaryTakesNumbersAndRows) {
  const auto sub = find_binary(OpKind::kSub, {});
  const std::int64_t rows = 3;
  for (std::int64_t columns = 1; columns < 40; ++columns) {
    const std::vector<float> x = arguments();
    std::vector<float> y(static_cast<std::size_t>(rows * columns));
    const Operand image = {x.data(), columns, false};
    const Operand channels = {x.data() + 100, 0, false};
    const Operand pixels = {x.data() + 200, 1, true};
    const auto at = [&](const Operand& o, std::int64_t r, std::int64_t c) {
      return o.data[r * o.stride + (o.is_scalar ? 0 : c)];
    };
    for (const auto& [a, b] : {std::pair{image, channels},
                               {image, pixels},
                               {pixels, image},
                               {pixels, channels},
                               {pixels, pixels}}) {
      (*sub)(a, b, y.data(), rows, columns);
      for (std::int64_t e = 0; e < rows * columns; ++e) {
        const std::int64_t r = e / columns, c = e % columns;
        ASSERT_EQ(y[static_cast<std::size_t>(e)], at(a, r, c) - at(b, r, c)) << columns << " " << e;
      }
    }
  }
}

TEST_P(Spans, MasksTellWhereTheGradientPasses) {
  const std::vector<float> x = arguments();
  const auto relu = find_masked(OpKind::kRelu, {});
  for (std::int64_t n = 1; n < 200; ++n) {
    const auto size = static_cast<std::size_t>(n);
    std::vector<float> y(size), dx(size);
    std::vector<std::uint8_t> mask((size + 7) / 8 + 1, 0xee);
    (*relu)(x.data(), y.data(), mask.data(), n);
    EXPECT_EQ(mask[(size + 7) / 8], 0xee) << "behind the mask";
    apply_mask(x.data(), mask.data(), 0.5f, dx.data(), n);
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_EQ(mask[i / 8] >> (i % 8) & 1, x[i] > 0 ? 1 : 0) << n << " " << i;
      ASSERT_EQ(dx[i], x[i] > 0 ? x[i] : 0.5f * x[i]) << n << " " << i;
    }
    ASSERT_EQ(n % 8 == 0 ? 0 : mask[size / 8] >> (n % 8), 0) << "spare bits";
  }
}

TEST_P(Spans, DropoutDrawsThePhiloxNumbersOfEachElement) {
  for (const double rate : {0.0, 0.25, 0.9}) {
    for (const std::uint64_t first :
         {std::uint64_t{0}, std::uint64_t{3}, (std::uint64_t{1} << 34) - 5}) {
      const std::vector<float> x(777, 3.0f);
      std::vector<float> y(x.size());
      dropout({rate, 0x123456789abcdef0, 7, 9}, first, x.data(), y.data(), 777);
      const RandomStream random(0x123456789abcdef0, 7, 9);
      const float kept = 3.0f * static_cast<float>(1 / (1 - rate));
      for (std::size_t i = 0; i < y.size(); ++i) {
        ASSERT_EQ(y[i], random.uniform(first + i) >= rate ? kept : 0.0f) << rate << " " << i;
      }
    }
  }
}

// Of any length, from any element on: whole blocks of numbers and parts of them.
TEST_P(Spans, DropoutNegatesWhatItDrops) {
  const std::vector<float> x = arguments();
  const RandomStream random(5, 1, 2);
  for (const std::int64_t n : {1, 2, 3, 5, 15, 31, 32, 33, 63, 64, 65, 130}) {
    for (std::uint64_t first = 0; first < 7; ++first) {
      const auto size = static_cast<std::size_t>(n);
      std::vector<float> y(size), kept(size);
      dropout({.rate = 0.3, .seed = 5, .stream = 1, .step = 2, .negates = true}, first, x.data(),
              y.data(), n);
      keep_positive(y.data(), 1.5F, kept.data(), n);
      for (std::size_t i = 0; i < size; ++i) {
        const float expected = random.uniform(first + i) >= 0.3 ? x[i] : -x[i];
        ASSERT_EQ(y[i], expected) << n << " " << first << " " << i;
        ASSERT_EQ(kept[i], expected > 0 ? 1.5F * expected : 0) << n << " " << first << " " << i;
      }
    }
  }
}

TEST_P(Spans, SelectAndScaleShift) {
  const std::vector<float> x = arguments();
  std::vector<std::uint8_t> condition(100);
  for (std::size_t i = 0; i < condition.size(); ++i)
    condition[i] = static_cast<std::uint8_t>(i % 3);
  std::vector<float> y(100);
  select(condition.data(), false, {x.data()}, {x.data() + 500, 0, true}, y.data(), 100);
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], condition[i] != 0 ? x[i] : x[500]);
  select(&condition[1], true, {x.data()}, {x.data() + 500}, y.data(), 37);
  for (std::size_t i = 0; i < 37; ++i) ASSERT_EQ(y[i], x[i]);
  for (const std::int64_t columns : {1, 3, 17, 24, 50}) {
    scale_shift(x.data(), x.data() + 300, x.data() + 400, y.data(), 2, columns);
    for (std::int64_t e = 0; e < 2 * columns; ++e) {
      const auto at = [&](std::int64_t i) {
        return static_cast<double>(x[static_cast<std::size_t>(i)]);
      };
      const double expected = at(e) * at(300 + e % columns) + at(400 + e % columns);
      ASSERT_NEAR(y[static_cast<std::size_t>(e)], expected,
                  2e-7 * (1 + std::abs(expected) + std::abs(at(400 + e % columns))));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, Spans, ::testing::ValuesIn(instruction_sets()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace rockmate::cpu
