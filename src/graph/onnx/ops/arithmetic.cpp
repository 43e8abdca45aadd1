// Element-wise arithmetic with broadcasting. An operand that is one known number becomes part of a
// `scale`, which needs no tensor for it.

#include <fmt/format.h>

#include <cmath>

#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

// Whole numbers wrap around; what has no result is 0.
std::uint64_t bits(std::int64_t x) { return static_cast<std::uint64_t>(x); }
std::int64_t whole_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(bits(a) + bits(b));
}
std::int64_t whole_sub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(bits(a) - bits(b));
}
std::int64_t whole_mul(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(bits(a) * bits(b));
}
std::int64_t whole_div(std::int64_t a, std::int64_t b) {
  if (b == 0) NodeCall::reject("a whole number is divided by 0");
  return b == -1 ? whole_sub(0, a) : a / b;
}
// The sign is the divisor's, as Python has it.
std::int64_t whole_mod(std::int64_t a, std::int64_t b) {
  if (b == 0) NodeCall::reject("a whole number is divided by 0");
  if (b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
double real_add(double a, double b) { return a + b; }
double real_sub(double a, double b) { return a - b; }
double real_mul(double a, double b) { return a * b; }
double real_div(double a, double b) { return a / b; }
double real_pow(double a, double b) { return std::pow(a, b); }
double real_max(double a, double b) { return a < b ? b : a; }
double real_min(double a, double b) { return b < a ? b : a; }
std::int64_t whole_max(std::int64_t a, std::int64_t b) { return std::max(a, b); }
std::int64_t whole_min(std::int64_t a, std::int64_t b) { return std::min(a, b); }

// Before opset 7 the second operand is aligned with attribute `axis` of the first.
void align_old_broadcast(NodeCall& call) {
  if (call.opset() >= 7 || call.integer("broadcast", 0) == 0 || call.find("axis") == nullptr ||
      call.is_replaced(1)) {
    return;
  }
  const std::size_t rank = call.shape(0).size();
  const std::size_t axis = call.axis(call.integer("axis", 0), rank);
  Shape shape = call.shape(1);
  if (axis + shape.size() > rank) {
    NodeCall::reject(fmt::format("axis {}: {} does not fit into {}", axis, to_string(shape),
                                 to_string(call.shape(0))));
  }
  shape.resize(rank - axis, 1);
  if (const Constant* b = call.foldable(1)) {
    call.replace(1, {.constant = std::make_shared<const Constant>(b->reshaped(shape))});
  } else {
    const TensorId tensor = call.tensor(1);
    call.replace(1, {.tensor = call.b().reshape(tensor, shape)});
  }
}

bool fold(NodeCall& call, WholeBinary whole, RealBinary real) {
  if (!call.all_foldable()) return false;
  Folded result = fold_binary(*call.foldable(0), *call.foldable(1), call.dtype(0), whole, real);
  if (!result) return false;
  call.set(*std::move(result));
  return true;
}

// factor * x + offset; nothing where that is x.
void set_scaled(NodeCall& call, std::size_t input, double factor, double offset) {
  if (factor == 1 && offset == 0) return call.set(call.value(input));
  const TensorId x = call.tensor(input);
  call.set(call.b().scale(x, factor, offset));
}

std::optional<double> number(NodeCall& call, std::size_t i) {
  if (!is_floating(call.dtype(i))) return std::nullopt;
  return call.scalar(i, call.shape(1 - i).size());
}

template <WholeBinary whole, RealBinary real, TensorId (GraphBuilder::*method)(TensorId, TensorId)>
void import_binary(NodeCall& call) {
  align_old_broadcast(call);
  if (fold(call, whole, real)) return;
  const TensorId a = call.tensor(0);
  const TensorId b = call.tensor(1);
  call.set((call.b().*method)(a, b));
}

void import_add(NodeCall& call) {
  align_old_broadcast(call);
  if (fold(call, whole_add, real_add)) return;
  if (const auto b = number(call, 1)) return set_scaled(call, 0, 1, *b);
  if (const auto a = number(call, 0)) return set_scaled(call, 1, 1, *a);
  import_binary<whole_add, real_add, &GraphBuilder::add>(call);
}

void import_sub(NodeCall& call) {
  align_old_broadcast(call);
  if (fold(call, whole_sub, real_sub)) return;
  if (const auto b = number(call, 1)) return set_scaled(call, 0, 1, -*b);
  if (const auto a = number(call, 0)) return set_scaled(call, 1, -1, *a);
  import_binary<whole_sub, real_sub, &GraphBuilder::sub>(call);
}

void import_mul(NodeCall& call) {
  align_old_broadcast(call);
  if (fold(call, whole_mul, real_mul)) return;
  if (const auto b = number(call, 1)) return set_scaled(call, 0, *b, 0);
  if (const auto a = number(call, 0)) return set_scaled(call, 1, *a, 0);
  import_binary<whole_mul, real_mul, &GraphBuilder::mul>(call);
}

void import_div(NodeCall& call) {
  align_old_broadcast(call);
  if (fold(call, whole_div, real_div)) return;
  if (const auto b = number(call, 1); b && *b != 0) return set_scaled(call, 0, 1 / *b, 0);
  if (const auto a = number(call, 0)) {
    const TensorId x = call.tensor(1);
    const TensorId inverse = call.b().pow(x, -1);
    return call.set(*a == 1 ? inverse : call.b().scale(inverse, *a));
  }
  import_binary<whole_div, real_div, &GraphBuilder::div>(call);
}

// base ^ x = exp(x ln base)
void import_pow(NodeCall& call) {
  align_old_broadcast(call);
  if (fold(call, nullptr, real_pow)) return;
  const auto exponent = call.scalar(1, call.shape(0).size());
  if (exponent && *exponent == 1) return call.set(call.value(0));
  if (exponent) {
    const TensorId x = call.tensor(0);
    return call.set(*exponent == 0.5 ? call.b().sqrt(x) : call.b().pow(x, *exponent));
  }
  const auto base = number(call, 0);
  if (!base || *base <= 0) {
    NodeCall::reject("expected an exponent, or a base > 0, that is one known number");
  }
  const TensorId x = call.tensor(1);
  const TensorId product = call.b().scale(x, std::log(*base));
  call.set(call.b().exp(product));
}

void import_mod(NodeCall& call) {
  if (call.integer("fmod", 0) == 0 && fold(call, whole_mod, std::fmod)) return;
  NodeCall::reject("supported for constant whole numbers only");
}

// Max, Min, Sum and Mean take any number of operands.
template <WholeBinary whole, RealBinary real, TensorId (GraphBuilder::*method)(TensorId, TensorId)>
void import_variadic(NodeCall& call) {
  if (call.inputs() == 2 && fold(call, whole, real)) return;
  TensorId y = call.tensor(0);
  for (std::size_t i = 1; i < call.inputs(); ++i) {
    const TensorId next = call.tensor(i);
    y = (call.b().*method)(y, next);
  }
  if (call.op() == "Mean") y = call.b().scale(y, 1 / static_cast<double>(call.inputs()));
  call.set(y);
}

}  // namespace

void add_arithmetic_importers(Importers& importers) {
  importers["Add"] = import_add;
  importers["Sub"] = import_sub;
  importers["Mul"] = import_mul;
  importers["Div"] = import_div;
  importers["Pow"] = import_pow;
  importers["Mod"] = import_mod;
  importers["Max"] = import_variadic<whole_max, real_max, &GraphBuilder::maximum>;
  importers["Min"] = import_variadic<whole_min, real_min, &GraphBuilder::minimum>;
  importers["Sum"] = import_variadic<whole_add, real_add, &GraphBuilder::add>;
  importers["Mean"] = import_variadic<nullptr, real_add, &GraphBuilder::add>;
}

}  // namespace rockmate::from_onnx
