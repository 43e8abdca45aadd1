// The cpu engine: the first family that takes a kernel, or takes it on rows, else the reference
// engine, which gets row-major copies of what lies otherwise. A fused kernel that no family takes
// runs part by part: runs of point-wise parts as one, and a convolution with its clamp where the
// mean over its pixels stands behind, or a concatenation before it.

#include "exec/engine.h"

#include <algorithm>

#include "exec/cpu/axes.h"
#include "exec/cpu/families.h"
#include "exec/cpu/kernel.h"
#include "exec/cpu/row_major.h"
#include "exec/nesting.h"
#include "exec/parallel.h"
#include "exec/part_runner.h"
#include "graph/fusion/roles.h"
#include "graph/sliced_parts.h"

#ifdef ROCKMATE_WITH_ONEDNN
#include "exec/cpu/onednn.h"
#endif

namespace rockmate {
namespace cpu {
namespace {

Makers make_makers() {
  Makers makers = {};
#ifdef ROCKMATE_WITH_HIGHWAY
  add_elementwise_kernels(makers);
  add_batch_norm_kernels(makers);
  add_pooling_kernels(makers);
  add_reduction_kernels(makers);
  add_line_kernels(makers);
  add_transpose_kernels(makers);
  add_optimizer_kernels(makers);
  add_large_depthwise_kernels(makers);
  add_few_row_kernels(makers);
  add_fused_kernels(makers);
  add_pieced_norms(makers);
  add_banded_convolutions(makers);
  add_grouped_convolutions(makers);
  add_grouped_weight_gradients(makers);
#endif
#ifdef ROCKMATE_WITH_ONEDNN
  add_onednn_products(makers);
  add_onednn_pointwise(makers);
  add_pieced_pointwise(makers);
#ifdef ROCKMATE_WITH_HIGHWAY
  add_onednn_winograd(makers);
  add_dropped_products(makers);
#endif
  add_onednn_convolutions(makers);
#endif
#ifdef ROCKMATE_WITH_HIGHWAY
  add_depthwise_kernels(makers);
#endif
  return makers;
}

// Where both formats are the same bytes, a tensor lies as the images of the kernel do.
void unify_formats(KernelView& kernel) {
  const auto lies_last = [](const TensorType& type) {
    return type.format == MemoryFormat::kChannelsLast;
  };
  if (std::none_of(kernel.inputs.begin(), kernel.inputs.end(), lies_last) &&
      std::none_of(kernel.outputs.begin(), kernel.outputs.end(), lies_last)) {
    return;
  }
  for (auto* types : {&kernel.inputs, &kernel.outputs}) {
    for (TensorType& type : *types) {
      const Shape& shape = type.shape;
      if (shape.size() != 4 || is_packed(type)) continue;
      if (shape[1] == 1 || shape[2] * shape[3] == 1) type.format = MemoryFormat::kChannelsLast;
    }
  }
}

// Of kernels with a packed operand.
Makers make_packed_makers() {
  Makers makers = {};
#ifdef ROCKMATE_WITH_ONEDNN
  add_packed_products(makers);
  add_packed_pointwise(makers);
#ifdef ROCKMATE_WITH_HIGHWAY
  add_onednn_winograd(makers);
#endif
  add_onednn_convolutions(makers);
#endif
  return makers;
}

std::optional<Prepared> find(const KernelSpec& spec, int threads) {
  static const Makers makers_of_all = make_makers();
  static const Makers makers_of_packed = make_packed_makers();
  if (is_sliced(spec.kernel.attributes)) return std::nullopt;
  KernelView kernel(spec);
  unify_formats(kernel);
  const Makers& makers =
      std::ranges::any_of(kernel.inputs, is_packed) ? makers_of_packed : makers_of_all;
  for (const Maker maker : makers[static_cast<std::size_t>(kernel.kind)]) {
    if (auto prepared = maker(kernel, threads)) return prepared;
  }
  return std::nullopt;
}

// And goes on.
bool begins_with_concat(const FusedParts& parts) {
  return parts.parts.size() > 1 && parts.parts.front().kind == OpKind::kConcat;
}

// The operand that a kernel might rather have packed.
std::optional<std::size_t> weight_of(const Kernel& kernel) {
  switch (kernel.kind) {
    case OpKind::kConv:
    case OpKind::kConvTranspose:
    case OpKind::kLinear:
      return 1;
    case OpKind::kFused: {
      const FusedParts& parts = kernel.attributes.parts();
      const FusedPart& first = parts.parts[begins_with_concat(parts) ? 1 : 0];
      if (first.kind != OpKind::kConv || first.inputs[1] >= parts.inputs) return std::nullopt;
      return first.inputs[1];
    }
    default:
      return std::nullopt;
  }
}

bool may_be_packed(const TensorType& type) {
  return type.dtype == DType::kFloat32 && type.format == MemoryFormat::kRowMajor;
}

Kernel with_nested_runs(Kernel kernel) {
  if (is_sliced(kernel.attributes)) return kernel;
  const FusedParts& parts = kernel.attributes.parts();
  const bool ends_in_mean = fusion_role(parts.parts.back().kind) == FusionRole::kMean;
  const bool convolves_pieces =
      begins_with_concat(parts) && parts.parts[1].kind == OpKind::kConv && parts.parts.size() > 2;
  if (ends_in_mean) {
    kernel.attributes.set("parts", nest_all_but_last(parts));
  } else {
    kernel.attributes.set("parts",
                          convolves_pieces ? nest_all_but_first(parts) : nest_point_runs(parts));
  }
  return kernel;
}

class CpuKernel : public PreparedKernel {
 public:
  CpuKernel(Body body, int threads, bool adds)
      : body_(std::move(body)), threads_(threads), adds_(adds) {}
  void run(const Invocation& call) override { body_(cpu::Run(call, threads_, adds_)); }

