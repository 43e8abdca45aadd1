// Broken models, one misuse each: InvalidInput with one line that says where and what.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "rockmate/error.h"
#include "rockmate/onnx.h"
#include "support/files.h"
#include "support/onnx_model.h"

namespace rockmate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::OnnxModel;
using ::testing::StartsWith;
using testing::TemporaryFolder;

std::string message_of(const std::string& bytes, const OnnxOptions& options = {}) {
  try {
    static_cast<void>(import_onnx_bytes(bytes, "m.onnx", options));
  } catch (const InvalidInput& error) {
    return error.what();
  }
  return "no error";
}

OnnxModel linear() {
  OnnxModel model;
  model.input("x", {4, 8}).initializer("w", {8, 2}, std::vector<float>(16, 0.5F));
  return model.node("MatMul", {"x", "w"}, {"y"}).output("y");
}

TEST(OnnxErrors, TheValidModelIsValid) { EXPECT_EQ(message_of(linear().bytes()), "no error"); }

TEST(OnnxErrors, NoModelAtAll) {
  EXPECT_THAT(message_of(""), AllOf(StartsWith("m.onnx: "), HasSubstr("no outputs")));
  EXPECT_THAT(message_of("{\"format\": 1}"), HasSubstr("found no ONNX model"));
}

TEST(OnnxErrors, EveryTruncationIsAnError) {
  const std::string bytes = linear().bytes();
  for (std::size_t size = 0; size + 1 < bytes.size(); ++size) {
    const std::string message = message_of(bytes.substr(0, size));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
  }
}

TEST(OnnxErrors, EveryFlippedByteIsAnErrorOrAGraph) {
  const std::string bytes = linear().bytes();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      std::string broken = bytes;
      broken[at] = static_cast<char>(broken[at] ^ (1 << bit));
      EXPECT_THAT(message_of(broken), Not(HasSubstr("\n")));
    }
  }
}

TEST(OnnxErrors, OpsThatAreMissingAreAllNamed) {
  OnnxModel model;
  model.input("x", {4}).node("TopK", {"x"}, {"a"}).node("Loop", {"a"}, {"b"});
  model.node("Loop", {"b"}, {"y"}).output("y");
  EXPECT_THAT(message_of(model.bytes()),
              AllOf(HasSubstr("opset 17"), HasSubstr("TopK (node 'TopK_a')"),
                    HasSubstr("Loop (node 'Loop_b' and 1 more)")));
}

TEST(OnnxErrors, InputsThatNobodyMakes) {
  OnnxModel model;
  model.input("x", {4}).node("Add", {"x", "ghost"}, {"y"}).output("y");
  EXPECT_THAT(message_of(model.bytes()),
              AllOf(HasSubstr("node 'Add_y' (Add)"), HasSubstr("'ghost'")));
}

TEST(OnnxErrors, CyclesAreInputsMadeLater) {
  OnnxModel model;
  model.input("x", {4}).node("Add", {"x", "b"}, {"a"}).node("Relu", {"a"}, {"b"}).output("b");
  EXPECT_THAT(message_of(model.bytes()), HasSubstr("made by no node before this one"));
}

TEST(OnnxErrors, NamesTwice) {
  OnnxModel model;
  model.input("x", {4}).node("Relu", {"x"}, {"y"}).node("Tanh", {"x"}, {"y"}).output("y");
  EXPECT_THAT(message_of(model.bytes()), HasSubstr("'y' is defined twice"));
  OnnxModel other = linear();
  other.initializer("w", {1}, {1});
  EXPECT_THAT(message_of(other.bytes()), HasSubstr("initializer 'w' is given twice"));
}

TEST(OnnxErrors, InitializersThatAreTooShort) {
  OnnxModel model = linear();
  model.proto().mutable_graph()->mutable_initializer(0)->set_dims(0, 9);
  EXPECT_THAT(message_of(model.bytes()),
              AllOf(HasSubstr("initializer 'w'"), HasSubstr("16 elements"), HasSubstr("18")));
  model.proto().mutable_graph()->mutable_initializer(0)->set_dims(0, std::int64_t{1} << 62);
  EXPECT_THAT(message_of(model.bytes()), HasSubstr("initializer 'w'"));
  model.proto().mutable_graph()->mutable_initializer(0)->set_dims(0, -1);
  EXPECT_THAT(message_of(model.bytes()), HasSubstr("[-1, 2]"));
}

TEST(OnnxErrors, ElementsOfAnUnknownType) {
  OnnxModel model = linear();
  model.proto().mutable_graph()->mutable_initializer(0)->set_data_type(8);
  EXPECT_THAT(message_of(model.bytes()), HasSubstr("STRING"));
}

