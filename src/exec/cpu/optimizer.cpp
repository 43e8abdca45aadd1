// Optimizers: parameter, gradient and states in one pass. What they do is told at the head of
// graph/ops/optimizer.cpp.

#include <algorithm>
#include <cmath>

#include "exec/cpu/families.h"
#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/optimizer.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

#ifndef ROCKMATE_EXEC_CPU_OPTIMIZER_
#define ROCKMATE_EXEC_CPU_OPTIMIZER_
namespace rockmate::cpu {

// The numbers of one update.
struct Update {
  float rate, decay, factor;
  float momentum;  // momentum alone; the rest: Adam alone
  float shrink;    // decay that is no part of the gradient
  float beta1, beta2, rest1, rest2, correction, epsilon;
};
// Elements [0, n); states where the optimizer has them.
struct Updated {
  float* w;
  const float* gradient;
  float* first;
  float* second;
};

}  // namespace rockmate::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

// What an element's gradient counts: with factor and decay.
struct Gradient {
  HWY_INLINE explicit Gradient(const Update& u)
      : factor(number(u.factor)), decay(number(u.decay)) {}
  HWY_INLINE V of(V gradient, V w) const { return hn::MulAdd(decay, w, hn::Mul(gradient, factor)); }
  V factor, decay;
};

void sgd(const Update& u, const Updated& t, std::int64_t n) {
  const V rate = number(u.rate);
  const Gradient gradient(u);
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    const V w = part.load(t.w + i);
    const V g = gradient.of(part.load(t.gradient + i), w);
    part.store(hn::NegMulAdd(rate, g, w), t.w + i);
  });
}

void momentum(const Update& u, const Updated& t, std::int64_t n) {
  const V rate = number(u.rate);
  const V friction = number(u.momentum);
  const Gradient gradient(u);
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    const V w = part.load(t.w + i);
    const V g = gradient.of(part.load(t.gradient + i), w);
    const V velocity = hn::MulAdd(friction, part.load(t.first + i), g);
    part.store(velocity, t.first + i);
    part.store(hn::NegMulAdd(rate, velocity, w), t.w + i);
  });
}

void adam(const Update& u, const Updated& t, std::int64_t n) {
  const Gradient gradient(u);
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    V w = part.load(t.w + i);
    const V g = gradient.of(part.load(t.gradient + i), w);
    const V m = hn::MulAdd(number(u.beta1), part.load(t.first + i), hn::Mul(number(u.rest1), g));
    const V v = hn::MulAdd(number(u.beta2), part.load(t.second + i),
                           hn::Mul(hn::Mul(number(u.rest2), g), g));
    part.store(m, t.first + i);
    part.store(v, t.second + i);
    w = hn::NegMulAdd(number(u.shrink), w, w);
    const V deviation = hn::Add(hn::Sqrt(hn::Mul(v, number(u.correction))), number(u.epsilon));
    part.store(hn::Sub(w, hn::Div(hn::Mul(number(u.rate), m), deviation)), t.w + i);
  });
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(sgd);
HWY_EXPORT(momentum);
HWY_EXPORT(adam);

using Function = void (*)(const Update& update, const Updated& tensors, std::int64_t n);

// set(update, rate, updates): the numbers that change from run to run, of which this is the
// `updates`-th that acts.
template <class F>
Prepared prepare(const KernelView& kernel, Function function, std::size_t states, Update update,
                 F set) {
  const auto every = static_cast<std::uint64_t>(kernel.attributes.integer("every", 1));
  const double rate = kernel.attributes.real("learning_rate");
  const bool has_factor = kernel.inputs.size() > 2 + states;
  return {[=, count = element_count(kernel.shape())](const Run& run) {
    const std::uint64_t steps = run.step() + 1;
    if (steps % every != 0) return;
    Update now = update;
    now.factor = has_factor ? *run.in<float>(2 + states) : 1;
    set(now, rate * run.rate(), static_cast<double>(steps / every));
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      const auto state = [&](std::size_t i) {
        return i < states ? run.updated<float>(2 + i) + begin : nullptr;
      };
      const Updated tensors = {run.updated<float>(0) + begin, run.in<float>(1) + begin, state(0),
                               state(1)};
      function(now, tensors, end - begin);
    });
  }};
}

std::optional<Prepared> make_simple(const KernelView& kernel, int) {
  if (!is_float32(kernel) || !has_one_format(kernel)) return std::nullopt;
  Update update = {};
  update.decay = static_cast<float>(kernel.attributes.real("weight_decay"));
  const auto set = [](Update& now, double rate, double) { now.rate = static_cast<float>(rate); };
  if (kernel.kind == OpKind::kSgd) {
    return prepare(kernel, HWY_DYNAMIC_DISPATCH(sgd), 0, update, set);
  }
  update.momentum = static_cast<float>(kernel.attributes.real("momentum"));
  return prepare(kernel, HWY_DYNAMIC_DISPATCH(momentum), 1, update, set);
}

std::optional<Prepared> make_adam(const KernelView& kernel, int) {
  if (!is_float32(kernel) || !has_one_format(kernel)) return std::nullopt;
  const auto real = [&](const char* name) { return kernel.attributes.real(name); };
  const double beta1 = real("beta1");
  const double beta2 = real("beta2");
  const double decay = real("weight_decay");
  const bool decoupled = kernel.attributes.flag("decoupled");
  Update update = {};
  update.decay = static_cast<float>(decoupled ? 0 : decay);
  update.beta1 = static_cast<float>(beta1);
  update.beta2 = static_cast<float>(beta2);
  update.rest1 = static_cast<float>(1 - beta1);
  update.rest2 = static_cast<float>(1 - beta2);
  update.epsilon = static_cast<float>(real("epsilon"));
  const auto set = [=](Update& now, double rate, double updates) {
    now.shrink = static_cast<float>(decoupled ? rate * decay : 0);
    now.rate = static_cast<float>(rate / (1 - std::pow(beta1, updates)));
    now.correction = static_cast<float>(1 / (1 - std::pow(beta2, updates)));
  };
  return prepare(kernel, HWY_DYNAMIC_DISPATCH(adam), 2, update, set);
}

}  // namespace

void add_optimizer_kernels(Makers& makers) {
  add(makers, {OpKind::kSgd, OpKind::kMomentum}, make_simple);
  add(makers, {OpKind::kAdam}, make_adam);
}

}  // namespace rockmate::cpu
#endif
