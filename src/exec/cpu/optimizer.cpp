// Optimizers: parameter, gradient and states in one pass.

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

struct Update {
  float rate, decay;
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

void sgd(const Update& u, const Updated& t, std::int64_t n) {
  const V rate = number(u.rate);
  const V decay = number(u.decay);
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    const V w = part.load(t.w + i);
    const V g = hn::MulAdd(decay, w, part.load(t.gradient + i));
    part.store(hn::NegMulAdd(rate, g, w), t.w + i);
  });
}

void momentum(const Update& u, const Updated& t, std::int64_t n) {
  const V rate = number(u.rate);
  const V decay = number(u.decay);
  const V factor = number(u.momentum);
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    const V w = part.load(t.w + i);
    const V g = hn::MulAdd(decay, w, part.load(t.gradient + i));
    const V velocity = hn::MulAdd(factor, part.load(t.first + i), g);
    part.store(velocity, t.first + i);
    part.store(hn::NegMulAdd(rate, velocity, w), t.w + i);
  });
}

void adam(const Update& u, const Updated& t, std::int64_t n) {
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    V w = part.load(t.w + i);
    const V g = hn::MulAdd(number(u.decay), w, part.load(t.gradient + i));
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

// update_of(run): the numbers of one run.
template <class F>
Prepared prepare(const KernelView& kernel, Function function, std::size_t states, F update_of) {
  return {[=, count = element_count(kernel.shape())](const Run& run) {
    const Update update = update_of(run);
    parallel_for(run.threads(), count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      const auto state = [&](std::size_t i) {
        return i < states ? run.updated<float>(2 + i) + begin : nullptr;
      };
      const Updated tensors = {run.updated<float>(0) + begin, run.in<float>(1) + begin, state(0),
                               state(1)};
      function(update, tensors, end - begin);
    });
  }};
}

std::optional<Prepared> make_simple(const KernelView& kernel, int) {
  if (!is_float32(kernel) || !has_one_format(kernel)) return std::nullopt;
  const auto real = [&](const char* name) {
    return static_cast<float>(kernel.attributes.real(name));
  };
  const bool has_momentum = kernel.kind == OpKind::kMomentum;
  Update update = {};
  update.rate = real("learning_rate");
  update.decay = real("weight_decay");
  if (has_momentum) update.momentum = real("momentum");
  return prepare(kernel, has_momentum ? HWY_DYNAMIC_DISPATCH(momentum) : HWY_DYNAMIC_DISPATCH(sgd),
                 has_momentum ? 1 : 0, [update](const Run&) { return update; });
}

// The bias corrections are those of the step that ends with this run.
std::optional<Prepared> make_adam(const KernelView& kernel, int) {
  if (!is_float32(kernel) || !has_one_format(kernel)) return std::nullopt;
  const auto real = [&](const char* name) { return kernel.attributes.real(name); };
  const double beta1 = real("beta1");
  const double beta2 = real("beta2");
  const double rate = real("learning_rate");
  const double decay = real("weight_decay");
  const bool decoupled = kernel.attributes.flag("decoupled");
  Update update = {};
  update.decay = static_cast<float>(decoupled ? 0 : decay);
  update.shrink = static_cast<float>(decoupled ? rate * decay : 0);
  update.beta1 = static_cast<float>(beta1);
  update.beta2 = static_cast<float>(beta2);
  update.rest1 = static_cast<float>(1 - beta1);
  update.rest2 = static_cast<float>(1 - beta2);
  update.epsilon = static_cast<float>(real("epsilon"));
  return prepare(kernel, HWY_DYNAMIC_DISPATCH(adam), 2, [=](const Run& run) {
    const double steps = static_cast<double>(run.step()) + 1;
    Update now = update;
    now.rate = static_cast<float>(rate / (1 - std::pow(beta1, steps)));
    now.correction = static_cast<float>(1 / (1 - std::pow(beta2, steps)));
    return now;
  });
}

}  // namespace

void add_optimizer_kernels(Makers& makers) {
  add(makers, {OpKind::kSgd, OpKind::kMomentum}, make_simple);
  add(makers, {OpKind::kAdam}, make_adam);
}

}  // namespace rockmate::cpu
#endif
