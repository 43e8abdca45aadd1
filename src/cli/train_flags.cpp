#include "cli/train_flags.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <cmath>

#include "base/shown.h"
#include "cli/model.h"
#include "cli/whole_number.h"
#include "rockmate/error.h"
#include "rockmate/executor.h"
#include "rockmate/graph_builder.h"

namespace rockmate::cli {
namespace {

constexpr const char* kLearning = "Options of learning";
constexpr const char* kData = "Options of data";
constexpr const char* kMeasured = "measured";
constexpr const char* kFiles = "Options of what is left behind";

void add_learning(CLI::App& verb, TrainFlags& flags) {
  verb.add_option("--lr", flags.learning_rate, "learning rate (0.01)")
      ->type_name("X")
      ->group(kLearning);
  verb.add_option("--schedule", flags.schedule,
                  "how the rate changes: constant, step:PERIOD:FACTOR, cosine:STEPS[:LEAST], "
                  "linear:STEPS[:LEAST]")
      ->type_name("WORD")
      ->capture_default_str()
      ->group(kLearning);
  verb.add_option("--warm-up", flags.warm_up, "steps in which the rate rises to its height")
      ->type_name("N")
      ->check(whole_number())
      ->group(kLearning);
  verb.add_option("--weight-decay", flags.weight_decay, "of all trained parameters (0)")
      ->type_name("X")
      ->group(kLearning);
  verb.add_option("--clip-norm", flags.clip_norm,
                  "the largest norm of all gradients together (0: any)")
      ->type_name("X")
      ->group(kLearning);
  verb.add_option("--accumulate", flags.accumulate,
                  "steps whose gradients make one update, by their mean (1)")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000))
      ->group(kLearning);
  verb.add_option("--freeze", flags.freeze, "parameters that stay as they are: layer1.*,*.bias")
      ->type_name("PATTERNS")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(kLearning);
}

void add_data(CLI::App& verb, TrainFlags& flags) {
  verb.add_option("--data", flags.data,
                  "a folder with INPUT.idx, .npy, .txt or .raw, or one such file; else they are "
                  "made up")
      ->type_name("DIR|FILE")
      ->group(kData);
  verb.add_flag("--shuffle", flags.shuffle, "another order of the samples in every epoch")
      ->group(kData);
  verb.add_option("--eval-data", flags.held_out,
                  "data to judge the network by, before the first step and at the end")
      ->type_name("DIR|FILE")
      ->group(kData);
  verb.add_option("--eval-every", flags.evaluate_every, "judge it after every so many steps too")
      ->type_name("N")
      ->check(whole_number())
      ->group(kData);
}

void add_files(CLI::App& verb, TrainFlags& flags) {
  verb.add_option("--save", flags.save, "write a checkpoint at the end, and when interrupted")
      ->type_name("FILE")
      ->group(kFiles);
  verb.add_option("--save-every", flags.save_every, "write it after every so many steps too")
      ->type_name("N")
      ->check(whole_number())
      ->group(kFiles);
  verb.add_option("--resume", flags.resume, "go on from a checkpoint; its steps count in --steps")
      ->type_name("FILE")
      ->group(kFiles);
  verb.add_option("--export", flags.trained, "write the model with trained weights")
      ->type_name("FILE.onnx")
      ->group(kFiles);
  verb.add_option("--svg", flags.picture, "draw the loss over the steps")
      ->type_name("FILE")
      ->group(kFiles);
  verb.add_option("--dump-gradients", flags.gradients,
                  "write the parameter gradients of the last step, as safetensors")
      ->type_name("FILE")
      ->group(kFiles);
}

void require(const char* flag, double number) {
  if (std::isfinite(number) && number >= 0) return;
  throw InvalidInput(
      fmt::format("{}: found {}, expected a finite number, 0 or more", flag, number));
}

}  // namespace

