// Element-wise kernels: functions of one, two or three elements.

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "exec/random.h"
#include "support/interpreter_kernels.h"

namespace rockmate::testing {
namespace {

using Unary = double (*)(double x, const Attributes& a);
using Binary = double (*)(double x, double y);
/// (dy, saved input or output) -> dx
using UnaryGradient = double (*)(double dy, double s, const Attributes& a);

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }
double normal_cumulative(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

constexpr double kGeluCubic = 0.044715;
double gelu_tanh_argument(double x) {
  return std::sqrt(2 / std::numbers::pi) * (x + kGeluCubic * x * x * x);
}

double gelu(double x, const Attributes& a) {
  if (!a.flag("tanh")) return x * normal_cumulative(x);
  return x / 2 * (1 + std::tanh(gelu_tanh_argument(x)));
}

double gelu_slope(double x, const Attributes& a) {
  if (!a.flag("tanh")) return normal_cumulative(x) + x * normal_density(x);
  const double t = std::tanh(gelu_tanh_argument(x));
  const double inner = std::sqrt(2 / std::numbers::pi) * (1 + 3 * kGeluCubic * x * x);
  return (1 + t) / 2 + x / 2 * (1 - t * t) * inner;
}

const std::map<OpKind, Unary>& unary_kernels() {
  using A = const Attributes&;
  static const std::map<OpKind, Unary> kernels = {
      {OpKind::kRelu, [](double x, A) { return std::max(x, 0.0); }},
      {OpKind::kClip, [](double x, A a) { return std::clamp(x, a.real("low"), a.real("high")); }},
      {OpKind::kLeakyRelu, [](double x, A a) { return x > 0 ? x : a.real("slope") * x; }},
      {OpKind::kElu, [](double x, A a) { return x > 0 ? x : a.real("alpha") * std::expm1(x); }},
      {OpKind::kGelu, gelu},
      {OpKind::kSigmoid, [](double x, A) { return sigmoid(x); }},
      {OpKind::kTanh, [](double x, A) { return std::tanh(x); }},
      {OpKind::kHardSigmoid,
       [](double x, A a) { return std::clamp(a.real("alpha") * x + a.real("beta"), 0.0, 1.0); }},
      {OpKind::kHardSwish, [](double x, A) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {OpKind::kSilu, [](double x, A) { return x * sigmoid(x); }},
      {OpKind::kSoftplus, [](double x, A) { return std::log1p(std::exp(x)); }},
      {OpKind::kScale, [](double x, A a) { return a.real("factor") * x + a.real("offset"); }},
      {OpKind::kExp, [](double x, A) { return std::exp(x); }},
      {OpKind::kLog, [](double x, A) { return std::log(x); }},
      {OpKind::kSqrt, [](double x, A) { return std::sqrt(x); }},
      {OpKind::kPow, [](double x, A a) { return std::pow(x, a.real("exponent")); }},
      {OpKind::kErf, [](double x, A) { return std::erf(x); }},
      {OpKind::kAbs, [](double x, A) { return std::abs(x); }},
      {OpKind::kSin, [](double x, A) { return std::sin(x); }},
      {OpKind::kCos, [](double x, A) { return std::cos(x); }},
      {OpKind::kNot, [](double x, A) { return x == 0 ? 1.0 : 0.0; }}};
  return kernels;
}

const std::map<OpKind, Binary>& binary_kernels() {
  static const std::map<OpKind, Binary> kernels = {
      {OpKind::kAdd, [](double x, double y) { return x + y; }},
      {OpKind::kSub, [](double x, double y) { return x - y; }},
      {OpKind::kMul, [](double x, double y) { return x * y; }},
      {OpKind::kDiv, [](double x, double y) { return x / y; }},
      {OpKind::kMaximum, [](double x, double y) { return std::max(x, y); }},
      {OpKind::kMinimum, [](double x, double y) { return std::min(x, y); }},
      {OpKind::kEqual, [](double x, double y) { return x == y ? 1.0 : 0.0; }},
      {OpKind::kLess, [](double x, double y) { return x < y ? 1.0 : 0.0; }},
      {OpKind::kLessOrEqual, [](double x, double y) { return x <= y ? 1.0 : 0.0; }},
      {OpKind::kGreater, [](double x, double y) { return x > y ? 1.0 : 0.0; }},
      {OpKind::kGreaterOrEqual, [](double x, double y) { return x >= y ? 1.0 : 0.0; }},
      {OpKind::kAnd, [](double x, double y) { return x != 0 && y != 0 ? 1.0 : 0.0; }},
      {OpKind::kOr, [](double x, double y) { return x != 0 || y != 0 ? 1.0 : 0.0; }}};
  return kernels;
}

const std::map<OpKind, UnaryGradient>& gradient_kernels() {
  using A = const Attributes&;
  static const std::map<OpKind, UnaryGradient> kernels = {
      {OpKind::kEluGradient,
       [](double dy, double y, A a) { return y > 0 ? dy : dy * (y + a.real("alpha")); }},
      {OpKind::kGeluGradient, [](double dy, double x, A a) { return dy * gelu_slope(x, a); }},
      {OpKind::kSigmoidGradient, [](double dy, double y, A) { return dy * y * (1 - y); }},
      {OpKind::kTanhGradient, [](double dy, double y, A) { return dy * (1 - y * y); }},
      {OpKind::kHardSigmoidGradient,
       [](double dy, double y, A a) { return y > 0 && y < 1 ? dy * a.real("alpha") : 0; }},
      {OpKind::kHardSwishGradient,
       [](double dy, double x, A) { return x <= -3  ? 0
                                           : x >= 3 ? dy
                                                    : dy * (x / 3 + 0.5); }},
      {OpKind::kSiluGradient,
       [](double dy, double x, A) {
         return dy * (sigmoid(x) + x * sigmoid(x) * (1 - sigmoid(x)));
       }},
      {OpKind::kSoftplusGradient, [](double dy, double x, A) { return dy * sigmoid(x); }},
      {OpKind::kPowGradient,
       [](double dy, double x, A a) {
         const double e = a.real("exponent");
         return dy * e * std::pow(x, e - 1);
       }},
      {OpKind::kErfGradient,
       [](double dy, double x, A) {
         return dy * 2 / std::sqrt(std::numbers::pi) * std::exp(-x * x);
       }},
      {OpKind::kAbsGradient, [](double dy, double x, A) { return x > 0   ? dy
                                                                 : x < 0 ? -dy
                                                                         : 0; }},
      {OpKind::kSinGradient, [](double dy, double x, A) { return dy * std::cos(x); }},
      {OpKind::kCosGradient, [](double dy, double x, A) { return -dy * std::sin(x); }}};
  return kernels;
}

// Where the gradient of a piecewise linear activation passes: told by its output.
bool passes(OpKind kind, double y, const Attributes& a) {
  if (kind == OpKind::kClip || kind == OpKind::kClipGradient) {
    return y > a.real("low") && y < a.real("high");
  }
  return y > 0;
}

bool run_masked(Call& call) {
  switch (call.kind) {
    case OpKind::kRelu:
    case OpKind::kClip:
    case OpKind::kLeakyRelu:
      for (std::size_t e = 0; e < call.out(0).data.size(); ++e) {
        call.out(1).data[e] = passes(call.kind, call.out(0).data[e], call.attributes) ? 1 : 0;
      }
      return true;
    case OpKind::kReluGradient:
    case OpKind::kClipGradient:
    case OpKind::kLeakyReluGradient: {
      const bool is_mask = call.input_types[1].dtype == DType::kBit;
      const double rest =
          call.kind == OpKind::kLeakyReluGradient ? call.attributes.real("slope") : 0;
      for (std::size_t e = 0; e < call.out().data.size(); ++e) {
        const double saved = call.in(1).data[e];
        const bool pass = is_mask ? saved != 0 : passes(call.kind, saved, call.attributes);
        call.out().data[e] = call.in(0).data[e] * (pass ? 1 : rest);
      }
      return true;
    }
    default:
      return false;
  }
}

void run_dropout(Call& call) {
  const double rate = call.attributes.real("rate");
  const RandomStream random(call.seed,
                            static_cast<std::uint32_t>(call.attributes.integer("stream")),
                            static_cast<std::uint32_t>(call.step));
  const auto first = static_cast<std::uint64_t>(call.attributes.integer("first", 0));
  for (std::size_t e = 0; e < call.out().data.size(); ++e) {
    const bool keeps = random.uniform(first + e) >= rate;
    const double x = call.in(0).data[e];
    if (call.attributes.flag("negates")) {
      call.out().data[e] = keeps ? x : -x;
    } else {
      call.out().data[e] = keeps ? x / (1 - rate) : 0;
    }
  }
}

}  // namespace

bool run_elementwise(Call& call) {
  if (const auto unary = unary_kernels().find(call.kind); unary != unary_kernels().end()) {
    for (std::size_t e = 0; e < call.out().data.size(); ++e) {
      call.out().data[e] = unary->second(call.in(0).data[e], call.attributes);
    }
    run_masked(call);
    return true;
  }
  if (const auto binary = binary_kernels().find(call.kind); binary != binary_kernels().end()) {
    std::size_t e = 0;
    for_each_index(call.out().shape, [&](const Index& index) {
      call.out().data[e++] =
          binary->second(broadcast_at(call.in(0), index), broadcast_at(call.in(1), index));
    });
    return true;
  }
  if (const auto slope = gradient_kernels().find(call.kind); slope != gradient_kernels().end()) {
    for (std::size_t e = 0; e < call.out().data.size(); ++e) {
      call.out().data[e] = slope->second(call.in(0).data[e], call.in(1).data[e], call.attributes);
    }
    return true;
  }
  if (call.kind == OpKind::kDropout) return run_dropout(call), true;
  if (call.kind == OpKind::kWhere) {
    std::size_t e = 0;
    for_each_index(call.out().shape, [&](const Index& index) {
      const std::size_t branch = broadcast_at(call.in(0), index) != 0 ? 1 : 2;
      call.out().data[e++] = broadcast_at(call.in(branch), index);
    });
    return true;
  }
  return run_masked(call);
}

}  // namespace rockmate::testing
