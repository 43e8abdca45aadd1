#include "exec/initial_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "rockmate/error.h"
#include "support/interpreter_engine.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

std::vector<std::byte> room(const TensorType& type) {
  return std::vector<std::byte>(static_cast<std::size_t>(type.bytes().count()));
}

std::vector<double> initial(const TensorType& type, const Source& source, std::uint64_t seed = 1,
                            std::size_t position = 0, int threads = 1) {
  auto bytes = room(type);
  write_initial_values({source, position, type, bytes}, seed, threads);
  return testing::to_doubles(type, bytes.data());
}

std::vector<double> synthetic(const TensorType& type, const Source& source,
                              std::uint64_t step = 0) {
  auto bytes = room(type);
  write_synthetic_data({source, 0, type, bytes}, 1, step, 1);
  return testing::to_doubles(type, bytes.data());
}

Source filled(Fill::Kind kind, double value) { return {ValueId(0), false, {kind, value}, nullptr}; }

struct Moments {
  double mean, deviation;
};
Moments moments(const std::vector<double>& elements) {
  const auto count = static_cast<double>(elements.size());
  const double mean = std::accumulate(elements.begin(), elements.end(), 0.0) / count;
  double square = 0;
  for (const double element : elements) square += (element - mean) * (element - mean);
  return {mean, std::sqrt(square / count)};
}

const TensorType kMany{DType::kFloat32, {200, 200}};

TEST(InitialValues, AreTheFill) {
  EXPECT_THAT(initial({DType::kFloat64, {3}}, filled(Fill::Kind::kConstant, 0.1)), Each(0.1));
  const auto uniform = initial(kMany, filled(Fill::Kind::kUniform, 3));
  EXPECT_THAT(uniform, Each(::testing::AllOf(::testing::Ge(-3), ::testing::Lt(3))));
  EXPECT_NEAR(moments(uniform).mean, 0, 0.05);
  EXPECT_NEAR(moments(uniform).deviation, 3 / std::sqrt(3.0), 0.05);
  const auto normal = initial(kMany, filled(Fill::Kind::kNormal, 0.02));
  EXPECT_NEAR(moments(normal).mean, 0, 0.001);
  EXPECT_NEAR(moments(normal).deviation, 0.02, 0.001);
}

TEST(InitialValues, AreTheDataWhereThereAreAny) {
  Source source = filled(Fill::Kind::kNormal, 1);
  source.data = std::make_shared<const std::vector<double>>(std::vector<double>{0, 1, 2, 3});
  for (const DType dtype :
       {DType::kFloat64, DType::kFloat32, DType::kInt64, DType::kInt32, DType::kUInt8}) {
    EXPECT_THAT(initial({dtype, {2, 2}}, source), ElementsAre(0, 1, 2, 3));
  }
  EXPECT_THAT(initial({DType::kBool, {4}}, source), ElementsAre(0, 1, 1, 1));
}

TEST(InitialValues, AreAFunctionOfSeedAndPositionAlone) {
  const Source source = filled(Fill::Kind::kNormal, 1);
  const auto values = initial(kMany, source, 1, 5, 1);
  EXPECT_EQ(values, initial(kMany, source, 1, 5, 2)) << "threads";
  EXPECT_NE(values, initial(kMany, source, 2, 5, 1)) << "seed";
  EXPECT_NE(values, initial(kMany, source, 1, 6, 1)) << "position";
}

TEST(InitialValues, OfSixteenBitsAreRefused) {
  EXPECT_THAT(
      testing::message_of([] {
        static_cast<void>(initial({DType::kFloat16, {2}}, filled(Fill::Kind::kConstant, 1)));
      }),
      ::testing::HasSubstr("float16[2] cannot be given initial values"));
}

TEST(SyntheticData, AreNormalOrWithinTheRange) {
  Source source = filled(Fill::Kind::kConstant, 0);
  source.is_given = true;
  EXPECT_NEAR(moments(synthetic(kMany, source)).deviation, 1, 0.05);
  EXPECT_NE(synthetic(kMany, source, 0), synthetic(kMany, source, 1));

  const TensorType whole{DType::kInt64, {10'000}};
  EXPECT_THAT(synthetic(whole, source), Each(::testing::AnyOf(0, 1)));
  source.indices = IndexRange{7, -100};
  const auto indices = synthetic(whole, source);
  EXPECT_THAT(indices, Each(::testing::AllOf(::testing::Ge(0), ::testing::Lt(7))));
  for (int i = 0; i < 7; ++i) {
    EXPECT_NEAR(static_cast<double>(std::count(indices.begin(), indices.end(), i)), 10'000.0 / 7,
                150);
  }
  source.indices = IndexRange{2};
  EXPECT_THAT(synthetic(kMany, source), Each(::testing::AnyOf(0, 1))) << "labels";
}

}  // namespace
}  // namespace rockmate
