#include "cli/model.h"

#include "cli/console.h"
#include "graph/op_table.h"
#include "rockmate/error.h"
#include "rockmate/executor.h"

namespace rockmate::cli {
namespace {

double flops_of(const Graph& graph, const Node& node) {
  OpView op{node.name, node.kind, node.attributes, {}};
  for (const TensorId input : node.inputs) op.inputs.push_back(&graph[input].type);
  Types outputs;
  for (const TensorId output : node.outputs) outputs.push_back(graph[output].type);
  return work_of(op, outputs).flops;
}

ForwardFigures forward_figures(const Graph& graph) {
  ForwardFigures figures;
  figures.parameters = graph.parameter_count();
  for (const Tensor& tensor : graph.tensors()) {
    if (tensor.kind == TensorKind::kParameter) figures.parameter_bytes += tensor.type.bytes();
  }
  for (const Node& node : graph.nodes()) {
    if (!definition(node.kind).is_loss) figures.flops += flops_of(graph, node);
  }
  return figures;
}

Model derive(const ModelFlags& flags) {
  const OnnxOptions import = flags.onnx_options();
  TrainingOptions training = flags.training_options();
  const Graph graph = import_onnx(flags.model, import);
  flags.use_modelled_costs(flags.card(flags.engine.value_or("")), graph, training);
  return {make_training_graph(graph, training), forward_figures(graph)};
}

}  // namespace

TrainingGraph load_graph(const std::string& file) {
  if (file.ends_with(".onnx")) {
    throw InvalidInput(file +
                       ": is an ONNX model, expected a training graph, rockmate.graph/1 (.json); "
                       "rockmate inspect --graph-out writes the one that is derived from it");
  }
  std::vector<std::string> warnings;
  TrainingGraph graph = read_graph(file, &warnings);
  warn(warnings);
  return graph;
}

GraphOfBatch graphs_by_batch(const ModelFlags& flags) {
  if (!flags.is_onnx()) flags.refuse_onnx_options();
  ModelFlags without_batch = flags;
  without_batch.batch.reset();
  const OnnxOptions import = without_batch.onnx_options();
  const TrainingOptions training = flags.training_options();
  return [flags, import, training](std::int64_t batch) {
    OnnxOptions options = import;
    options.batch = batch;
    const Graph graph = import_onnx(flags.model, options);
    TrainingOptions with_costs = training;
    flags.use_modelled_costs(flags.card(flags.engine.value_or("")), graph, with_costs);
    return make_training_graph(graph, with_costs);
  };
}

TrainingGraph engine_graph(const ModelFlags& flags, TrainingOptions options,
                           const std::string& engine, int threads, std::int64_t batch) {
  constexpr std::string_view kOnCard = "vector:";
  ModelFlags of_batch = flags;
  of_batch.batch = std::to_string(batch);
  const Graph graph = import_onnx(flags.model, of_batch.onnx_options());
  if (engine.empty()) return make_training_graph(graph, options);
  options.workspace = engine_workspace(engine, threads);
  if (!flags.costs) {
    options.costs = CostModel::analytic("cpu");
    if (engine.starts_with(kOnCard)) {
      options.costs =
          vector_costs(make_training_model(graph, options),
                       find_vector_device(std::string_view(engine).substr(kOnCard.size())));
    }
  }
  return make_training_graph(graph, options);
}

Model load_model(const ModelFlags& flags) {
  if (flags.is_onnx()) return derive(flags);
  flags.refuse_onnx_options();
  return {load_graph(flags.model), std::nullopt};
}

Graph load_forward_graph(const ModelFlags& flags) {
  if (!flags.is_onnx()) {
    throw InvalidInput(flags.model +
                       ": is no ONNX model; a training graph says what its ops cost, not what they "
                       "compute, so that only an .onnx model can be trained");
  }
  OnnxOptions import = flags.onnx_options();
  import.weights = true;
  return import_onnx(flags.model, import);
}

}  // namespace rockmate::cli
