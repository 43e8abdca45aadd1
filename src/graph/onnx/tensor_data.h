// Reads TensorProto: elements in typed fields, in raw bytes or in a file beside the model. The
// extents that a tensor claims are believed only where as many elements are there.
#pragma once

#include <filesystem>
#include <optional>

#include "graph/onnx/constant.h"
#include "graph/onnx/proto.h"

namespace rockmate::from_onnx {

/// Throws InvalidInput: extents that cannot be.
[[nodiscard]] TensorType type_of(const onnx::TensorProto& tensor);

class TensorReader {
 public:
  /// `folder`: where external data lie; none: they are not allowed.
  explicit TensorReader(std::optional<std::filesystem::path> folder) : folder_(std::move(folder)) {}

  /// Throws InvalidInput where elements are missing, of an unknown type or outside the folder.
  [[nodiscard]] Constant read(const onnx::TensorProto& tensor) const;
  /// Checks that the elements are there, without reading external ones.
  void check(const onnx::TensorProto& tensor) const;

 private:
  struct ExternalData {
    std::filesystem::path file;
    std::int64_t offset = 0;
    std::int64_t length = 0;
  };
  [[nodiscard]] ExternalData locate(const onnx::TensorProto& tensor) const;
  [[nodiscard]] std::string read_external(const onnx::TensorProto& tensor) const;

  std::optional<std::filesystem::path> folder_;
};

}  // namespace rockmate::from_onnx
