// Functions of one element, their gradients, fills and dropout.

#include <fmt/format.h>

#include "exec/vector/elements.h"
#include "exec/vector/named_functions.h"

namespace rockmate::vector {
namespace {

ve::MapArguments map_arguments(const KernelView& kernel) {
  const NamedFunction named = function_of(kernel.kind, kernel.attributes).value();
  ve::MapArguments a = {};
  a.function = named.function;
  a.p = named.p;
  a.q = named.q;
  a.wide = is_wide(kernel, kernel.dtype());
  a.count = element_count(kernel.out_shape());
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
  const std::int64_t first = kernel.attributes.integer("first", 0);
  if (first % ve::kDropoutBlock != 0) {
    kernel.reject(fmt::format(
        "the vector engine has no kernel for a part of a batch that begins with element {}, "
        "expected a multiple of {}; other engines draw its numbers",
        first, ve::kDropoutBlock));
  }
  ve::DropoutArguments a = {};
  a.wide = is_wide(kernel, kernel.dtype());
  a.count = element_count(kernel.shape());
  a.first_block = first / ve::kDropoutBlock;
  a.rate = kernel.attributes.real("rate");
  a.negates = kernel.attributes.flag("negates");
  // As an engine in this type would scale.
  a.scale = a.wide ? 1 / (1 - a.rate) : static_cast<double>(static_cast<float>(1 / (1 - a.rate)));
  a.stream = static_cast<std::uint32_t>(kernel.attributes.integer("stream"));
  return {[a](const Call& call) mutable {
    a.x = call.in();
    a.y = call.out();
    a.seed = call.seed();
    a.step = static_cast<std::uint32_t>(call.step());
    ROCKMATE_LAUNCH(call, ve_dropout, a,
                    ceil_div(ceil_div(a.count, ve::kDropoutBlock), kVectorLength));
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
