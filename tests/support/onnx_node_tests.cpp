#include "support/onnx_node_tests.h"

#ifdef ROCKMATE_WITH_ONNX

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "graph/onnx/tensor_data.h"
#include "rockmate/error.h"
#include "rockmate/graph_builder.h"
#include "rockmate/onnx.h"
#include "support/files.h"

namespace rockmate::testing {
namespace {

namespace fs = std::filesystem;
using from_onnx::Constant;

constexpr const char* kFolder = "/usr/share/libonnx-testdata/data/node";

struct Case {
  onnx::ModelProto model;
  std::vector<onnx::TensorProto> inputs;
  onnx::TensorProto output;
};

bool parse(const fs::path& file, google::protobuf::Message& message) {
  return fs::exists(file) && message.ParseFromString(read_text(file));
}

std::optional<Case> read_case(const fs::path& folder) {
  Case result;
  const fs::path data = folder / "test_data_set_0";
  if (!parse(folder / "model.onnx", result.model) || !parse(data / "output_0.pb", result.output)) {
    return std::nullopt;
  }
  for (int i = 0; i < result.model.graph().input_size(); ++i) {
    onnx::TensorProto tensor;
    if (!parse(data / ("input_" + std::to_string(i) + ".pb"), tensor)) return std::nullopt;
    tensor.set_name(result.model.graph().input(i).name());
    result.inputs.push_back(std::move(tensor));
  }
  auto& outputs = *result.model.mutable_graph()->mutable_output();
  while (outputs.size() > 1) outputs.RemoveLast();
  return result;
}

bool is_float(const onnx::TensorProto& tensor) {
  const auto type = tensor.data_type();
  return type == onnx::TensorProto::FLOAT || type == onnx::TensorProto::DOUBLE;
}

std::vector<double> elements_of(const Constant& constant) {
  std::vector<double> list;
  for (std::int64_t i = 0; i < constant.count(); ++i) list.push_back(constant.real(i));
  return list;
}

// The output's elements; a parameter that scales it by one gives a model to train.
std::vector<double> computed(Graph graph, const std::vector<onnx::TensorProto>& data,
                             const RunModel& run) {
  const TensorId y = graph.outputs()[0];
  const from_onnx::TensorReader reader(std::nullopt);
  if (!graph[y].producer) {
    const Tensor& source = graph[y];
    for (const onnx::TensorProto& tensor : data) {
      if (tensor.name() == source.name) return elements_of(reader.read(tensor));
    }
    const auto count = static_cast<std::size_t>(element_count(source.type.shape));
    return source.data ? *source.data : std::vector<double>(count, source.fill.value);
  }
  GraphBuilder b(std::move(graph));
  const TensorId one = b.parameter("conformance.one", {}, {Fill::Kind::kConstant, 1});
  const TensorId real = b[y].type.dtype == DType::kFloat32 ? y : b.cast(y, DType::kFloat32);
  b.loss(b.reduce_sum(b.mul(real, one)));
  const Graph complete = std::move(b).build();
  const TrainingModel model = make_training_model(complete);
  std::map<ValueId, std::vector<double>> values;
  for (const onnx::TensorProto& tensor : data) {
    const auto value = model.graph.find_value(tensor.name());
    if (value) values[*value] = elements_of(reader.read(tensor));
  }
  return run(model, values);
}

bool is_right(const std::vector<double>& found, const Constant& expected) {
  if (static_cast<std::int64_t>(found.size()) != expected.count()) return false;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double wanted = expected.real(static_cast<std::int64_t>(i));
    if (std::isnan(wanted) && std::isnan(found[i])) continue;
    if (found[i] == wanted) continue;
    if (!(std::abs(found[i] - wanted) <= 1e-5 + 1e-3 * std::abs(wanted))) return false;
  }
  return true;
}

enum class Outcome { kRight, kWrong, kNotImported };

Outcome run_case(Case test, bool only_first_is_data, const RunModel& run) {
  OnnxOptions options;
  options.loss = OnnxLoss::kNone;
  std::vector<onnx::TensorProto> data;
  for (std::size_t i = 0; i < test.inputs.size(); ++i) {
    if (is_float(test.inputs[i]) && (i == 0 || !only_first_is_data)) {
      options.data_inputs.push_back(test.inputs[i].name());
      data.push_back(test.inputs[i]);
    } else {
      *test.model.mutable_graph()->add_initializer() = test.inputs[i];
    }
  }
  const from_onnx::TensorReader reader(std::nullopt);
  std::optional<Graph> graph;
  std::optional<Constant> expected;
  try {
    expected = reader.read(test.output);
    graph = import_onnx_bytes(test.model.SerializeAsString(), "m.onnx", options);
  } catch (const InvalidInput&) {
    return Outcome::kNotImported;
  }
  if ((*graph)[graph->outputs()[0]].type.shape != expected->shape()) return Outcome::kWrong;
  return is_right(computed(std::move(*graph), data, run), *expected) ? Outcome::kRight
                                                                     : Outcome::kWrong;
}

}  // namespace

NodeTestReport run_onnx_node_tests(const RunModel& run,
                                   const std::function<bool(const std::string&)>& is_skipped) {
  NodeTestReport report;
  if (!fs::exists(kFolder)) return report;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename().string();
    if (is_skipped(name)) continue;
    const auto test = read_case(entry.path());
    if (!test) continue;
    const Outcome plain = run_case(*test, false, run);
    const Outcome folded = run_case(*test, true, run);
    if (plain == Outcome::kWrong) report.wrong.push_back(name);
    if (folded == Outcome::kWrong) report.wrong.push_back(name + ", all but one input known");
    const bool one_is_right = plain == Outcome::kRight || folded == Outcome::kRight;
    ++(one_is_right ? report.right : report.not_imported);
  }
  return report;
}

void expect_onnx_conformance(const RunModel& run,
                             const std::function<bool(const std::string&)>& is_skipped) {
  const NodeTestReport report = run_onnx_node_tests(run, is_skipped);
  if (report.right + report.not_imported == 0) {
    GTEST_SKIP() << "libonnx-testdata is not installed";
  }
  EXPECT_THAT(report.wrong, ::testing::IsEmpty());
  std::printf("%zu node tests are right, %zu are not imported\n", report.right,
              report.not_imported);
  EXPECT_GE(report.right, 500U);
}

}  // namespace rockmate::testing

#endif
