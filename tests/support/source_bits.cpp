#include "support/source_bits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/interpreter.h"
#include "support/interpreter_engine.h"

namespace rockmate::testing {

std::map<ValueId, Bits> source_bits(const TrainingModel& model) {
  const Interpreter sources(model);
  std::map<ValueId, Bits> values;
  for (const Source& source : model.sources) {
    const TensorType& type = model.types[source.value];
    Bits& bits = values[source.value];
    bits.resize(static_cast<std::size_t>(type.bytes().count()));
    from_doubles(sources[source.value].data, type, bits.data());
  }
  return values;
}

void expect_near(const Bits& found, const Bits& expected, const TensorType& type, double least,
                 double relative) {
  const auto x = to_doubles(type, found.data());
  const auto y = to_doubles(type, expected.data());
  double largest = least;
  for (const double e : y) largest = std::max(largest, std::abs(e));
  const double tolerance = is_floating(type.dtype) ? relative * largest : 0;
  for (std::size_t e = 0; e < x.size(); ++e) ASSERT_NEAR(x[e], y[e], tolerance) << "element " << e;
}

}  // namespace rockmate::testing
