// Activations. Those that the op table lacks are put together from what it has.

#include <limits>

#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

template <TensorId (GraphBuilder::*method)(TensorId)>
void import_plain(NodeCall& call) {
  const TensorId x = call.tensor(0);
  call.set((call.b().*method)(x));
}

void import_leaky_relu(NodeCall& call) {
  const TensorId x = call.tensor(0);
  call.set(call.b().leaky_relu(x, call.real("alpha", 0.01)));
}

void import_elu(NodeCall& call) {
  const TensorId x = call.tensor(0);
  call.set(call.b().elu(x, call.real("alpha", 1)));
}

// alpha * (exp(x / alpha) - 1) below zero
void import_celu(NodeCall& call) {
  const double alpha = call.real("alpha", 1);
  if (alpha == 0) NodeCall::reject("alpha is 0, expected another number");
  TensorId y = call.tensor(0);
  if (alpha != 1) y = call.b().scale(y, 1 / alpha);
  y = call.b().elu(y, 1);
  if (alpha != 1) y = call.b().scale(y, alpha);
  call.set(y);
}

void import_selu(NodeCall& call) {
  const TensorId x = call.tensor(0);
  const TensorId y = call.b().elu(x, call.real("alpha", 1.67326319217681884765625));
  call.set(call.b().scale(y, call.real("gamma", 1.05070102214813232421875)));
}

void import_hard_sigmoid(NodeCall& call) {
  const TensorId x = call.tensor(0);
  call.set(call.b().hard_sigmoid(x, call.real("alpha", 0.2), call.real("beta", 0.5)));
}

void import_gelu(NodeCall& call) {
  const TensorId x = call.tensor(0);
  const std::string approximate = call.text("approximate", "none");
  call.set(call.b().gelu(x, approximate == "tanh"));
}

// x * tanh(softplus(x))
void import_mish(NodeCall& call) {
  const TensorId x = call.tensor(0);
  const TensorId soft = call.b().softplus(x);
  const TensorId gate = call.b().tanh(soft);
  call.set(call.b().mul(x, gate));
}

// x / (1 + |x|)
void import_softsign(NodeCall& call) {
  const TensorId x = call.tensor(0);
  const TensorId size = call.b().abs(x);
  const TensorId divisor = call.b().scale(size, 1, 1);
  call.set(call.b().div(x, divisor));
}

// relu(x) - slope * relu(-x), with a slope that is learnt
void import_prelu(NodeCall& call) {
  const TensorId x = call.tensor(0);
  TensorId slope = call.tensor(1);
  // Old exporters give one slope per channel without saying which axis that is.
  const Shape& image = call.shape(0);
  if (image.size() > 2 && call.shape(1) == Shape{image[1]}) {
    Shape column(image.size() - 1, 1);
    column.front() = image[1];
    slope = call.b().reshape(slope, column);
  }
  const TensorId above = call.b().relu(x);
  const TensorId negated = call.b().neg(x);
  const TensorId below = call.b().relu(negated);
  const TensorId scaled = call.b().mul(below, slope);
  call.set(call.b().sub(above, scaled));
}

// The bounds are attributes before opset 11; an absent one is infinite.
void import_clip(NodeCall& call) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double low = call.has(1) ? call.known_real(1, "the bound") : call.real("min", -kInfinity);
  const double high = call.has(2) ? call.known_real(2, "the bound") : call.real("max", kInfinity);
  // Some exporters state "no bound" as the largest float.
  const bool has_low = low > -std::numeric_limits<float>::max();
  const bool has_high = high < static_cast<double>(std::numeric_limits<float>::max());
  if (const Constant* x = call.foldable(0)) {
    const Constant floor(x->dtype(), {}, std::vector<double>{low});
    const Constant ceiling(x->dtype(), {}, std::vector<double>{high});
    const auto larger = [](double a, double b) { return a < b ? b : a; };
    const auto smaller = [](double a, double b) { return b < a ? b : a; };
    const Folded raised = fold_binary(*x, floor, x->dtype(), nullptr, larger);
    if (raised) return call.set(*fold_binary(*raised, ceiling, x->dtype(), nullptr, smaller));
  }
  if (!has_low && !has_high) return call.set(call.value(0));
  const TensorId x = call.tensor(0);
  if (low == 0 && !has_high) return call.set(call.b().relu(x));
  call.set(call.b().clip(x, low, high));
}

// max(x, alpha) where x lies above alpha, else 0
void import_thresholded_relu(NodeCall& call) {
  const double alpha = call.real("alpha", 1);
  const TensorId x = call.tensor(0);
  const DType dtype = call.dtype(0);
  const auto scalar = [&](double value) {
    return call.values().constant(
        std::make_shared<const Constant>(dtype, Shape{}, std::vector<double>{value}));
  };
  const TensorId threshold = scalar(alpha);
  const TensorId above = call.b().greater(x, threshold);
  const TensorId zero = scalar(0);
  call.set(call.b().where(above, x, zero));
}

}  // namespace

void add_activation_importers(Importers& importers) {
  importers["Relu"] = import_plain<&GraphBuilder::relu>;
  importers["Sigmoid"] = import_plain<&GraphBuilder::sigmoid>;
  importers["HardSwish"] = import_plain<&GraphBuilder::hard_swish>;
  importers["Softplus"] = import_plain<&GraphBuilder::softplus>;
  importers["LeakyRelu"] = import_leaky_relu;
  importers["Elu"] = import_elu;
  importers["Celu"] = import_celu;
  importers["Selu"] = import_selu;
  importers["HardSigmoid"] = import_hard_sigmoid;
  importers["Gelu"] = import_gelu;
  importers["Mish"] = import_mish;
  importers["Softsign"] = import_softsign;
  importers["PRelu"] = import_prelu;
  importers["Clip"] = import_clip;
  importers["ThresholdedRelu"] = import_thresholded_relu;
}

}  // namespace rockmate::from_onnx
