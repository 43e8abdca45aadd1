// Softmax and losses.

#include "exec/vector/checks.h"

namespace rockmate::vector {
namespace {

ve::LineArguments line_arguments(const KernelView& kernel, std::size_t input) {
  const Shape& x = kernel.shape(input);
  const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
  ve::LineArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype(input));
  a.length = x[axis];
  a.stride = extent(x, axis + 1, x.size());
  a.lines = extent(x, 0, axis) * a.stride;
  return a;
}

Prepared make_softmax(const KernelView& kernel) {
  ve::LineArguments a = line_arguments(kernel, 0);
  a.is_log = kernel.kind == OpKind::kLogSoftmax;
  return {[a](const Call& call) mutable {
    a.x = call.in();
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_softmax, a, a.lines);
  }};
}

Prepared make_softmax_gradient(const KernelView& kernel) {
  ve::LineArguments a = line_arguments(kernel, 0);
  a.is_log = kernel.kind == OpKind::kLogSoftmaxGradient;
  return {[a](const Call& call) mutable {
    a.dy = call.in(0);
    a.x = call.in(1);
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_softmax_gradient, a, a.lines);
  }};
}

struct Targets {
  Targets(const KernelView& kernel, std::size_t logits, std::size_t targets)
      : op(kernel.op), input(targets), lines(line_arguments(kernel, logits)) {
    lines.wide_targets = kernel.dtype(targets) == DType::kInt64;
    lines.ignored = kernel.attributes.integer("ignore_index");
  }
  [[nodiscard]] double count(const Call& call) const {
    ve::CheckArguments check = {};
    check.wide_indices = lines.wide_targets;
    check.indices = call.in(input);
    check.count = lines.lines;
    check.below = lines.length;
    check.has_ignored = true;
    check.ignored = lines.ignored;
    return static_cast<double>(check_indices(call, op, "target", check));
  }
  std::string op;
  std::size_t input;
  ve::LineArguments lines;
};

// (logits, targets) -> (loss, log_sum); 0 where no target counts. What each line adds to the loss
// waits in the workspace.
Prepared make_cross_entropy(const KernelView& kernel) {
  const Targets targets(kernel, 0, 1);
  const Bytes parts(targets.lines.lines * 8);
  return {[targets](const Call& call) {
            const double counted = targets.count(call);
            ve::LineArguments a = targets.lines;
            a.x = call.in(0);
            a.targets = call.in(1);
            a.log_sum_out = call.out(1);
            a.parts = static_cast<double*>(call.workspace());
            ROCKMATE_LAUNCH(call, ve_cross_entropy, a, a.lines);
            ve::LossArguments sum = {};
            sum.function = ve::Pairwise::kSum;
            sum.wide = a.wide;
            sum.x = a.parts;
            sum.y = call.out(0);
            sum.count = a.lines;
            sum.divisor = counted;
            ROCKMATE_LAUNCH(call, ve_loss, sum, 1);
          },
          aligned(parts)};
}

// (dloss, logits, targets, log_sum) -> dlogits
Prepared make_cross_entropy_gradient(const KernelView& kernel) {
  return {[targets = Targets(kernel, 1, 2)](const Call& call) {
    ve::LineArguments a = targets.lines;
    a.counted = targets.count(call);
    a.scale = call.in(0);
    a.x = call.in(1);
    a.targets = call.in(2);
    a.log_sums = call.in(3);
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_cross_entropy_gradient, a, a.lines);
  }};
}

ve::Pairwise pairwise_of(OpKind kind) {
  const bool is_square =
      kind == OpKind::kMeanSquaredError || kind == OpKind::kMeanSquaredErrorGradient;
  return is_square ? ve::Pairwise::kSquare : ve::Pairwise::kCross;
}

Prepared make_loss(const KernelView& kernel) {
  ve::LossArguments a = {};
  a.function = pairwise_of(kernel.kind);
  a.wide = is_wide(kernel, kernel.dtype());
  a.count = element_count(kernel.shape());
  a.divisor = static_cast<double>(a.count);
  return {[a](const Call& call) mutable {
    a.x = call.in(0);
    a.target = call.in(1);
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_loss, a, 1);
  }};
}

Prepared make_loss_gradient(const KernelView& kernel) {
  ve::LossArguments a = {};
  a.function = pairwise_of(kernel.kind);
  a.wide = is_wide(kernel, kernel.dtype(1));
  a.count = element_count(kernel.shape(1));
  a.divisor = static_cast<double>(a.count);
  return {[a](const Call& call) mutable {
    a.scale = call.in(0);
    a.x = call.in(1);
    a.target = call.in(2);
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_loss_gradient, a, ceil_div(a.count, ve::kMapStretch));
  }};
}

}  // namespace

void add_line_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kSoftmax, kLogSoftmax}, make_softmax);
  add(makers, {kSoftmaxGradient, kLogSoftmaxGradient}, make_softmax_gradient);
  add(makers, {kCrossEntropy}, make_cross_entropy);
  add(makers, {kCrossEntropyGradient}, make_cross_entropy_gradient);
  add(makers, {kMeanSquaredError, kBinaryCrossEntropy}, make_loss);
  add(makers, {kMeanSquaredErrorGradient, kBinaryCrossEntropyGradient}, make_loss_gradient);
}

}  // namespace rockmate::vector
