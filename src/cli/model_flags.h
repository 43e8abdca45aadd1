// The options that say which training iteration a verb is about: the model, and for an ONNX model
// how its iteration is derived. They are the same for every verb.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rockmate/onnx.h"
#include "rockmate/training_model.h"
#include "rockmate/vector_engine.h"

namespace rockmate::cli {

/// What stands for "as many samples as fit".
inline constexpr const char* kLargestBatch = "max";

struct ModelFlags {
  std::string model;
  // Those of ONNX models alone; absent where they were not given.
  std::optional<std::string> batch;  ///< a whole number, or kLargestBatch
  Shape sample_shape;
  std::optional<std::string> optimizer;
  std::optional<std::string> loss;
  std::vector<std::string> data_inputs;
  std::optional<std::string> costs;
  std::optional<std::string> device;
  std::optional<std::string> engine;
  std::optional<bool> fuse;
  bool direct = false;
  bool bf16 = false;
  std::string calibration;              ///< a file that states a card of the engine `vector`
  std::string default_device = "a100";  ///< that of the verb

  void add_to(CLI::App& verb);
  /// The engine of a verb that runs nothing: its workspace is counted, if one is named.
  void add_engine_to(CLI::App& verb);
  /// How the engine `cpu` may compute: --direct and --bf16.
  void add_algorithms_to(CLI::App& verb);
  void add_calibration_to(CLI::App& verb);

  [[nodiscard]] bool is_onnx() const { return model.ends_with(".onnx"); }
  [[nodiscard]] bool asks_for_largest_batch() const { return batch == kLargestBatch; }
  /// The files that loading the model reads, as far as they are named here.
  [[nodiscard]] std::vector<std::string> inputs() const;

  /// Throws InvalidInput for a loss that is none, and for a batch without a number.
  [[nodiscard]] OnnxOptions onnx_options() const;
  /// Of an iteration that `run_by` runs; without it, the engine that is named here, if any. Reads
  /// the costs. Throws InvalidInput for an unknown optimizer, device or engine, or a broken file.
  [[nodiscard]] TrainingOptions training_options() const { return training_options(engine, 0); }
  [[nodiscard]] TrainingOptions training_options(const std::optional<std::string>& run_by,
                                                 int threads) const;
  /// The card of the engine `vector`, which --calibration or --device names; none of another
  /// engine. Throws InvalidInput where --device names no card, or --calibration belongs to none.
  [[nodiscard]] std::optional<VectorDevice> card(const std::string& of_engine) const;
  /// The engine with its card, as `make_engine` takes it.
  [[nodiscard]] std::string on_card(const std::string& of_engine) const;
  /// What `engine` and the card cost, where no costs are stated: in the place of a roofline.
  void use_modelled_costs(const std::optional<VectorDevice>& card, const Graph& graph,
                          TrainingOptions& options) const;
  /// Throws InvalidInput that names an option given that is of ONNX models alone.
  void refuse_onnx_options() const;

 private:
  [[nodiscard]] CostModel cost_model() const;
};

}  // namespace rockmate::cli
