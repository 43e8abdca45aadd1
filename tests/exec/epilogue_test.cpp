// What oneDNN does behind a convolution is found in the parts of a fused kernel: a pass over the
// result less for each of them, which no comparison of results shows.
#include "exec/cpu/onednn_epilogue.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "rockmate/graph_builder.h"
#include "support/fused_examples.h"

namespace rockmate {
namespace {

using cpu::onednn::Epilogue;

std::optional<Epilogue> epilogue(const std::function<TensorId(GraphBuilder&, TensorId)>& behind,
                                 const std::string& parts) {
  GraphBuilder b("net");
  const TensorId x = b.max_pool(b.input("x", {2, 4, 12, 12}), {2});
  b.output(b.average_pool(behind(b, b.conv(x, 8, {3}, {.padding = {1}, .bias = false})), {2}));
  TrainingOptions options;
  options.fuse = options.channels_last = true;
  const TrainingModel model = make_inference_model(std::move(b).build(), options);
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    if (testing::parts_of(model.kernels[OpId(o)]) != parts) continue;
    return Epilogue::of(kernels::KernelView(kernel_spec(model, OpId(o))));
  }
  ADD_FAILURE() << "no " << parts;
  return std::nullopt;
}

TensorId line(GraphBuilder& b, TensorId x) {
  const auto numbers = [&](const char* name) { return b.parameter(name, {1, 8, 1, 1}); };
  return b.add(b.mul(b.sub(x, numbers("mean")), numbers("factor")), numbers("bias"));
}

TEST(Epilogue, IsALineAndAClamp) {
  const auto found = epilogue([](GraphBuilder& b, TensorId x) { return b.relu6(line(b, x)); },
                              "conv sub mul add clip");
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->has_scale());
  EXPECT_TRUE(found->has_shift());
  EXPECT_TRUE(found->is_clamp());
  EXPECT_FALSE(found->addend().has_value());
}

TEST(Epilogue, AddsBeforeItClamps) {
  const auto found = epilogue(
      [](GraphBuilder& b, TensorId x) {
        return b.relu(b.add(x, b.max_pool(b.input("r", {2, 8, 12, 12}), {2})));
      },
      "conv add relu");
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->has_scale());
  EXPECT_TRUE(found->is_clamp());
  EXPECT_TRUE(found->addend().has_value());
}

TEST(Epilogue, IsNoClampWhereTheActivationIsAnother) {
  const auto found = epilogue([](GraphBuilder& b, TensorId x) { return b.silu(x); }, "conv silu");
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->is_clamp());
}

TEST(Epilogue, EndsWithItsActivation) {
  EXPECT_FALSE(epilogue([](GraphBuilder& b, TensorId x) { return line(b, b.relu(x)); },
                        "conv relu sub mul add")
                   .has_value());
}

}  // namespace
}  // namespace rockmate
