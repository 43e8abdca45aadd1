#include "cli/model.h"

#include "cli/console.h"
#include "rockmate/error.h"

namespace rockmate::cli {

TrainingGraph load_model(const std::string& file) {
  if (file.ends_with(".onnx")) {
    throw InvalidInput(file +
                       ": this build cannot read ONNX models yet; give a training graph in "
                       "rockmate.graph/1 (.json, see docs/formats.md)");
  }
  std::vector<std::string> warnings;
  TrainingGraph graph = read_graph(file, &warnings);
  warn(warnings);
  return graph;
}

}  // namespace rockmate::cli
