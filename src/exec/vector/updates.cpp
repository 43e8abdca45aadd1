// Optimizers: (parameter, gradient, states..., factor), the parameter and the states updated; and
// what prepares gradients for them.

#include <cmath>

#include "exec/vector/kernel.h"

namespace rockmate::vector {
namespace {

using ve::Optimizer;

ve::UpdateArguments update_arguments(const KernelView& kernel, Optimizer function) {
  const auto real = [&](const char* name) { return kernel.attributes.real(name); };
  ve::UpdateArguments a = {};
  a.function = function;
  a.wide = is_wide(kernel, kernel.dtype());
  a.count = element_count(kernel.shape());
  if (function == Optimizer::kAccumulate) {
    a.rate = 1 / static_cast<double>(kernel.attributes.integer("every"));
    return a;
  }
  a.rate = real("learning_rate");
  a.decay = real("weight_decay");
  if (function == Optimizer::kMomentum) a.momentum = real("momentum");
  if (function == Optimizer::kAdam) {
    a.beta1 = real("beta1");
    a.beta2 = real("beta2");
    a.epsilon = real("epsilon");
  }
  return a;
}

template <Optimizer function, std::size_t states>
Prepared make_update(const KernelView& kernel) {
  const bool has_factor = kernel.inputs.size() > 2 + states;
  const bool decoupled = kernel.attributes.flag("decoupled");
  const auto every = static_cast<std::uint64_t>(kernel.attributes.integer("every", 1));
  return {[=, a = update_arguments(kernel, function)](const Call& call) {
    if (call.executes() && (call.step() + 1) % every != 0) return;
    ve::UpdateArguments now = a;
    now.parameter = call.updated(0);
    now.gradient = call.in(1);
    now.first = states > 0 ? call.updated(2) : nullptr;
    now.second = states > 1 ? call.updated(3) : nullptr;
    now.factor = has_factor ? call.in(2 + states) : nullptr;
    now.rate = a.rate * call.rate();
    if (function == Optimizer::kAdam) {
      // The bias corrections are those of the update that this run makes.
      const double updates = static_cast<double>((call.step() + 1) / every);
      if (decoupled) {
        now.shrink = now.rate * a.decay;
        now.decay = 0;
      }
      now.rate /= 1 - std::pow(a.beta1, updates);
      now.correction = 1 / (1 - std::pow(a.beta2, updates));
    }
    ROCKMATE_LAUNCH(call, ve_update, now, ceil_div(a.count, ve::kMapStretch));
  }};
}

Prepared make_accumulate(const KernelView& kernel) {
  const auto every = static_cast<std::uint64_t>(kernel.attributes.integer("every"));
  return {[=, a = update_arguments(kernel, Optimizer::kAccumulate)](const Call& call) mutable {
    a.parameter = call.updated(0);
    a.gradient = call.in(1);
    a.starts = call.step() % every == 0;
    ROCKMATE_LAUNCH(call, ve_update, a, ceil_div(a.count, ve::kMapStretch));
  }};
}

Prepared make_squared_norm(const KernelView& kernel) {
  ve::LossArguments a = {};
  a.function = ve::Pairwise::kNorm;
  a.wide = is_wide(kernel, kernel.dtype());
  a.count = element_count(kernel.shape());
  a.divisor = 1;
  return {[a](const Call& call) mutable {
    a.x = call.in();
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_loss, a, 1);
  }};
}

Prepared make_clip_factor(const KernelView& kernel) {
  ve::ClipArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.count = static_cast<long>(kernel.inputs.size());
  a.largest = kernel.attributes.real("max_norm");
  a.epsilon = 1e-6;
  std::vector<const void*> squares(kernel.inputs.size());
  return {[a, squares](const Call& call) mutable {
    for (std::size_t i = 0; i < squares.size(); ++i) squares[i] = call.in(i);
    a.squares = squares.data();
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_clip_factor, a, 1);
  }};
}

}  // namespace

void add_update_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kSgd}, make_update<Optimizer::kSgd, 0>);
  add(makers, {kMomentum}, make_update<Optimizer::kMomentum, 1>);
  add(makers, {kAdam}, make_update<Optimizer::kAdam, 2>);
  add(makers, {kAccumulate}, make_accumulate);
  add(makers, {kSquaredNorm}, make_squared_norm);
  add(makers, {kClipFactor}, make_clip_factor);
}

}  // namespace rockmate::vector
