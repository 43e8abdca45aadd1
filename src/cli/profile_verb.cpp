// `rockmate profile MODEL`: measures the distinct ops of a model's training iteration.

#include <memory>

#include "cli/console.h"
#include "cli/measured_costs.h"
#include "cli/model.h"
#include "cli/modelled.h"
#include "cli/output_file.h"
#include "cli/planning_flags.h"
#include "cli/profile_report.h"
#include "cli/verbs.h"
#include "cli/whole_number.h"
#include "rockmate/error.h"

namespace rockmate::cli {
namespace {

struct ProfileFlags {
  ModelFlags model;
  MeasureFlags measure{.engine = "cpu"};
  std::string cache;  // a folder, "none", or empty: the usual one
  std::string costs_out;
  bool json = false;
};

// Counted, not run: there is nothing to keep, and nothing that another run would change.
ExitCode run_modelled(const ProfileFlags& flags, const VectorDevice& card) {
  const TrainingOptions options =
      flags.model.training_options(flags.measure.engine, flags.measure.threads);
  const Graph graph = load_forward_graph(flags.model);
  const TrainingModel model = make_training_model(graph, options);
  const ModelledProfile found = modelled_profile(model, card);
  if (!flags.costs_out.empty()) vector_costs(model, card).write(flags.costs_out);
  flags.json ? print_json(to_json(found)) : print(report(model.graph.name(), found));
  return kDone;
}

ExitCode run_profile(const ProfileFlags& flags) {
  if (const auto card = flags.model.card(flags.measure.engine)) return run_modelled(flags, *card);
  if (flags.model.device) {
    throw InvalidInput("--device belongs to --engine vector: others are measured on this computer");
  }
  check_outputs({flags.costs_out}, flags.model.inputs());
  const TrainingOptions options =
      flags.model.training_options(flags.measure.engine, flags.measure.threads);
  const TrainingModel model = make_training_model(load_forward_graph(flags.model), options);
  MeasureFlags how = flags.measure;
  how.cache = cache_folder(flags.cache);
  const Profile found = measure(model, how);
  if (!flags.costs_out.empty()) found.costs().write(flags.costs_out);
  flags.json ? print_json(to_json(found)) : print(report(model.graph.name(), found));
  return found.missing == 0 ? kDone : kNo;
}

}  // namespace

void add_profile(CLI::App& app, Task& task) {
  CLI::App* verb = app.add_subcommand("profile", "measure the ops of a model's training iteration");
  auto flags = std::make_shared<ProfileFlags>();
  flags->model.add_to(*verb);
  verb->remove_option(verb->get_option("--costs"));
  verb->get_option("--device")->description("engine vector: the card, ve10b, ve20b or ve30b");
  flags->model.add_algorithms_to(*verb);
  flags->model.add_calibration_to(*verb);
  verb->add_option("--engine", flags->measure.engine,
                   "what runs the ops: reference (plain loops), cpu (fast), or vector (emulated: "
                   "its times are modelled)")
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--threads", flags->measure.threads, "0: all cores")
      ->type_name("N")
      ->check(whole_number(0, 4096));
  verb->add_option("--cache", flags->cache,
                   "where measurements are kept, or 'none' (default: ~/.cache/rockmate)")
      ->type_name("DIR");
  verb->add_flag("--again", flags->measure.again, "measure what is kept there too");
  verb->add_option("-o", flags->costs_out, "write the measurements, rockmate.costs/1")
      ->type_name("COSTS.json");
  verb->add_flag("--json", flags->json, "one JSON object instead of text");
  verb->footer("Example: rockmate profile models/mobilenet_v2.onnx --batch 1 -o costs.json");
  verb->callback([flags, &task] { task = [flags] { return run_profile(*flags); }; });
}

}  // namespace rockmate::cli