TEST(OnnxErrors, ExtentsThatNobodyKnows) {
  OnnxModel model;
  model.symbolic_input("x", "batch", {8}).node("Relu", {"x"}, {"y"}).output("y");
  auto& shape = *model.proto()
                     .mutable_graph()
                     ->mutable_input(0)
                     ->mutable_type()
                     ->mutable_tensor_type()
                     ->mutable_shape();
  shape.mutable_dim(1)->set_dim_param("time");
  EXPECT_THAT(message_of(model.bytes()), HasSubstr("input 'x': axis 1 is 'time'"));
  OnnxOptions options;
  options.extents = {{"time", 16}};
  EXPECT_EQ(message_of(model.bytes(), options), "no error");
  model.proto().mutable_graph()->mutable_input(0)->clear_type();
  EXPECT_THAT(message_of(model.bytes()), HasSubstr("input 'x'"));
}

TEST(OnnxErrors, AttributesOfAnotherType) {
  OnnxModel model;
  model.input("x", {1, 3, 8, 8}).input("w", {4, 3, 3, 3}).node("Conv", {"x", "w"}, {"y"});
  model.attribute("strides", std::int64_t{2}).output("y");
  EXPECT_THAT(message_of(model.bytes()),
              AllOf(HasSubstr("(Conv)"), HasSubstr("'strides'"), HasSubstr("expected INTS")));
}

TEST(OnnxErrors, AttributesBeyondReason) {
  for (const char* name : {"strides", "dilations", "pads", "kernel_shape"}) {
    OnnxModel model;
    model.input("x", {1, 3, 8, 8}).input("w", {4, 3, 3, 3}).node("Conv", {"x", "w"}, {"y"});
    const std::int64_t huge = std::int64_t{1} << 60;
    const bool pads = std::string(name) == "pads";
    model.attribute(name, std::vector<std::int64_t>(pads ? 4 : 2, huge)).output("y");
    EXPECT_THAT(message_of(model.bytes()), HasSubstr("(Conv)")) << name;
  }
}

TEST(OnnxErrors, TensorsBeyondReason) {
  OnnxModel model;
  model.input("x", {4}).wholes("s", {std::int64_t{1} << 40, std::int64_t{1} << 40});
  model.node("ConstantOfShape", {"s"}, {"c"}).node("Add", {"x", "c"}, {"y"}).output("y");
  EXPECT_THAT(message_of(model.bytes()), HasSubstr("(ConstantOfShape)"));
}

TEST(OnnxErrors, DataInputsThatDoNotExist) {
  OnnxOptions options;
  options.data_inputs = {"image"};
  EXPECT_THAT(message_of(linear().bytes(), options),
              AllOf(HasSubstr("no input 'image'"), HasSubstr("'x'")));
  options = {};
  options.batch = 0;
  EXPECT_THAT(message_of(linear().bytes(), options), HasSubstr("a batch of 0"));
}

TEST(OnnxErrors, FilesThatCannotBeRead) {
  EXPECT_THROW(static_cast<void>(import_onnx("/no/such/file.onnx")), InvalidInput);
}

// A model whose weight lies in a file beside it.
class ExternalData : public ::testing::Test {
 protected:
  std::string message_at(const std::string& location, std::int64_t offset = 0) {
    OnnxModel model = linear();
    auto& tensor = *model.proto().mutable_graph()->mutable_initializer(0);
    tensor.clear_float_data();
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    const auto add = [&](const char* key, const std::string& value) {
      auto& entry = *tensor.add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    };
    add("location", location);
    add("offset", std::to_string(offset));
    testing::write_text(folder_.path() / "model" / "m.onnx", model.bytes());
    try {
      graph_ = import_onnx(folder_.path() / "model" / "m.onnx");
    } catch (const InvalidInput& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
  std::optional<Graph> graph_;
};

TEST_F(ExternalData, IsRead) {
  std::string raw(80, '\0');
  const float value = 1.5F;
  std::memcpy(raw.data() + 16, &value, sizeof(value));
  testing::write_text(folder_.path() / "model" / "w.bin", raw);
  ASSERT_EQ(message_at("w.bin", 16), "no error");
  const Tensor& weight = (*graph_)[*graph_->find("w")];
  ASSERT_NE(weight.data, nullptr);
  EXPECT_EQ(weight.data->size(), 16U);
  EXPECT_EQ(weight.data->front(), 1.5);
  EXPECT_THAT(message_at("w.bin", 32), HasSubstr("ends at byte 80"));
}

TEST_F(ExternalData, StaysInsideTheFolder) {
  testing::write_text(folder_.path() / "secret.bin", std::string(64, '\0'));
  testing::write_text(folder_.path() / "model" / "w.bin", std::string(64, '\0'));
  EXPECT_THAT(message_at("../secret.bin"), HasSubstr("lies outside"));
  EXPECT_THAT(message_at((folder_.path() / "secret.bin").string()), HasSubstr("absolute"));
  std::filesystem::create_symlink(folder_.path() / "secret.bin",
                                  folder_.path() / "model" / "link.bin");
  EXPECT_THAT(message_at("link.bin"), HasSubstr("lies outside"));
  EXPECT_THAT(message_at("missing.bin"), HasSubstr("missing"));
  EXPECT_THAT(message_at("."), HasSubstr("external data"));
  EXPECT_EQ(message_at("w.bin"), "no error");
}

}  // namespace
}  // namespace rockmate
