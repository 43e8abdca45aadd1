// Channel shuffles behind concatenations: one op with the split behind it where the network is
// used, moves of the same bits on the cpu engine as in the interpreter.
#include <gtest/gtest.h>

#include <algorithm>

#include "rockmate/graph_builder.h"
#include "support/fused_examples.h"
#include "support/kernel_check.h"

namespace rockmate {
namespace {

// Pieces of so many channels are shuffled, and parted into those of these numbers of channels.
struct Case {
  std::int64_t pieces, channels;
  Shape parts;
};
void PrintTo(const Case& each, std::ostream* out) { *out << each.pieces << " " << each.channels; }

class ChannelShuffle : public ::testing::TestWithParam<Case> {
 protected:
  static Graph graph(bool trains) {
    const auto& [pieces, channels, parts] = GetParam();
    GraphBuilder b("shuffle");
    const TensorId x = b.input("x", {3, 2, 8, 6});
    std::vector<TensorId> list;
    for (std::int64_t p = 0; p < pieces; ++p) list.push_back(b.conv(x, channels, {1}));
    const std::int64_t all = pieces * channels;
    TensorId y = b.reshape(b.concat(list, 1), {3, pieces, channels, 8, 6});
    y = b.reshape(b.transpose(y, {0, 2, 1, 3, 4}), {3, all, 8, 6});
    std::vector<TensorId> ends;
    const auto split = parts.empty() ? std::vector{y} : b.split(y, parts, 1);
    for (const TensorId part : split) {
      ends.push_back(b.reduce_mean(b.conv(part, 4, {3}), {0, 1, 2, 3}, true));
    }
    const TensorId end = b.concat(ends, 1);
    trains ? b.loss(b.reduce_mean(end, {}, false)) : b.output(end);
    return std::move(b).build();
  }
  static TrainingModel model(bool trains) {
    TrainingOptions options;
    options.fuse = options.channels_last = true;
    return trains ? make_training_model(graph(true), options)
                  : make_inference_model(graph(false), options);
  }
};

int count(const TrainingModel& model, const std::string& parts) {
  return static_cast<int>(std::ranges::count_if(
      model.kernels, [&](const Kernel& kernel) { return testing::parts_of(kernel) == parts; }));
}

// The image on its way in is brought into channels last; nothing else is transposed.
TEST_P(ChannelShuffle, IsOneOpWithTheSplit) {
  const TrainingModel used = model(false);
  EXPECT_EQ(count(used, "concat split"), GetParam().parts.empty() ? 0 : 1);
  EXPECT_EQ(count(used, "split"), 0);
  EXPECT_EQ(count(used, "transpose"), 1);
}

// Both parts are saved: neither is made from the other again.
TEST_P(ChannelShuffle, StaysApartFromTheSplitInTraining) {
  const TrainingModel trained = model(true);
  EXPECT_EQ(count(trained, "concat split"), 0);
  EXPECT_EQ(count(trained, "split"), GetParam().parts.empty() ? 0 : 1);
}

TEST_P(ChannelShuffle, MovesTheBitsOfTheInterpreter) {
  const auto moves = [](const std::string& parts) {
    return parts == "concat split" || parts == "concat";
  };
  EXPECT_GT(testing::check_kernels(model(false), moves, 0), 0);
}

INSTANTIATE_TEST_SUITE_P(All, ChannelShuffle,
                         ::testing::Values(Case{2, 24, {24, 24}}, Case{2, 7, {6, 8}},
                                           Case{2, 2, {2, 2}}, Case{2, 45, {32, 58}},
                                           Case{3, 10, {9, 6, 15}}, Case{2, 48, {}},
                                           Case{4, 3, {}}));

}  // namespace
}  // namespace rockmate
