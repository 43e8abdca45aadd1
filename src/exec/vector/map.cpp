// Functions of one element, their gradients, fills and dropout.

#include "exec/vector/elements.h"

namespace rockmate::vector {
namespace {

using ve::Function;

std::optional<Function> function_of(const KernelView& kernel) {
  using enum OpKind;
  switch (kernel.kind) {
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
      return kernel.attributes.flag("tanh") ? Function::kGeluTanh : Function::kGelu;
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

ve::MapArguments map_arguments(const KernelView& kernel) {
  ve::MapArguments a = {};
  a.function = *function_of(kernel);
  a.wide = is_wide(kernel, kernel.dtype());
  a.count = element_count(kernel.out_shape());
  const auto real = [&](const char* name) { return kernel.attributes.real(name); };
  switch (a.function) {
    case Function::kLeakyRelu:
      a.p = real("slope");
      break;
    case Function::kClip:
      a.p = real("low");
      a.q = real("high");
      break;
    case Function::kElu:
      a.p = real("alpha");
      break;
    case Function::kHardSigmoid:
      a.p = real("alpha");
      if (kernel.kind == OpKind::kHardSigmoid) a.q = real("beta");
      break;
    case Function::kPow:
      a.p = real("exponent");
      break;
    case Function::kScale:
      a.p = real("factor");
      a.q = real("offset");
      break;
    default:
      break;
  }
  return a;
}

long stretches(long count) { return ceil_div(count, ve::kMapStretch); }

Prepared make_map(const KernelView& kernel) {
  if (is_whole(kernel.dtype())) return elementwise(kernel, ve::Elementwise::kScale);
  const bool has_mask = kernel.outputs.size() > 1;
  return {[a = map_arguments(kernel), has_mask](const Call& call) mutable {
    a.x = call.in();
    a.y = call.out();
    a.mask = has_mask ? call.out(1) : nullptr;
    ROCKMATE_LAUNCH(call, ve_map, a, stretches(a.count));
  }};
}

Prepared make_gradient(const KernelView& kernel) {
  const bool reads_mask = kernel.dtype(1) == DType::kBit;
  return {[a = map_arguments(kernel), reads_mask](const Call& call) mutable {
    a.x = call.in(0);
    a.saved = reads_mask ? nullptr : call.in(1);
    a.read_mask = reads_mask ? call.in(1) : nullptr;
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_map_gradient, a, stretches(a.count));
  }};
}

Prepared make_dropout(const KernelView& kernel) {
  if (kernel.attributes.integer("first", 0) != 0) {
    kernel.reject(
        "this engine draws the numbers of a batch's first rows alone; run pipelines with "
        "dropout on another one");
  }
  ve::DropoutArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.count = element_count(kernel.shape());
  a.rate = kernel.attributes.real("rate");
  // As an engine in this type would scale.
  a.scale = a.wide ? 1 / (1 - a.rate) : static_cast<double>(static_cast<float>(1 / (1 - a.rate)));
  a.stream = static_cast<std::uint32_t>(kernel.attributes.integer("stream"));
  return {[a](const Call& call) mutable {
    a.x = call.in();
    a.y = call.out();
    a.seed = call.seed();
    a.step = static_cast<std::uint32_t>(call.step());
    ROCKMATE_LAUNCH(call, ve_dropout, a, ceil_div(ceil_div(a.count, 4), kVectorLength));
  }};
}

}  // namespace

Prepared make_fill(const KernelView& kernel) {
  if (is_whole(kernel.outputs[0].dtype)) return element_fill(kernel);
  ve::FillArguments a = {};
  a.wide = is_wide(kernel, kernel.outputs[0].dtype);
  a.value = kernel.attributes.real("value");
  a.count = element_count(kernel.out_shape());
  return {[a](const Call& call) mutable {
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_fill, a, stretches(a.count));
  }};
}

void add_map_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kRelu,        kLeakyRelu, kClip, kElu,      kGelu, kSigmoid, kTanh,
               kHardSigmoid, kHardSwish, kSilu, kSoftplus, kExp,  kLog,     kSqrt,
               kPow,         kErf,       kAbs,  kSin,      kCos,  kScale},
      make_map);
  add(makers,
      {kReluGradient, kLeakyReluGradient, kClipGradient, kEluGradient, kGeluGradient,
       kSigmoidGradient, kTanhGradient, kHardSigmoidGradient, kHardSwishGradient, kSiluGradient,
       kSoftplusGradient, kPowGradient, kErfGradient, kAbsGradient, kSinGradient, kCosGradient},
      make_gradient);
  add(makers, {kFill}, make_fill);
  add(makers, {kDropout}, make_dropout);
}

}  // namespace rockmate::vector
