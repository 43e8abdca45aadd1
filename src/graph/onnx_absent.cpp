// What stands in for src/graph/onnx/ where rockmate is built without ONNX.

#ifndef ROCKMATE_WITH_ONNX

#include "rockmate/error.h"
#include "rockmate/onnx.h"

namespace rockmate {

Graph import_onnx(const std::filesystem::path& file, const OnnxOptions& options) {
  return import_onnx_bytes({}, file.string(), options);
}

Graph import_onnx_bytes(std::string_view, const std::string& origin, const OnnxOptions&) {
  throw InvalidInput(origin +
                     ": this build cannot import ONNX models; install libonnx-dev and "
                     "libprotobuf-dev and build again");
}

void export_onnx(const std::filesystem::path& model, const FindTrained&,
                 const std::filesystem::path&) {
  static_cast<void>(import_onnx_bytes({}, model.string(), {}));
}

}  // namespace rockmate

#endif
