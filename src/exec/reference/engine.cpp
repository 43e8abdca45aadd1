// The reference engine: for each kind of op, the family that makes its kernels.

#include "exec/engine.h"

#include <fmt/format.h>

#include "base/check.h"
#include "exec/part_runner.h"
#include "exec/reference/kernel.h"
#include "rockmate/error.h"

namespace rockmate {
namespace reference {

namespace {

Makers make_makers() {
  Makers makers = {};
  add_smooth_kernels(makers);
  add_piecewise_kernels(makers);
  add_unary_kernels(makers);
  add_binary_kernels(makers);
  add_product_kernels(makers);
  add_convolution_kernels(makers);
  add_norm_kernels(makers);
  add_norm_gradient_kernels(makers);
  add_pooling_kernels(makers);
  add_resize_kernels(makers);
  add_softmax_kernels(makers);
  add_loss_kernels(makers);
  add_random_kernels(makers);
  add_movement_kernels(makers);
  add_strided_kernels(makers);
  add_part_kernels(makers);
  add_indexing_kernels(makers);
  add_reduction_kernels(makers);
  add_optimizer_kernels(makers);
  return makers;
}

// Kernels are written for one floating-point type at a time, but for two.
void check_types(const KernelView& kernel) {
  for (const auto* types : {&kernel.inputs, &kernel.outputs}) {
    for (const TensorType& type : *types) {
      if (type.format != MemoryFormat::kRowMajor && kernel.kind != OpKind::kReinterpret) {
        kernel.reject(
            fmt::format("{}: the reference engine computes in row-major tensors", to_string(type)));
      }
    }
  }
  const bool may_mix = kernel.kind == OpKind::kCast || kernel.kind == OpKind::kRunningStatistics;
  DType found = DType::kBool;
  for (const auto* types : {&kernel.inputs, &kernel.outputs}) {
    for (const TensorType& type : *types) {
      if (!is_floating(type.dtype)) continue;
      if (type.dtype != DType::kFloat32 && type.dtype != DType::kFloat64) {
        kernel.reject(
            fmt::format("{}: the reference engine computes in float32 and float64 (cast before)",
                        to_string(type)));
      }
      if (is_floating(found) && found != type.dtype && !may_mix) {
        kernel.reject(fmt::format("mixes {} and {}, expected one floating-point type (cast)",
                                  to_string(found), to_string(type.dtype)));
      }
      found = type.dtype;
    }
  }
}

Body make_body(const KernelSpec& spec) {
  static const Makers makers = make_makers();
  const KernelView kernel(spec);
  if (is_communication(kernel.kind)) {
    kernel.reject("no engine moves values between ranks; run it as a pipeline");
  }
  check_types(kernel);
  const Maker maker = makers[static_cast<std::size_t>(kernel.kind)];
  ROCKMATE_CHECK(maker != nullptr, std::string(to_string(kernel.kind)));
  return maker(kernel);
}

class ReferenceKernel : public PreparedKernel {
 public:
  ReferenceKernel(Body body, int threads, bool adds)
      : body_(std::move(body)), threads_(threads), adds_(adds) {}
  void run(const Invocation& call) override { body_(reference::Run(call, threads_, adds_)); }

 private:
  Body body_;
  int threads_;
  bool adds_;
};

class ReferenceEngine : public Engine {
 public:
  explicit ReferenceEngine(int threads) : threads_(threads) {}
  [[nodiscard]] std::string_view name() const override { return "reference"; }

  // Tiles and partial sums lie on the stack.
  [[nodiscard]] Bytes workspace(const KernelSpec& spec) const override {
    if (spec.kernel.kind == OpKind::kFused) return parts_workspace(spec, *this);
    static_cast<void>(make_body(spec));
    return Bytes(0);
  }

  [[nodiscard]] std::unique_ptr<PreparedKernel> prepare(const KernelSpec& spec) const override {
    if (spec.kernel.kind == OpKind::kFused) return prepare_parts(spec, *this);
    return std::make_unique<ReferenceKernel>(make_body(spec), threads_,
                                             spec.kernel.attributes.flag("adds"));
  }

 private:
  int threads_;
};

}  // namespace
}  // namespace reference

std::unique_ptr<Engine> make_reference_engine(int threads) {
  return std::make_unique<reference::ReferenceEngine>(kernels::thread_count(threads));
}

}  // namespace rockmate
