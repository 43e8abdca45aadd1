// Convolutions, their gradients and poolings whose image lies in pieces, each kernel by itself
// against the interpreter: pieces as wide as vectors and not, and windows that hang over the image.
#include <gtest/gtest.h>

#include <numeric>

#include "exec/engine.h"
#include "support/kernel_check.h"

namespace rockmate {
namespace {

struct Case {
  std::string name;
  Shape pieces;  // their channels
  Shape image;   // batch, height, width
  std::int64_t channels, window, stride = 1, pad = 0;
  bool has_bias = false;
  std::vector<OpKind> behind = {};
  bool winograd = false, bf16 = false;
};
void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

std::vector<Case> cases() {
  using enum OpKind;
  return {
      {"pointwise", {16, 32}, {3, 9, 7}, 24, 1},
      {"pointwise_odd", {5, 1, 17, 33, 8}, {1, 9, 7}, 19, 1, 1, 0, true, {kRelu}},
      {"pointwise_many_pixels", {24, 40}, {2, 33, 31}, 16, 1, 1, 0, false, {kAdd, kRelu}},
      {"pointwise_strides", {48, 7}, {3, 9, 8}, 20, 1, 2, 0, true},
      {"pointwise_large_weight", {260, 130}, {3, 3, 5}, 340, 1, 1, 0, true, {kMul, kAdd, kRelu}},
      {"one_piece", {35}, {3, 9, 7}, 21, 3, 1, 1, true},
      {"window", {16, 16, 3}, {3, 11, 13}, 18, 3, 1, 1, true, {kRelu}},
      {"window_strides", {21, 12}, {1, 17, 15}, 40, 3, 2, 1, false, {kMul, kAdd, kSilu}},
      {"large_window", {7, 32, 9}, {3, 10, 12}, 17, 5, 1, 2, true, {kRelu}},
      {"bands", {64, 40}, {1, 9, 7}, 270, 3, 2, 1, true, {kRelu}},
      {"large_result", {6, 5}, {1, 93, 90}, 16, 3, 1, 1, true, {kRelu}},
      {"tiles", {24, 40}, {1, 19, 22}, 33, 3, 1, 1, true, {kRelu}, true},
      {"tiles_odd", {19, 1, 17, 30, 14}, {3, 12, 14}, 45, 3, 1, 1, false, {kMul, kAdd}, true},
      {"tiles_in_bands", {30, 17, 23}, {1, 14, 14}, 120, 3, 1, 1, true, {kAdd, kRelu}, true},
      {"rounded", {32, 19}, {3, 9, 8}, 24, 3, 1, 1, true, {kRelu}, false, true},
      {"rounded_pointwise", {32, 19}, {3, 9, 8}, 24, 1, 1, 0, true, {}, false, true},
  };
}

// A kernel and its operands.
struct Built {
  FusedParts parts;
  std::vector<TensorType> inputs, outputs;

