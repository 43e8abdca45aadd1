// What the gradient function of an op sees: the node that it differentiates, the gradients of its
// outputs, and a way to add ops that make the gradients of its inputs. Implemented by autodiff.cpp.
// Whatever an emitted op reads of the forward part is thereby saved: read as little as possible.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate {

class GradientScope {
 public:
  virtual ~GradientScope() = default;

  [[nodiscard]] virtual const Node& node() const = 0;
  [[nodiscard]] virtual const TensorType& type(TensorId tensor) const = 0;
  /// Is the gradient of this input asked for? False where the input is absent.
  [[nodiscard]] virtual bool wants(std::size_t input) const = 0;
  /// The gradient of an output, or none where nothing depends on it.
  [[nodiscard]] virtual std::optional<TensorId> find_gradient(std::size_t output) const = 0;
  /// Does a backward op that exists already read this tensor (or a view of it)?
  [[nodiscard]] virtual bool is_saved(TensorId tensor) const = 0;

  /// Adds an op, called "<node>.<role>"; returns its first output.
  virtual TensorId emit(std::string_view role, OpKind kind, std::vector<TensorId> inputs,
                        Attributes attributes = {}) = 0;
  /// The same for ops with several outputs.
  virtual std::vector<TensorId> emit_all(std::string_view role, OpKind kind,
                                         std::vector<TensorId> inputs, Attributes attributes) = 0;
  /// A constant of the iteration.
  virtual TensorId scalar(double value, DType dtype) = 0;
  /// Adds `gradient`, of the type of the input, to the gradient of that input.
  virtual void contribute(std::size_t input, TensorId gradient) = 0;

  // Shorthands.
  [[nodiscard]] TensorId input(std::size_t i) const { return node().inputs[i]; }
  [[nodiscard]] TensorId output(std::size_t i = 0) const { return node().outputs[i]; }
  [[nodiscard]] const Shape& shape(TensorId tensor) const { return type(tensor).shape; }
  /// The gradient of the first output.
  [[nodiscard]] TensorId gradient() const { return *find_gradient(0); }
  /// Contributes the gradient of a broadcast input: summed over the axes that were broadcast.
  void contribute_reduced(std::size_t input, TensorId gradient);
};

}  // namespace rockmate