 private:
  Body body_;
  int threads_;
  bool adds_;
};

// A kernel on images that runs as one on rows: the addresses are the same.
class KernelInRows : public PreparedKernel {
 public:
  KernelInRows(RenamedKernel renamed, std::string_view op, const Engine& engine)
      : renamed_(std::move(renamed)), kernel_(engine.prepare(renamed_.spec(op))) {}
  void run(const Invocation& call) override { kernel_->run(call); }

 private:
  RenamedKernel renamed_;
  std::unique_ptr<PreparedKernel> kernel_;
};

class CpuEngine : public Engine {
 public:
  explicit CpuEngine(int threads) : threads_(threads), reference_(make_reference_engine(threads)) {}
  [[nodiscard]] std::string_view name() const override { return "cpu"; }

  [[nodiscard]] Bytes workspace(const KernelSpec& spec) const override {
    if (const auto prepared = find(spec, threads_)) return prepared->workspace;
    if (spec.kernel.kind == OpKind::kFused) {
      const Kernel nested = with_nested_runs(spec.kernel);
      return parts_workspace({spec.op, nested, spec.inputs, spec.outputs}, *this,
                             promised_places(spec));
    }
    if (const auto renamed = in_rows(spec)) return workspace(renamed->spec(spec.op));
    return needs_row_major(spec) ? row_major_workspace(spec, *reference_)
                                 : reference_->workspace(spec);
  }

  [[nodiscard]] std::unique_ptr<PreparedKernel> prepare(const KernelSpec& spec) const override {
    if (auto prepared = find(spec, threads_)) {
      return std::make_unique<CpuKernel>(std::move(prepared->body), threads_,
                                         spec.kernel.attributes.flag("adds"));
    }
    if (spec.kernel.kind == OpKind::kFused) {
      const Kernel nested = with_nested_runs(spec.kernel);
      return prepare_parts({spec.op, nested, spec.inputs, spec.outputs}, *this,
                           promised_places(spec));
    }
    if (auto renamed = in_rows(spec)) {
      return std::make_unique<KernelInRows>(*std::move(renamed), spec.op, *this);
    }
    return needs_row_major(spec) ? prepare_row_major(spec, *reference_, threads_)
                                 : reference_->prepare(spec);
  }

  [[nodiscard]] std::vector<Packing> packings(const KernelSpec& spec) const override {
    if (const auto weight = weight_of(spec.kernel); weight && may_be_packed(spec.inputs[*weight])) {
      KernelSpec packed = spec;
      packed.inputs[*weight].format = MemoryFormat::kPacked;
      if (const auto prepared = find(packed, threads_)) {
        std::vector<Packing> found;
        for (const PackedOperand& each : prepared->packed) found.push_back(each.packing);
        return found;
      }
    }
    if (spec.kernel.kind != OpKind::kFused || find(spec, threads_)) return {};
    const Kernel nested = with_nested_runs(spec.kernel);
    return parts_packings({spec.op, nested, spec.inputs, spec.outputs}, *this);
  }

  [[nodiscard]] Packer packer(const KernelSpec& spec, std::size_t operand) const override {
    if (const auto prepared = find(spec, threads_)) {
      for (const PackedOperand& each : prepared->packed) {
        if (each.packing.operand != operand) continue;
        return {std::make_unique<CpuKernel>(each.body, threads_, false), each.workspace};
      }
    }
    if (spec.kernel.kind != OpKind::kFused) return Engine::packer(spec, operand);
    const Kernel nested = with_nested_runs(spec.kernel);
    return parts_packer({spec.op, nested, spec.inputs, spec.outputs}, operand, *this);
  }

 private:
  int threads_;
  std::unique_ptr<Engine> reference_;
};

}  // namespace
}  // namespace cpu

std::unique_ptr<Engine> make_cpu_engine(int threads) {
  return std::make_unique<cpu::CpuEngine>(kernels::thread_count(threads));
}

}  // namespace rockmate
