// Writes ONNX models for tests. Attributes are those of the last node.
#pragma once

#ifdef ROCKMATE_WITH_ONNX

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate::testing {

class OnnxModel {
 public:
  explicit OnnxModel(std::int64_t opset = 17);

  OnnxModel& input(const std::string& name, const Shape& shape, int type = 1);
  /// A first axis with a symbol for its extent.
  OnnxModel& symbolic_input(const std::string& name, const std::string& symbol, const Shape& rest);
  OnnxModel& initializer(const std::string& name, const Shape& shape,
                         const std::vector<float>& elements);
  OnnxModel& wholes(const std::string& name, const std::vector<std::int64_t>& elements);
  OnnxModel& node(const std::string& op, const std::vector<std::string>& inputs,
                  const std::vector<std::string>& outputs);
  OnnxModel& attribute(const std::string& name, std::int64_t value);
  OnnxModel& attribute(const std::string& name, double value);
  OnnxModel& attribute(const std::string& name, const char* value);
  OnnxModel& attribute(const std::string& name, const std::vector<std::int64_t>& value);
  /// A Constant node.
  OnnxModel& constant(const std::string& name, const Shape& shape,
                      const std::vector<float>& elements);
  OnnxModel& output(const std::string& name);

  [[nodiscard]] std::string bytes() const { return proto_.SerializeAsString(); }
  [[nodiscard]] onnx::ModelProto& proto() { return proto_; }

 private:
  onnx::GraphProto& graph() { return *proto_.mutable_graph(); }
  onnx::AttributeProto& add_attribute(const std::string& name,
                                      onnx::AttributeProto::AttributeType type);

  onnx::ModelProto proto_;
};

}  // namespace rockmate::testing

#endif
