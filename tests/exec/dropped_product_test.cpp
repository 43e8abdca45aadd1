// Attention with dropout on the cpu engine: the kernels that mark what is dropped by a minus sign,
// and those that read it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "exec/engine.h"
#include "rockmate/graph_builder.h"
#include "support/fused_examples.h"
#include "support/kernel_check.h"
#include "support/models.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

struct Case {
  Shape leading;  // of all operands
  std::int64_t queries, keys, width;
  double rate;
  bool is_causal = false;
  bool is_shared = false;  // the scores have no leading axes
  bool is_right = false;   // y^T = v^T d^T
};
void PrintTo(const Case& each, std::ostream* out) {
  *out << fmt::format("{} x {} x {}", each.queries, each.keys, each.width);
}

class DroppedProducts : public ::testing::TestWithParam<Case> {
 protected:
  static TrainingModel model() {
    const Case& c = GetParam();
    GraphBuilder b("attention");
    const auto param = [&](const char* name, std::int64_t rows, std::int64_t columns, bool leads) {
      Shape shape = leads ? c.leading : Shape{};
      shape.insert(shape.end(), {rows, columns});
      return b.parameter(name, shape, {Fill::Kind::kUniform, 1});
    };
    const TensorId q = param("q", c.queries, 5, !c.is_shared);
    const TensorId k = param("k", c.keys, 5, !c.is_shared);
    TensorId scores = b.scale(b.matmul(q, k, false, true), 0.7);
    if (c.is_causal) {
      const std::vector<double> all(static_cast<std::size_t>(c.queries * c.keys), 1);
      const TensorId ones = b.constant("ones", {DType::kFloat32, {c.queries, c.keys}}, all);
      scores = b.where(b.less(b.scalar(0), b.trilu(ones, false)), scores, b.scalar(-1e9));
    }
    const TensorId d = b.dropout(b.softmax(scores), c.rate);
    const TensorId v = param("v", c.keys, c.width, true);
    const TensorId y = c.is_right ? b.matmul(v, d, true, true) : b.matmul(d, v);
    b.loss(b.reduce_mean(b.mul(y, y)));
    TrainingOptions options;
    options.fuse = true;
    return make_training_model(std::move(b).build(), options);
  }
};

// The softmax, both products, and the gradient of the softmax.
TEST_P(DroppedProducts, AreRightOnAnyThreads) {
  const auto reads_signs = [](const std::string& parts) {
    return parts.ends_with("softmax dropout") || parts == "relu scale matmul" ||
           parts.starts_with("relu_gradient scale softmax_gradient abs_gradient");
  };
  EXPECT_EQ(testing::check_kernels(model(), reads_signs, 1e-5), 4);
}

// What they make of the signs is there in part, at most.
TEST_P(DroppedProducts, HaveAWorkspaceOfBlocks) {
  const TrainingModel made = model();
  for (std::size_t o = 0; o < made.kernels.size(); ++o) {
    if (testing::parts_of(made.kernels[OpId(o)]) != "relu scale matmul") continue;
    const KernelSpec spec = kernel_spec(made, OpId(o));
    const Bytes found = make_cpu_engine(1)->workspace(spec);
    EXPECT_EQ(make_cpu_engine(5)->workspace(spec), found);
    const std::int64_t matrices =
        GetParam().is_shared ? 1 : std::min<std::int64_t>(element_count(GetParam().leading), 8);
    const Bytes matrix(GetParam().queries * GetParam().keys * 4);
    EXPECT_LE(found, Bytes(matrices * aligned(matrix).count()));
  }
}

INSTANTIATE_TEST_SUITE_P(Attention, DroppedProducts,
                         ::testing::Values(Case{{1}, 1, 1, 1, 0.5}, Case{{3}, 7, 5, 3, 0.25},
                                           Case{{3, 2}, 33, 33, 8, 0.1, true},
                                           Case{{1, 1}, 70, 131, 64, 0.9},
                                           Case{{2, 5}, 24, 24, 16, 0.0, true},
                                           Case{{1}, 300, 300, 3, 0.1, true},
                                           Case{{2}, 517, 13, 5, 0.1}, Case{{2}, 9, 7, 1030, 0.3},
                                           Case{{3}, 29, 31, 7, 0.2, false, true},
                                           Case{{2, 3}, 19, 23, 9, 0.4, false, false, true},
                                           Case{{2}, 20, 17, 300, 0.4, false, false, true},
                                           Case{{2}, 1030, 5, 270, 0.4, false, false, true}));

}  // namespace
}  // namespace rockmate
