// Element-wise functions of one operand, and casts. Functions that are constant almost everywhere
// (floor, sign, ...) exist for constants only: nothing could be learnt through them.

#include <fmt/format.h>

#include <cmath>

#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

template <double (*function)(double)>
bool folded(NodeCall& call) {
  const Constant* x = call.foldable(0);
  if (x == nullptr) return false;
  call.set(*fold_unary(*x, function));
  return true;
}

template <double (*function)(double), TensorId (GraphBuilder::*method)(TensorId)>
void import_unary(NodeCall& call) {
  if (folded<function>(call)) return;
  const TensorId x = call.tensor(0);
  call.set((call.b().*method)(x));
}

template <double (*function)(double)>
void import_step(NodeCall& call) {
  if (folded<function>(call)) return;
  NodeCall::reject("its input is computed from data, and it is supported for constants only");
}

double negated(double x) { return -x; }
double inverse(double x) { return 1 / x; }
double sign(double x) { return x > 0 ? 1 : (x < 0 ? -1 : 0); }
double exponential(double x) { return std::exp(x); }
double logarithm(double x) { return std::log(x); }
double root(double x) { return std::sqrt(x); }
double error_function(double x) { return std::erf(x); }
double magnitude(double x) { return std::abs(x); }
double sine(double x) { return std::sin(x); }
double cosine(double x) { return std::cos(x); }
double hyperbolic(double x) { return std::tanh(x); }
double lower(double x) { return std::floor(x); }
double upper(double x) { return std::ceil(x); }
double nearest(double x) { return std::nearbyint(x); }

void import_reciprocal(NodeCall& call) {
  if (folded<inverse>(call)) return;
  const TensorId x = call.tensor(0);
  call.set(call.b().pow(x, -1));
}

void cast_to(NodeCall& call, DType dtype) {
  if (call.dtype(0) == dtype) return call.set(call.value(0));
  if (const Constant* x = call.foldable(0)) return call.set(*fold_cast(*x, dtype));
  const TensorId x = call.tensor(0);
  call.set(call.b().cast(x, dtype));
}

void import_cast(NodeCall& call) {
  const std::int64_t to = call.integer("to", 0);
  if (to < 0 || to > 1000) NodeCall::reject(fmt::format("to is {}, expected a data type", to));
  cast_to(call, dtype_of(static_cast<std::int32_t>(to)));
}

void import_cast_like(NodeCall& call) { cast_to(call, call.dtype(1)); }

void import_identity(NodeCall& call) { call.set(call.value(0)); }

}  // namespace

void add_unary_importers(Importers& importers) {
  importers["Exp"] = import_unary<exponential, &GraphBuilder::exp>;
  importers["Log"] = import_unary<logarithm, &GraphBuilder::log>;
  importers["Sqrt"] = import_unary<root, &GraphBuilder::sqrt>;
  importers["Erf"] = import_unary<error_function, &GraphBuilder::erf>;
  importers["Abs"] = import_unary<magnitude, &GraphBuilder::abs>;
  importers["Neg"] = import_unary<negated, &GraphBuilder::neg>;
  importers["Sin"] = import_unary<sine, &GraphBuilder::sin>;
  importers["Cos"] = import_unary<cosine, &GraphBuilder::cos>;
  importers["Tanh"] = import_unary<hyperbolic, &GraphBuilder::tanh>;
  importers["Reciprocal"] = import_reciprocal;
  importers["Floor"] = import_step<lower>;
  importers["Ceil"] = import_step<upper>;
  importers["Round"] = import_step<nearest>;
  importers["Sign"] = import_step<sign>;
  importers["Cast"] = import_cast;
  importers["CastLike"] = import_cast_like;
  importers["Identity"] = import_identity;
}

}  // namespace rockmate::from_onnx
