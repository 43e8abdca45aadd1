#include "cli/model_flags.h"

#include <fmt/format.h>

#include "cli/console.h"
#include "cli/whole_number.h"
#include "rockmate/error.h"
#include "rockmate/executor.h"

namespace rockmate::cli {
namespace {

constexpr const char* kGroup = "Options for ONNX models";
constexpr const char* kAnalytic = "analytic";

std::string check_batch(const std::string& text) {
  return text == kLargestBatch ? std::string()
                               : whole_number(1, std::uint64_t{kLargestExtent})(text);
}

}  // namespace

void ModelFlags::add_to(CLI::App& verb) {
  verb.add_option("MODEL", model,
                  "the model: a forward model (.onnx), whose training iteration is derived, or a "
                  "training graph, rockmate.graph/1 (.json)")
      ->required();
  verb.add_option("--batch", batch,
                  "samples per iteration (as the model says, else 1); plan takes max as well: as "
                  "many as fit")
      ->type_name("N|max")
      ->check(check_batch, "")
      ->group(kGroup);
  verb.add_option("--sample-shape", sample_shape,
                  "another size of one sample of the first data input, without the batch: 3x64x64")
      ->type_name("AxBxC")
      ->delimiter('x')
      ->allow_extra_args(false)
      ->check(whole_number(1, std::uint64_t{kLargestExtent}), "")
      ->group(kGroup);
  verb.add_option("--optimizer", optimizer, "none, sgd, momentum, adam or adamw (sgd)")
      ->type_name("NAME")
      ->group(kGroup);
  verb.add_option("--loss", loss, "auto, cross-entropy, mse or bce (auto)")
      ->type_name("NAME")
      ->group(kGroup);
  verb.add_option("--data-inputs", data_inputs,
                  "inputs that are data, not parameters (the first one without initial values, and "
                  "whole numbers)")
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(kGroup);
  verb.add_option("--costs", costs,
                  "measurements, rockmate.costs/1; with --device, it gives what they lack "
                  "(analytic: none)")
      ->type_name("FILE|analytic")
      ->group(kGroup);
  verb.add_option("--device", device,
                  fmt::format("whose speed costs are estimated from: v100, a100, h100, cpu, ve10b, "
                              "ve20b or ve30b ({})",
                              default_device))
      ->type_name("PRESET")
      ->group(kGroup);
  verb.add_flag_function(
          "--fuse,!--no-fuse", [this](std::int64_t times) { fuse = times > 0; },
          "make one op of several, such as a batch norm with its activation, where planning "
          "loses nothing by it")
      ->group(kGroup);
}

void ModelFlags::add_engine_to(CLI::App& verb) {
  verb.add_option("--engine", engine,
                  "the iteration as this engine of `rockmate train` runs it: reference, cpu, "
                  "vector (with its modelled costs)")
      ->type_name("NAME")
      ->group(kGroup);
  add_algorithms_to(verb);
  add_calibration_to(verb);
}

void ModelFlags::add_calibration_to(CLI::App& verb) {
  verb.add_option("--calibration", calibration,
                  "engine vector: figures of the card, rockmate.ve/1, instead of --device")
      ->type_name("FILE")
      ->group(kGroup);
}

void ModelFlags::add_algorithms_to(CLI::App& verb) {
  verb.add_flag("--direct", direct,
                "engine cpu: no Winograd convolutions: slower, less workspace, other last bits")
      ->group(kGroup);
  verb.add_flag("--bf16", bf16,
                "engine cpu: convolutions and products of bfloat16 numbers, summed in float32: "
                "relative errors of some 1e-3; faster on some processors, slower on others "
                "(see profile)")
      ->group(kGroup);
}

std::vector<std::string> ModelFlags::inputs() const {
  std::vector<std::string> files = {model};
  if (costs && *costs != kAnalytic) files.push_back(*costs);
  if (!calibration.empty()) files.push_back(calibration);
  return files;
}

OnnxOptions ModelFlags::onnx_options() const {
  OnnxOptions options;
  if (asks_for_largest_batch()) {
    throw InvalidInput("--batch max: only `rockmate plan` looks for the largest batch");
  }
  if (batch) options.batch = std::stoll(*batch);
  options.sample_shape = sample_shape;
  options.data_inputs = data_inputs;
  if (loss) options.loss = parse_onnx_loss(*loss);
  options.weights = false;  // planning needs their sizes alone
  return options;
}

TrainingOptions ModelFlags::training_options(const std::optional<std::string>& run_by,
                                             int threads) const {
  TrainingOptions options;
  if (optimizer) options.optimizer = parse_optimizer(*optimizer);
  options.costs = cost_model();
  if (run_by) aim_at_engine(options, on_card(*run_by), threads);
  if (fuse) options.fuse = *fuse;
  if (direct) options.winograd = false;
  options.bf16 = bf16;
  return options;
}

std::optional<VectorDevice> ModelFlags::card(const std::string& of_engine) const {
  if (of_engine != "vector") {
    if (calibration.empty()) return std::nullopt;
    throw InvalidInput("--calibration belongs to --engine vector");
  }
  if (!calibration.empty()) return read_vector_device(calibration);
  return vector_device(device.value_or("ve20b"));
}

std::string ModelFlags::on_card(const std::string& of_engine) const {
  const auto found = card(of_engine);
  if (!found) return of_engine;
  return fmt::format("{}:{}", of_engine, calibration.empty() ? found->name : calibration);
}

void ModelFlags::use_modelled_costs(const std::optional<VectorDevice>& card, const Graph& graph,
                                    TrainingOptions& options) const {
  if (card && !costs) options.costs = vector_costs(make_training_model(graph, options), *card);
}

// Measurements alone have to know every op; only who names a device wants an estimate in their
// place.
CostModel ModelFlags::cost_model() const {
  const bool is_measured = costs && *costs != kAnalytic;
  CostModel model_of_costs = is_measured && !device
                                 ? CostModel::measured()
                                 : CostModel::analytic(device.value_or(default_device));
  if (is_measured) {
    std::vector<std::string> warnings;
    model_of_costs.read(*costs, &warnings);
    warn(warnings);
  }
  return model_of_costs;
}

void ModelFlags::refuse_onnx_options() const {
  const std::pair<const char*, bool> options[] = {{"--batch", batch.has_value()},
                                                  {"--sample-shape", !sample_shape.empty()},
                                                  {"--optimizer", optimizer.has_value()},
                                                  {"--loss", loss.has_value()},
                                                  {"--data-inputs", !data_inputs.empty()},
                                                  {"--costs", costs.has_value()},
                                                  {"--device", device.has_value()},
                                                  {"--engine", engine.has_value()},
                                                  {"--fuse", fuse.has_value()},
                                                  {"--direct", direct},
                                                  {"--bf16", bf16},
                                                  {"--calibration", !calibration.empty()}};
  for (const auto& [name, is_given] : options) {
    if (!is_given) continue;
    throw InvalidInput(fmt::format(
        "{}: {} applies to .onnx models only; a training graph states its own ops, sizes and costs",
        model, name));
  }
}

}  // namespace rockmate::cli
