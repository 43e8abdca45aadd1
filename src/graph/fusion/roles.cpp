#include "graph/fusion/roles.h"

#include "graph/op_table.h"

namespace rockmate {

FusionRole fusion_role(OpKind kind) {
  if (is_activation(kind)) return FusionRole::kPointwise;
  switch (kind) {
    using enum OpKind;
    case kBatchNormApply:
    case kDropout:
    case kWhere:
    case kTrilu:
    case kAdd:
    case kSub:
    case kMul:
    case kDiv:
    case kMaximum:
    case kMinimum:
    case kScale:
    case kExp:
    case kLog:
    case kSqrt:
    case kPow:
    case kErf:
    case kAbs:
    case kSin:
    case kCos:
    case kPowGradient:
    case kErfGradient:
    case kAbsGradient:
    case kSinGradient:
    case kCosGradient:
      return FusionRole::kPointwise;
    case kConcat:
    case kSplit:
      return FusionRole::kMove;
    case kSoftmax:
    case kLogSoftmax:
    case kSoftmaxGradient:
    case kLogSoftmaxGradient:
    case kLayerNorm:
    case kLayerNormGradient:
    case kBatchNormGradient:
    case kReduceSum:
      return FusionRole::kSweep;
    case kReduceMean:
    case kAveragePool:
      return FusionRole::kMean;
    case kMaxPool:
      return FusionRole::kPool;
    case kConv:
    case kConvTranspose:
    case kLinear:
    case kMatMul:
      return FusionRole::kMatrix;
    default:
      return FusionRole::kNone;
  }
}

}  // namespace rockmate
