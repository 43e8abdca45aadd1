// Normalisations and their gradients: what a set is, is told by NormPlan.

#include "exec/reference/norm_plan.h"
#include "exec/vector/chains.h"
#include "exec/vector/fused.h"

namespace rockmate::vector {
namespace {

ve::NormArguments norm_arguments(const KernelView& kernel, const Shape& x) {
  const reference::NormPlan plan(kernel, x);
  ve::NormArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.per_element = plan.per_element;
  a.sets = plan.sets;
  a.runs = plan.runs;
  a.length = plan.length;
  a.set_stride = plan.set_stride;
  a.run_stride = plan.run_stride;
  a.element_stride = 1;
  a.period = plan.period;
  a.affine_set = plan.affine_set;
  a.affine_run = plan.affine_run;
  a.epsilon = plan.epsilon;
  // Short runs become the elements of long ones, where they share scale and bias.
  if (!a.per_element && a.affine_run == 0 && a.runs > a.length) {
    std::swap(a.runs, a.length);
    std::swap(a.run_stride, a.element_stride);
  }
  return a;
}

Prepared make_norm(const KernelView& kernel) {
  const std::size_t operands = kernel.inputs.size();
  return {[a = norm_arguments(kernel, kernel.shape()), operands](const Call& call) mutable {
    a.x = call.in(0);
    a.scale = operands > 1 ? call.in(1) : nullptr;
    a.bias = operands > 2 ? call.in(2) : nullptr;
    a.y = call.out(0);
    a.mean_out = call.out(1);
    a.variance_out = call.out(2);
    ROCKMATE_LAUNCH(call, ve_norm, a, a.sets);
  }};
}

Prepared make_statistics(const KernelView& kernel) {
  return {[a = norm_arguments(kernel, kernel.shape())](const Call& call) mutable {
    a.x = call.in(0);
    a.mean_out = call.out(0);
    a.variance_out = call.out(1);
    ROCKMATE_LAUNCH(call, ve_norm, a, a.sets);
  }};
}

// dx may lie on dy, so it comes last.
void launch_gradient(const Call& call, const ve::NormArguments& a) {
  if (a.dscale != nullptr || a.dbias != nullptr) {
    if (a.per_element) {
      ROCKMATE_LAUNCH(call, ve_norm_columns, a, ceil_div(a.length, kVectorLength));
    } else {
      const long channels = a.affine_run == 0 ? a.sets : a.period * a.runs;
      ROCKMATE_LAUNCH(call, ve_norm_channels, a, channels);
    }
  }
  if (a.y != nullptr) ROCKMATE_LAUNCH(call, ve_norm_gradient, a, a.sets);
}

// (dy, x, mean, variance, scale) -> (dx, dscale, dbias)
Prepared make_gradient(const KernelView& kernel) {
  const bool has_scale = kernel.inputs.size() > 4;
  return {[a = norm_arguments(kernel, kernel.shape(1)), has_scale](const Call& call) mutable {
    a.dy = call.in(0);
    a.x = call.in(1);
    a.means = call.in(2);
    a.variances = call.in(3);
    a.scale = has_scale ? call.in(4) : nullptr;
    a.y = call.out(0);
    a.dscale = call.out(1);
    a.dbias = call.out(2);
    launch_gradient(call, a);
  }};
}

Prepared make_running_statistics(const KernelView& kernel) {
  ve::RunningArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype(0));
  a.running_wide = is_wide(kernel, kernel.dtype(2));
  a.momentum = kernel.attributes.real("momentum");
  a.channels = element_count(kernel.shape());
  const auto count = static_cast<double>(kernel.attributes.integer("count"));
  const double unbiased = count > 1 ? count / (count - 1) : 1;
  return {[a, unbiased](const Call& call) mutable {
    for (const std::size_t i : {0U, 1U}) {
      a.batch = call.in(i);
      a.running = call.updated(2 + i);
      a.factor = i == 0 ? 1 : unbiased;
      ROCKMATE_LAUNCH(call, ve_running, a, ceil_div(a.channels, kVectorLength));
    }
  }};
}

}  // namespace

Prepared make_clamped_norm_gradient(const KernelView& norm, const ClampedNorm& clamped) {
  ve::NormArguments a = norm_arguments(norm, norm.shape(1));
  a.is_clamped = true;
  a.low = clamped.low;
  a.high = clamped.high;
  return {[a, clamped](const Call& call) mutable {
    const auto in = [&](const std::optional<std::size_t>& i) { return i ? call.in(*i) : nullptr; };
    const auto out = [&](std::size_t which) {
      return clamped.outputs[which] ? call.out(*clamped.outputs[which]) : nullptr;
    };
    a.dy = in(clamped.dy);
    a.x = in(clamped.x);
    a.means = in(clamped.mean);
    a.variances = in(clamped.variance);
    a.scale = in(clamped.scale);
    a.bias = in(clamped.bias);
    a.y = out(0);
    a.dscale = out(1);
    a.dbias = out(2);
    launch_gradient(call, a);
  }};
}

void add_norm_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kBatchNorm, kLayerNorm, kGroupNorm}, make_norm);
  add(makers, {kBatchNormStatistics}, make_statistics);
  add(makers, {kBatchNormApply}, make_batch_norm_apply);
  add(makers, {kBatchNormGradient, kLayerNormGradient, kGroupNormGradient}, make_gradient);
  add(makers, {kRunningStatistics}, make_running_statistics);
}

}  // namespace rockmate::vector
