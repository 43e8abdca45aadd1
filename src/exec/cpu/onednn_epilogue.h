// What a fused kernel does to the result of its convolution, as oneDNN does it before it writes the
// result:
//
//   y = activation(scale[c] * convolution + shift[c] + addend)
//
// The scale goes into the weights, as they are brought into oneDNN's format, and the shift into the
// bias: multiplying results instead takes up to twice the time where few channels come in.
#pragma once

#include <optional>
#include <vector>

#include "exec/cpu/channel_rows.h"
#include "exec/cpu/onednn.h"

namespace rockmate::cpu::onednn {

/// An operand of the kernel.
struct Operand {
  const TensorType* type;
  std::size_t index;
  bool is_output;
};

class Epilogue {
 public:
  Epilogue() = default;
  /// Of the parts behind that one of a fused kernel, a convolution with the kernel's result. None:
  /// they do something else, or read what is not an operand of the kernel.
  [[nodiscard]] static std::optional<Epilogue> of(const KernelView& kernel, std::size_t part = 0);

  [[nodiscard]] bool has_scale() const { return has_scale_; }
  [[nodiscard]] bool has_shift() const { return !line_.empty(); }
  /// Is added last; it may lie where the result does.
  [[nodiscard]] const std::optional<Operand>& addend() const { return addend_; }
  /// Of a primitive that adds its result to what lies there, if there is an addend or `adds` says
  /// so. One that does not finish the result leaves the activation out.
  [[nodiscard]] dnnl::post_ops post_ops(bool adds, bool finishes) const;

  /// The same without oneDNN, where the activation is none or a clamp.
  [[nodiscard]] bool is_clamp() const;
  [[nodiscard]] Clamp clamp() const;
  /// Of `count` channels of a pixel; `addend` may be null, and y lie on it.
  void finish(const float* result, const float* scale, const float* shift, const float* addend,
              float* y, std::int64_t count) const;

  /// Writes one number per channel. `scale` may be null: nobody asks for it. `bias` may be null.
  void write_line(const Run& run, const float* bias, std::int64_t channels, float* scale,
                  float* shift) const;
  /// The scale alone, from its operands.
  void write_scale(const Run& run, std::int64_t channels, float* scale) const;
  [[nodiscard]] std::vector<std::size_t> scale_operands() const;

 private:
  // Step by step, a line per channel.
  struct Step {
    OpKind kind;          // kAdd, kSub or kMul
    std::size_t operand;  // of the kernel
    bool is_scalar;
  };
  struct Activation {
    dnnl::algorithm how;
    float alpha, beta;
  };
  [[nodiscard]] bool take(const KernelView& kernel, const FusedPart& part, std::size_t current);
  [[nodiscard]] bool take_binary(const KernelView& kernel, const FusedPart& part,
                                 std::size_t current);
  [[nodiscard]] bool take_activation(const FusedPart& part);

  std::vector<Step> line_;
  bool has_scale_ = false;
  std::optional<Operand> addend_;
  std::optional<Activation> activation_;
};

}  // namespace rockmate::cpu::onednn
