// `rockmate inspect MODEL`: ops, blocks, repeats, where the bytes are.

#include <fmt/format.h>

#include <memory>

#include "cli/console.h"
#include "cli/inspection.h"
#include "cli/model.h"
#include "cli/output_file.h"
#include "cli/verbs.h"

namespace rockmate::cli {
namespace {

struct InspectFlags {
  ModelFlags model;
  std::string graph_out;
  bool json = false;
};

ExitCode run_inspect(const InspectFlags& flags) {
  check_outputs({flags.graph_out}, flags.model.inputs());
  const Model model = load_model(flags.model);
  if (!flags.graph_out.empty()) write_graph(model.graph, flags.graph_out);
  const Inspection inspection = inspect(model);
  flags.json ? print_json(to_json(inspection)) : print(report(inspection));
  return kDone;
}

}  // namespace

void add_inspect(CLI::App& app, Task& task) {
  CLI::App* verb = app.add_subcommand("inspect", "show ops, blocks and where the bytes are");
  auto flags = std::make_shared<InspectFlags>();
  flags->model.add_to(*verb);
  flags->model.add_engine_to(*verb);
  verb->add_option("--graph-out", flags->graph_out, "write the training graph, rockmate.graph/1")
      ->type_name("GRAPH.json");
  verb->add_flag("--json", flags->json, "one JSON object instead of text");
  verb->footer("Example: rockmate inspect models/resnet50.onnx --batch 32");
  verb->callback([flags, &task] { task = [flags] { return run_inspect(*flags); }; });
}

}  // namespace rockmate::cli
