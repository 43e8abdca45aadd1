// ONNX models as forward graphs. An import either yields a valid Graph with a loss, every extent
// known, or throws InvalidInput with one line "file: node 'name' (Op): ...". Whatever follows from
// shapes and constants alone is computed here and leaves no node behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate {

enum class OnnxLoss : std::uint8_t {
  /// Cross-entropy over the class axis (the last of rank 3, else axis 1), or the mean squared error
  /// where there is a single column; an output that is a scalar is a loss already.
  kAutomatic,
  kCrossEntropy,
  kMeanSquaredError,
  kBinaryCrossEntropy,  ///< the output holds logits, the targets lie in [0, 1]
  kNone                 ///< the graph has outputs, but no loss
};
/// "auto", "cross-entropy", "mse", "bce", "none"
[[nodiscard]] std::string_view to_string(OnnxLoss loss);
/// Throws InvalidInput that lists the losses.
[[nodiscard]] OnnxLoss parse_onnx_loss(std::string_view word);

struct OnnxOptions {
  /// Replaces the batch extent of the data inputs. Without it a fixed one stays, and a symbolic one
  /// is 1.
  std::optional<std::int64_t> batch = std::nullopt;
  /// Replaces the extents behind the batch of the first data input: {3, 64, 64} for smaller images.
  /// Empty: they stay. A model that states sizes which follow from them cannot be imported so.
  Shape sample_shape = {};
  /// Inputs that are data; empty: the first input without an initializer, and those that hold whole
  /// numbers. All others are parameters.
  std::vector<std::string> data_inputs = {};
  OnnxLoss loss = OnnxLoss::kAutomatic;
  /// Weight of the losses of all outputs but the first (auxiliary heads).
  double auxiliary_weight = 0.3;
  /// Extents of symbolic axes other than the batch: {"sequence", 128}.
  std::map<std::string, std::int64_t> extents = {};
  /// Take the initializers' elements as first values. They need eight bytes each: who only plans
  /// does without them.
  bool weights = true;
};

/// The graph is called after the file: most exporters call all their graphs the same. Parameters
/// and data keep their ONNX names; a target is called "target" and the output's name.
/// Weights may lie in external files inside the model's folder. Batch normalisation and dropout
/// train, whatever mode they were exported in. Linear in the model and its weights. Throws
/// InvalidInput where the file is broken, an extent is unknown, ops are not supported (all of them
/// are named), or rockmate was built without ONNX.
[[nodiscard]] Graph import_onnx(const std::filesystem::path& file, const OnnxOptions& options = {});

/// The same for a model in memory; `origin` stands for the file in messages. Without a file there
/// is no folder for external data.
[[nodiscard]] Graph import_onnx_bytes(std::string_view bytes, const std::string& origin,
                                      const OnnxOptions& options = {});

/// A tensor that training has changed.
struct TrainedTensor {
  TensorType type;
  std::span<const std::byte> elements;  ///< row-major, little-endian
};
/// Finds it by the name that `import_onnx` gives it; nothing: the model's own elements stay.
using FindTrained = std::function<std::optional<TrainedTensor>(std::string_view name)>;

/// Writes an ONNX model with trained parameters and running statistics, ready for use: dropout and
/// batch normalisation no longer train, weights are initializers and no inputs. External data move
/// into the file, which is written whole or not at all. Throws InvalidInput where the model cannot
/// be read, is larger than the 2 GiB that the format allows, or the file cannot be written.
void export_onnx(const std::filesystem::path& model, const FindTrained& find,
                 const std::filesystem::path& file);

}  // namespace rockmate