void TrainFlags::add_to(CLI::App& verb) {
  model.default_device = "cpu";
  model.add_to(verb);
  verb.get_option("--costs")
      ->description(
          "what ops cost: measured (before the first step, and kept), measurements in a file, "
          "rockmate.costs/1, or analytic: estimated (measured)")
      ->type_name("measured|FILE|analytic");
  verb.add_option("--budget", budget,
                  "all bytes of the training: 2GiB, 1500MB, 123456, min, or 60% (see plan)")
      ->type_name("SIZE");
  verb.add_option("--plan", plan, "run this plan, rockmate.plan/1, instead of a new one")
      ->type_name("PLAN.json");
  verb.add_option("--steps", steps, "iterations to run in all")
      ->type_name("N")
      ->check(whole_number())
      ->capture_default_str();
  verb.add_option("--engine", engine,
                  "what runs the ops: cpu (fast), reference (plain loops), vector (emulated Vector "
                  "Engine: --device ve10b, ve20b or ve30b, whose times are modelled) (cpu, or that "
                  "of --plan)")
      ->type_name("NAME");
  model.add_algorithms_to(verb);
  verb.add_option("--offload", offload,
                  "engine vector: native (parameters stay there) or transparent (they go down, and "
                  "gradients come up, in every step)")
      ->type_name("MODE");
  model.add_calibration_to(verb);
  add_learning(verb, *this);
  add_data(verb, *this);
  add_files(verb, *this);
  verb.add_flag("--compare", compare,
                "run the plain iteration too, in memory of its own, and compare all bits");
  verb.add_flag("--guard", guard,
                "check what each kernel reads and writes (slow; twice the memory)");
  verb.add_flag("--time-ops", time_ops, "time every run of an op, and hold it against its cost");
  planning.add_to(verb);
  verb.get_option("--seed")->description("of first values, data, dropout, and the search");
  verb.get_option("--threads")->description("0: all cores; never changes a bit");
  verb.add_flag("--json", json, "one JSON object instead of text");
}

std::vector<std::string> TrainFlags::inputs() const {
  std::vector<std::string> files = {model.model};
  if (!measures()) files = model.inputs();
  if (!plan.empty()) files.push_back(plan);
  if (measures() && !model.calibration.empty()) files.push_back(model.calibration);
  return files;
}

std::vector<std::string> TrainFlags::outputs() const { return {gradients, save, trained, picture}; }

void TrainFlags::check() const {
  require("--lr", learning_rate.value_or(0));
  require("--weight-decay", weight_decay);
  require("--clip-norm", clip_norm);
  if (save_every > 0 && save.empty()) {
    throw InvalidInput("--save-every: expected --save too, which says where");
  }
  if (evaluate_every > 0 && held_out.empty()) {
    throw InvalidInput("--eval-every: expected --eval-data too, which says by what");
  }
  if (!held_out.empty() && data.empty()) {
    throw InvalidInput("--eval-data: expected --data too; made-up data teach nothing");
  }
  static_cast<void>(rate_schedule());
}

bool TrainFlags::measures() const {
  if (model.costs) return *model.costs == kMeasured;
  return plan.empty() && !model.device;
}

TrainingOptions TrainFlags::training_options(const std::string& run_by) const {
  ModelFlags stated = model;
  if (measures()) stated.costs.reset();
  TrainingOptions options = stated.training_options(run_by, planning.threads);
  if (learning_rate) options.learning_rate = *learning_rate;
  options.weight_decay = weight_decay;
  options.clip_norm = clip_norm;
  options.accumulate = accumulate;
  return options;
}

RateSchedule TrainFlags::rate_schedule() const { return RateSchedule::parse(schedule, warm_up); }

Graph TrainFlags::load_graph() const {
  Graph graph = load_forward_graph(model);
  std::vector<std::pair<std::string, TensorId>> parameters;
  for (std::size_t t = 0; t < graph.tensors().size(); ++t) {
    const Tensor& tensor = graph[TensorId(t)];
    if (tensor.kind == TensorKind::kParameter) parameters.emplace_back(tensor.name, TensorId(t));
  }
  GraphBuilder frozen(std::move(graph));
  for (const std::string& pattern : freeze) {
    bool matches = false;
    for (const auto& [name, id] : parameters) {
      if (::fnmatch(pattern.c_str(), name.c_str(), 0) != 0) continue;
      frozen.freeze(id);
      matches = true;
    }
    if (matches) continue;
    throw InvalidInput(fmt::format("--freeze: '{}' matches no parameter; the first is called '{}'",
                                   shown(pattern),
                                   parameters.empty() ? "" : shown(parameters.front().first)));
  }
  return std::move(frozen).build();
}

}  // namespace rockmate::cli
