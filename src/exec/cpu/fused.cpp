// Fused kernels that the cpu engine does not run part by part.

#include <array>

#include "exec/cpu/families.h"
#include "exec/cpu/tiles.h"

namespace rockmate::cpu {
namespace {

std::optional<Prepared> make_tiles(const KernelView& kernel, int) {
  auto program = TileProgram::of(kernel);
  if (!program) return std::nullopt;
  const Bytes workspace = program->workspace();
  return Prepared{[program = *std::move(program)](const Run& run) { program.run(run); }, workspace};
}

// A batch norm applied again, the gradient of the clamp behind it, and the batch norm's: the clamp
// passes what it passed forward, where y is what the same line makes of x.
struct ClampedNorm {
  BatchNormShape shape;
  Clamp clamp;
  std::size_t x, mean, variance, dy;
  std::optional<std::size_t> scale, bias;
};

std::optional<Clamp> clamp_of(const FusedPart& gradient) {
  Clamp clamp;
  if (gradient.kind == OpKind::kReluGradient) {
    clamp.low = 0;
    return clamp;
  }
  if (gradient.kind != OpKind::kClipGradient) return std::nullopt;
  clamp.low = static_cast<float>(gradient.attributes.real("low"));
  clamp.high = static_cast<float>(gradient.attributes.real("high"));
  return clamp;
}

// Slots, counted from the parts' outputs on: 0 y again, 1 the clamp's gradient, 2 dx, 3 dscale, 4
// dbias.
std::optional<ClampedNorm> find_clamped_norm(const KernelView& kernel) {
  const FusedParts& parts = kernel.attributes.parts();
  if (parts.parts.size() != 3) return std::nullopt;
  const FusedPart& apply = parts.parts[0];
  const FusedPart& gate = parts.parts[1];
  const FusedPart& norm = parts.parts[2];
  const auto clamp = clamp_of(gate);
  if (apply.kind != OpKind::kBatchNormApply || !clamp || norm.kind != OpKind::kBatchNormGradient ||
      apply.attributes != norm.attributes) {
    return std::nullopt;
  }
  const std::size_t first = parts.inputs;
  const bool is_chain = gate.inputs[1] == first && gate.inputs[0] < first &&
                        norm.inputs[0] == first + 1 && norm.inputs[1] == apply.inputs[0] &&
                        norm.inputs[2] == apply.inputs[1] && norm.inputs[3] == apply.inputs[2];
  const bool has_scale = apply.inputs.size() > 3;
  const bool scales_agree =
      (norm.inputs.size() > 4) == has_scale && (!has_scale || norm.inputs[4] == apply.inputs[3]);
  if (!is_chain || !scales_agree) return std::nullopt;
  const TensorType& x = kernel.inputs[apply.inputs[0]];
  const bool has_rows =
      x.format == MemoryFormat::kChannelsLast || extent(x.shape, 2, x.shape.size()) == 1;
  if (!has_rows || !is_float32(kernel) || kernel.inputs[gate.inputs[0]] != x) return std::nullopt;
  for (const std::size_t slot : parts.outputs) {
    if (slot < first + 2) return std::nullopt;
  }
  ClampedNorm found{{x.shape[0] * extent(x.shape, 2, x.shape.size()), x.shape[1],
                     norm.attributes.real("epsilon")},
                    *clamp,
                    apply.inputs[0],
                    apply.inputs[1],
                    apply.inputs[2],
                    gate.inputs[0],
                    std::nullopt,
                    std::nullopt};
  if (has_scale) found.scale = apply.inputs[3];
  if (apply.inputs.size() > 4) found.bias = apply.inputs[4];
  return found;
}

std::optional<Prepared> make_clamped_norm_gradient(const KernelView& kernel, int) {
  const auto found = find_clamped_norm(kernel);
  if (!found) return std::nullopt;
  const FusedParts& parts = kernel.attributes.parts();
  // Which output is dx, dscale, dbias; none: nobody reads it.
  std::array<std::optional<std::size_t>, 3> outputs;
  for (std::size_t o = 0; o < parts.outputs.size(); ++o) {
    outputs[parts.outputs[o] - parts.inputs - 2] = o;
  }
  const auto body = [found = *found, outputs](const Run& run) {
    const auto in = [&](const std::optional<std::size_t>& i) {
      return i ? run.in<float>(*i) : nullptr;
    };
    const auto out = [&](std::size_t which) {
      return outputs[which] ? run.out<float>(*outputs[which]) : nullptr;
    };
    BatchNormBackward tensors;
    tensors.dy = run.in<float>(found.dy);
    tensors.x = run.in<float>(found.x);
    tensors.mean = run.in<float>(found.mean);
    tensors.variance = run.in<float>(found.variance);
    tensors.scale = in(found.scale);
    tensors.bias = in(found.bias);
    tensors.dx = out(0);
    tensors.dscale = out(1);
    tensors.dbias = out(2);
    batch_norm_gradient(found.shape, tensors, found.clamp, run.threads(), run.workspace());
  };
  return Prepared{body, batch_norm_workspace(found->shape)};
}

}  // namespace

void add_fused_kernels(Makers& makers) {
  add(makers, {OpKind::kFused}, make_clamped_norm_gradient);
  add(makers, {OpKind::kFused}, make_tiles);
}

}  // namespace rockmate::cpu