  [[nodiscard]] std::size_t add_input(TensorType type) {
    inputs.push_back(std::move(type));
    return inputs.size() - 1;
  }
  [[nodiscard]] TrainingModel model() && {
    parts.inputs = inputs.size();
    TrainingGraphBuilder b("kernel");
    OpSpec op{.name = "op", .seconds = Seconds(1)};
    std::vector<TensorType> types;
    const auto add = [&](std::vector<std::string>& names, const TensorType& type, ValueKind kind) {
      names.push_back("value_" + std::to_string(types.size()));
      b.value({.name = names.back(), .bytes = type.bytes(), .kind = kind});
      types.push_back(type);
    };
    for (const TensorType& type : inputs) add(op.inputs, type, ValueKind::kInput);
    for (const TensorType& type : outputs) add(op.outputs, type, ValueKind::kActivation);
    Kernel kernel{OpKind::kFused, {}, {}, {}, {}, std::nullopt};
    for (std::size_t v = 0; v < types.size(); ++v) {
      (v < inputs.size() ? kernel.inputs : kernel.outputs).push_back(ValueId(v));
    }
    kernel.attributes.set("parts", std::make_shared<const FusedParts>(std::move(parts)));
    for (const std::string& name : op.outputs) b.result(name);
    b.op(std::move(op));
    TrainingModel made{.graph = std::move(b).build()};
    made.kernels.push_back(std::move(kernel));
    for (TensorType& type : types) made.types.push_back(std::move(type));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Source& source = made.sources.emplace_back();
      source.value = ValueId(i);
      source.fill = {Fill::Kind::kUniform, 1};
      source.position = i;
    }
    return made;
  }
};

class PiecedConvolutions : public ::testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] TensorType image(std::int64_t channels, std::int64_t height,
                                 std::int64_t width) const {
    return {DType::kFloat32, {extents_[0], channels, height, width}, MemoryFormat::kChannelsLast};
  }
  [[nodiscard]] TensorType image(std::int64_t channels) const {
    return image(channels, extents_[1], extents_[2]);
  }
  [[nodiscard]] TensorType whole() const {
    return image(std::reduce(GetParam().pieces.begin(), GetParam().pieces.end()));
  }
  [[nodiscard]] TensorType result() const {
    const auto extent = [](std::int64_t n) {
      return (n + 2 * GetParam().pad - GetParam().window) / GetParam().stride + 1;
    };
    return image(GetParam().channels, extent(extents_[1]), extent(extents_[2]));
  }
  [[nodiscard]] TensorType weight() const {
    return {DType::kFloat32,
            {GetParam().channels, whole().shape[1], GetParam().window, GetParam().window}};
  }
  static Attributes attributes() {
    const Case& each = GetParam();
    Attributes made{{"groups", std::int64_t{1}},
                    {"strides", Shape(2, each.stride)},
                    {"dilations", Shape(2, 1)},
                    {"pads", Shape(4, each.pad)}};
    if (each.winograd) made.set("winograd", true);
    if (each.bf16) made.set("bf16", true);
    return made;
  }

  // The concatenation; slots behind the inputs, of which there are `all`.
  void concatenate(Built& built) const {
    FusedPart concat{OpKind::kConcat, {{"axis", std::int64_t{1}}}, {}, {whole()}};
    for (const std::int64_t channels : GetParam().pieces) {
      concat.inputs.push_back(built.add_input(image(channels)));
    }
    built.parts.parts.push_back(std::move(concat));
  }
  [[nodiscard]] Built forward() const {
    Built built;
    concatenate(built);
    FusedPart conv{OpKind::kConv, attributes(), {0, built.add_input(weight())}, {result()}};
    const TensorType line{DType::kFloat32, {1, GetParam().channels, 1, 1}};
    if (GetParam().has_bias) {
      conv.inputs.push_back(built.add_input({DType::kFloat32, {GetParam().channels}}));
    }
    built.parts.parts.push_back(conv);
    for (const OpKind kind : GetParam().behind) {
      FusedPart part{kind, {}, {0}, {result()}};
      if (kind == OpKind::kRelu) part.outputs.push_back({DType::kBit, result().shape});  // a mask
      const bool is_residual = kind == OpKind::kAdd && GetParam().behind.front() == kind;
      if (kind == OpKind::kMul || kind == OpKind::kAdd) {
        part.inputs.push_back(built.add_input(is_residual ? result() : line));
      }
      built.parts.parts.push_back(std::move(part));
    }
    for (std::size_t p = 1; p < built.parts.parts.size(); ++p) {
      built.parts.parts[p].inputs.front() = built.inputs.size() + p - 1;
    }
    built.parts.outputs = {built.inputs.size() + built.parts.parts.size() - 1};
    built.outputs = {result()};
    return built;
  }
  [[nodiscard]] Built by_weight() const {
    Built built;
    concatenate(built);
    const std::size_t dy = built.add_input(result());
    const std::size_t slot = built.inputs.size();
    Attributes how = attributes();
    how.set("kernel", Shape(2, GetParam().window));
    built.parts.parts.push_back({OpKind::kConvWeightGradient, how, {slot, dy}, {weight()}});
    built.parts.outputs = {slot + 1};
    built.outputs = {weight()};
    return built;
  }
  [[nodiscard]] Built by_image() const {
    Built built;
    const std::size_t dy = built.add_input(result());
    const std::size_t w = built.add_input(weight());
    Attributes how = attributes();
    Shape rest;
    for (std::size_t a = 2; a < 4; ++a) {
      rest.push_back((whole().shape[a] + 2 * GetParam().pad - GetParam().window) %
                     GetParam().stride);
    }
    how.set("output_padding", rest);
    built.parts.parts.push_back({OpKind::kConvTranspose, how, {dy, w}, {whole()}});
    Shape starts(4, 0);
    for (const std::int64_t channels : GetParam().pieces) {
      const TensorType piece = image(channels);
      built.parts.parts.push_back(
          {OpKind::kSlice,
           {{"starts", starts}, {"sizes", piece.shape}, {"steps", Shape(4, 1)}},
           {2},
           {piece}});
      built.parts.outputs.push_back(built.parts.parts.size() + 1);
      built.outputs.push_back(piece);
      starts[1] += channels;
    }
    return built;
  }

  // A pooling reads the pieces of the same image.
  [[nodiscard]] Built pooling(OpKind kind) const {
    Built built;
    concatenate(built);
    const std::size_t slot = built.inputs.size();
    FusedPart pool{kind, attributes(), {slot}, {pooled()}};
    pool.attributes.set("kernel", Shape(2, GetParam().window));
    built.parts.outputs = {slot + 1};
    built.outputs = {pooled()};
    if (kind == OpKind::kMaxPool) {
      pool.outputs.push_back({DType::kUInt8, pooled().shape, MemoryFormat::kChannelsLast});
      built.outputs.push_back(pool.outputs.back());
      built.parts.outputs.push_back(slot + 2);
      built.parts.optional = {1};
    }
    built.parts.parts.push_back(std::move(pool));
    return built;
  }

  static void check_kernel(Built built) {
    const TrainingModel model = std::move(built).model();
    const auto is_tested = [](const std::string&) { return true; };
    EXPECT_EQ(testing::check_kernels(model, is_tested, GetParam().bf16 ? 0x1p-6 : 2e-5), 1);
  }
  [[nodiscard]] Bytes workspace(Built built) const {
    return make_cpu_engine(2)->workspace(kernel_spec(std::move(built).model(), OpId(0)));
  }
  [[nodiscard]] TensorType pooled() const {
    TensorType type = result();
    type.shape[1] = whole().shape[1];
    return type;
  }

  Shape extents_ = GetParam().image;
};

TEST_P(PiecedConvolutions, AreRight) { check_kernel(forward()); }
TEST_P(PiecedConvolutions, HaveGradientsByTheWeight) { check_kernel(by_weight()); }
TEST_P(PiecedConvolutions, HaveGradientsByThePieces) { check_kernel(by_image()); }

TEST_P(PiecedConvolutions, ArePooled) {
  if (GetParam().winograd || GetParam().bf16) return;
  check_kernel(pooling(OpKind::kMaxPool));
  check_kernel(pooling(OpKind::kAveragePool));
}

// None of them falls back to a stored image.
TEST_P(PiecedConvolutions, NeedNoRoomForTheImage) {
  extents_ = {32, 64, 64};
  const Bytes image = whole().bytes();
  EXPECT_LT(workspace(forward()), image);
  EXPECT_LT(workspace(by_weight()), image);
  EXPECT_LT(workspace(by_image()), image);
  EXPECT_EQ(workspace(pooling(OpKind::kMaxPool)), Bytes());
  EXPECT_EQ(workspace(pooling(OpKind::kAveragePool)), Bytes());
}

INSTANTIATE_TEST_SUITE_P(All, PiecedConvolutions, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace rockmate
