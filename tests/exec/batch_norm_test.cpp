// Batch normalisation with an addition and a clamp behind it, against the same steps one by one.

#include "exec/cpu/batch_norm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "exec/cpu/instruction_sets.h"

namespace rockmate::cpu {
namespace {

class BatchNorm : public ::testing::TestWithParam<std::string> {
 protected:
  BatchNorm() { use_instruction_set(GetParam()); }
  ~BatchNorm() override { use_instruction_set(instruction_sets().front()); }
};

using Floats = std::vector<float>;

Floats draw(std::int64_t count, std::uint64_t seed, float center = 0) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(center, 1);
  Floats list(static_cast<std::size_t>(count));
  for (float& each : list) each = normal(random);
  return list;
}

// Everything that a normalisation of some shape takes and makes.
struct Case {
  explicit Case(std::int64_t rows, std::int64_t channels)
      : shape{rows, channels, 1e-5},
        x(draw(rows * channels, 1, 3)),
        addend(draw(rows * channels, 2)),
        dy(draw(rows * channels, 3)),
        scale(draw(channels, 4, 1)),
        bias(draw(channels, 5)),
        mean(scale.size()),
        variance(scale.size()),
        y(x.size()),
        workspace(static_cast<std::size_t>(batch_norm_workspace(shape).count())) {}

  Floats forward(bool adds, Clamp clamp, int threads) {
    batch_norm(shape,
               {x.data(), scale.data(), bias.data(), adds ? addend.data() : nullptr, y.data(),
                mean.data(), variance.data()},
               clamp, threads, workspace);
    return y;
  }
  // dx, daddend, dscale, dbias
  std::vector<Floats> backward(const Floats& gradient, bool adds, bool has_y, Clamp clamp,
                               int threads) {
    std::vector<Floats> out = {Floats(x.size()), Floats(x.size()), scale, bias};
    BatchNormBackward t = {gradient.data(), x.data(),      mean.data(),   variance.data(),
                           scale.data(),    out[0].data(), out[2].data(), out[3].data()};
    t.y = has_y ? y.data() : nullptr;
    t.bias = bias.data();
    t.addend = adds ? addend.data() : nullptr;
    t.daddend = out[1].data();
    batch_norm_gradient(shape, t, clamp, threads, workspace);
    return out;
  }

  BatchNormShape shape;
  Floats x, addend, dy, scale, bias, mean, variance, y;
  std::vector<std::byte> workspace;
};

constexpr Clamp kRelu6 = {0, 6};

TEST_P(BatchNorm, ClampsWhatItAdds) {
  for (const std::int64_t channels : {1, 17, 58, 300}) {
    for (const bool adds : {false, true}) {
      Case c(1543, channels);
      Floats expected = c.forward(false, {}, 1);
      for (std::size_t e = 0; e < expected.size(); ++e) {
        const float sum = adds ? expected[e] + c.addend[e] : expected[e];
        expected[e] = std::clamp(sum, 0.0f, 6.0f);
      }
      EXPECT_EQ(c.forward(adds, kRelu6, 1), expected) << channels;
      EXPECT_EQ(c.forward(adds, kRelu6, 2), expected) << channels;
    }
  }
}

TEST_P(BatchNorm, StatisticsAreThoseOfDoublePrecision) {
  for (const float center : {0.0f, 100.0f}) {
    Case c(20011, 3);
    c.x = draw(20011 * 3, 8, center);
    c.x[0] = 40 * center;  // an outlier where a pivot might be taken
    c.forward(false, {}, 2);
    for (std::size_t channel = 0; channel < 3; ++channel) {
      double mean = 0, squares = 0;
      for (std::size_t e = channel; e < c.x.size(); e += 3) mean += c.x[e] / 20011.0;
      for (std::size_t e = channel; e < c.x.size(); e += 3) squares += std::pow(c.x[e] - mean, 2);
      EXPECT_NEAR(c.mean[channel], mean, 2e-7 * (1 + std::abs(mean)));
      EXPECT_NEAR(c.variance[channel], squares / 20011, 2e-6 * squares / 20011);
    }
  }
}

// The gate is the same from the result and from what it is computed from, to the bit.
TEST_P(BatchNorm, GradientFindsTheGateAgainFromX) {
  for (const std::int64_t channels : {1, 17, 58, 300}) {
    for (const bool adds : {false, true}) {
      Case c(1543, channels);
      const Floats y = c.forward(adds, kRelu6, 2);
      Floats passed = c.dy;
      for (std::size_t e = 0; e < passed.size(); ++e) {
        if (y[e] <= 0 || y[e] >= 6) passed[e] = 0;
      }
      auto expected = c.backward(passed, false, false, {}, 1);
      EXPECT_EQ(expected[1], passed);
      EXPECT_EQ(c.backward(c.dy, adds, true, kRelu6, 2), expected) << channels << " from y";
      EXPECT_EQ(c.backward(c.dy, adds, false, kRelu6, 2), expected) << channels << " from x";
      EXPECT_EQ(c.backward(c.dy, adds, false, kRelu6, 1), expected) << channels << " one thread";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, BatchNorm, ::testing::ValuesIn(instruction_sets()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace rockmate::cpu
