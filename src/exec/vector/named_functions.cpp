#include "exec/vector/named_functions.h"

namespace rockmate::vector {
namespace {

using ve::Function;

std::optional<Function> name_of(OpKind kind, const Attributes& attributes) {
  using enum OpKind;
  switch (kind) {
    case kRelu:
    case kReluGradient:
      return Function::kRelu;
    case kLeakyRelu:
    case kLeakyReluGradient:
      return Function::kLeakyRelu;
    case kClip:
    case kClipGradient:
      return Function::kClip;
    case kElu:
    case kEluGradient:
      return Function::kElu;
    case kGelu:
    case kGeluGradient:
      return attributes.flag("tanh") ? Function::kGeluTanh : Function::kGelu;
    case kSigmoid:
    case kSigmoidGradient:
      return Function::kSigmoid;
    case kTanh:
    case kTanhGradient:
      return Function::kTanh;
    case kHardSigmoid:
    case kHardSigmoidGradient:
      return Function::kHardSigmoid;
    case kHardSwish:
    case kHardSwishGradient:
      return Function::kHardSwish;
    case kSilu:
    case kSiluGradient:
      return Function::kSilu;
    case kSoftplus:
    case kSoftplusGradient:
      return Function::kSoftplus;
    case kExp:
      return Function::kExp;
    case kLog:
      return Function::kLog;
    case kSqrt:
      return Function::kSqrt;
    case kPow:
    case kPowGradient:
      return Function::kPow;
    case kErf:
    case kErfGradient:
      return Function::kErf;
    case kAbs:
    case kAbsGradient:
      return Function::kAbs;
    case kSin:
    case kSinGradient:
      return Function::kSin;
    case kCos:
    case kCosGradient:
      return Function::kCos;
    case kScale:
      return Function::kScale;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<NamedFunction> function_of(OpKind kind, const Attributes& attributes) {
  const std::optional<Function> name = name_of(kind, attributes);
  if (!name) return std::nullopt;
  const auto real = [&](const char* which) { return attributes.real(which); };
  switch (*name) {
    case Function::kLeakyRelu:
      return NamedFunction{*name, real("slope")};
    case Function::kClip:
      return NamedFunction{*name, real("low"), real("high")};
    case Function::kElu:
      return NamedFunction{*name, real("alpha")};
    case Function::kHardSigmoid:
      return NamedFunction{*name, real("alpha"), attributes.real("beta", 0)};
    case Function::kPow:
      return NamedFunction{*name, real("exponent")};
    case Function::kScale:
      return NamedFunction{*name, real("factor"), real("offset")};
    default:
      return NamedFunction{*name};
  }
}

std::optional<ve::Binary> binary_of(OpKind kind) {
  switch (kind) {
    case OpKind::kAdd:
      return ve::Binary::kAdd;
    case OpKind::kSub:
      return ve::Binary::kSub;
    case OpKind::kMul:
      return ve::Binary::kMul;
    case OpKind::kDiv:
      return ve::Binary::kDiv;
    case OpKind::kMaximum:
      return ve::Binary::kMaximum;
    case OpKind::kMinimum:
      return ve::Binary::kMinimum;
    default:
      return std::nullopt;
  }
}

}  // namespace rockmate::vector
