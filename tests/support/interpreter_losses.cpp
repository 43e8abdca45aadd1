// Losses and optimizers.

#include <algorithm>
#include <cmath>

#include "support/interpreter_kernels.h"

namespace rockmate::testing {
namespace {

double counted_targets(const Call& call, const Array& targets) {
  const auto ignored = static_cast<double>(call.attributes.integer("ignore_index"));
  double counted = 0;
  for (const double target : targets.data) counted += target == ignored ? 0 : 1;
  return counted;
}

void run_cross_entropy(Call& call) {
  const std::int64_t axis = call.attributes.integer("axis");
  const Array& logits = call.in(0);
  const Array& targets = call.in(1);
  call.out(1).data = log_sums(logits, axis);
  const double counted = counted_targets(call, targets);
  std::size_t e = 0;
  for_each_index(logits.shape, [&](const Index& index) {
    const std::size_t at = reduced_offset(logits.shape, index, {axis});
    if (targets.data[at] == static_cast<double>(index[static_cast<std::size_t>(axis)])) {
      call.out(0).data[0] += (call.out(1).data[at] - logits.data[e]) / counted;
    }
    ++e;
  });
}

void run_cross_entropy_gradient(Call& call) {
  const std::int64_t axis = call.attributes.integer("axis");
  const Array& logits = call.in(1);
  const Array& targets = call.in(2);
  const auto ignored = static_cast<double>(call.attributes.integer("ignore_index"));
  const double share = call.in(0).data[0] / counted_targets(call, targets);
  std::size_t e = 0;
  for_each_index(logits.shape, [&](const Index& index) {
    const std::size_t at = reduced_offset(logits.shape, index, {axis});
    const double target = targets.data[at];
    const auto own = static_cast<double>(index[static_cast<std::size_t>(axis)]);
    const double softmax = std::exp(logits.data[e] - call.in(3).data[at]);
    call.out().data[e++] = target == ignored ? 0 : share * (softmax - (target == own ? 1 : 0));
  });
}

bool run_pairwise(Call& call) {
  const bool is_gradient = call.kind == OpKind::kMeanSquaredErrorGradient ||
                           call.kind == OpKind::kBinaryCrossEntropyGradient;
  const bool is_squared =
      call.kind == OpKind::kMeanSquaredErrorGradient || call.kind == OpKind::kMeanSquaredError;
  const Array& x = call.in(is_gradient ? 1 : 0);
  const Array& t = call.in(is_gradient ? 2 : 1);
  const auto count = static_cast<double>(x.data.size());
  for (std::size_t e = 0; e < x.data.size(); ++e) {
    const double difference = x.data[e] - t.data[e];
    if (is_gradient) {
      const double slope = is_squared ? 2 * difference : 1 / (1 + std::exp(-x.data[e])) - t.data[e];
      call.out().data[e] = call.in(0).data[0] * slope / count;
    } else {
      const double loss = is_squared ? difference * difference
                                     : std::log1p(std::exp(x.data[e])) - t.data[e] * x.data[e];
      call.out().data[0] += loss / count;
    }
  }
  return true;
}

void update(const Call& call, std::size_t e) {
  const Attributes& a = call.attributes;
  const std::int64_t every = a.integer("every", 1);
  if ((call.step + 1) % every != 0) return;
  double& w = call.inputs[0]->data[e];
  const double rate = a.real("learning_rate") * call.rate;
  const double decay = a.real("weight_decay");
  const bool decoupled = a.flag("decoupled");
  const std::size_t states = call.kind == OpKind::kSgd ? 0 : call.kind == OpKind::kMomentum ? 1 : 2;
  const double factor = call.has(2 + states) ? call.in(2 + states).data[0] : 1;
  const double g = call.in(1).data[e] * factor + (decoupled ? 0 : decay * w);
  if (call.kind == OpKind::kSgd) {
    w -= rate * g;
  } else if (call.kind == OpKind::kMomentum) {
    double& m = call.inputs[2]->data[e];
    m = a.real("momentum") * m + g;
    w -= rate * m;
  } else {
    double& m = call.inputs[2]->data[e];
    double& v = call.inputs[3]->data[e];
    const auto step = static_cast<double>((call.step + 1) / every);
    m = a.real("beta1") * m + (1 - a.real("beta1")) * g;
    v = a.real("beta2") * v + (1 - a.real("beta2")) * g * g;
    if (decoupled) w -= rate * decay * w;
    w -= rate * (m / (1 - std::pow(a.real("beta1"), step))) /
         (std::sqrt(v / (1 - std::pow(a.real("beta2"), step))) + a.real("epsilon"));
  }
}

}  // namespace

bool run_losses(Call& call) {
  switch (call.kind) {
    case OpKind::kCrossEntropy:
      return run_cross_entropy(call), true;
    case OpKind::kCrossEntropyGradient:
      return run_cross_entropy_gradient(call), true;
    case OpKind::kMeanSquaredError:
    case OpKind::kMeanSquaredErrorGradient:
    case OpKind::kBinaryCrossEntropy:
    case OpKind::kBinaryCrossEntropyGradient:
      return run_pairwise(call);
    default:
      return false;
  }
}

bool run_optimizers(Call& call) {
  switch (call.kind) {
    case OpKind::kSgd:
    case OpKind::kMomentum:
    case OpKind::kAdam:
      for (std::size_t e = 0; e < call.in(0).data.size(); ++e) update(call, e);
      return true;
    case OpKind::kAccumulate: {
      const std::int64_t every = call.attributes.integer("every");
      for (std::size_t e = 0; e < call.in(0).data.size(); ++e) {
        double& sum = call.inputs[0]->data[e];
        sum = (call.step % every == 0 ? 0 : sum) + call.in(1).data[e] / static_cast<double>(every);
      }
      return true;
    }
    case OpKind::kSquaredNorm:
      for (const double e : call.in(0).data) call.out().data[0] += e * e;
      return true;
    case OpKind::kClipFactor: {
      double sum = 0;
      for (std::size_t i = 0; i < call.inputs.size(); ++i) sum += call.in(i).data[0];
      const double largest = call.attributes.real("max_norm");
      call.out().data[0] = std::min(1.0, largest / (std::sqrt(sum) + 1e-6));
      return true;
    }
    default:
      return false;
  }
}

}  // namespace rockmate::testing
