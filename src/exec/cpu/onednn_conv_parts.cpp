// A convolution that is asked to (attribute `winograd`) computes tiles of 4 x 4 pixels by
// Winograd's algorithm where that pays: it takes 36 multiplications for the 144 of a 3 x 3 kernel,
// but works on [36] x [channels] x [tiles] products, so it wants many tiles per part. Relative
// errors stay below 1e-6. Measured on an AVX-512 core, GFLOP/s of the direct algorithm's work,
// which does 200 to 220:
//
//   tiles in a part    49   64   98  196  392      (each with all of its 16 pixels)
//   64 to 512 channels 235  262  364  407  440 to 540

#include "exec/cpu/onednn_conv_parts.h"

#include <algorithm>

namespace rockmate::cpu::onednn {
namespace {

using dnnl::algorithm;
using Forward = dnnl::convolution_forward;
using Data = dnnl::convolution_backward_data;
using Weights = dnnl::convolution_backward_weights;

struct Formats {
  Desc x, y, weight;
};

Desc image_desc(const TensorType& type, std::int64_t images, Images formats) {
  Shape shape = type.shape;
  shape[0] = images;
  const bool lies_well = format_of(type) == MemoryFormat::kChannelsLast;
  return formats == Images::kAsTheyLie && lies_well ? desc(shape, MemoryFormat::kChannelsLast)
                                                    : any_desc(shape);
}

Forward::primitive_desc forward_desc(const Convolution& conv, algorithm how,
                                     const Formats& formats) {
  const bool has_bias = conv.direction == Direction::kForward && conv.bias.has_value();
  const Desc bias = has_bias ? desc({conv.y.type->shape[1]}, MemoryFormat::kRowMajor) : Desc();
  return {{dnnl::prop_kind::forward_training, how, formats.x, formats.weight, bias, formats.y,
           conv.strides, conv.dilations, conv.before, conv.after},
          attributes(),
          engine()};
}

template <class Gradient>
typename Gradient::primitive_desc gradient_desc(const Convolution& conv, algorithm how,
                                                const Formats& formats,
                                                const Forward::primitive_desc& forward) {
  return {{how, formats.x, formats.weight, formats.y, conv.strides, conv.dilations, conv.before,
           conv.after},
          attributes(),
          engine(),
          forward};
}

template <class Primitive>
std::optional<PartPrimitive> part_of(const typename Primitive::primitive_desc& made, const Desc& x,
                                     const Desc& y, const Desc& weight) {
  if (is_poor(made)) return std::nullopt;
  return PartPrimitive{std::make_shared<typename Primitive::primitive_desc>(made), Primitive(made),
                       x, y, weight};
}

}  // namespace

MemoryFormat format_of(const TensorType& type) {
  const bool is_either = type.shape[1] == 1 || extent(type.shape, 2, type.shape.size()) == 1;
  return is_either ? MemoryFormat::kChannelsLast : type.format;
}

Convolution::Convolution(const KernelView& kernel) {
  const Operand first{&kernel.inputs[0], 0, false};
  const Operand second{&kernel.inputs[1], 1, false};
  const Operand result{&kernel.outputs[0], 0, true};
  switch (kernel.kind) {
    case OpKind::kConv:
      direction = Direction::kForward;
      x = first, weight = second, y = result;
      break;
    case OpKind::kConvTranspose:
      direction = Direction::kData;
      y = first, weight = second, x = result;
      break;
    default:
      direction = Direction::kWeights;
      x = first, y = second, weight = result;
  }
  if (kernel.inputs.size() > 2) bias = 2;
  weight_shape = weight.type->shape;
  if (const std::int64_t groups = kernel.attributes.integer("groups", 1); groups > 1) {
    weight_shape.front() /= groups;
    weight_shape.insert(weight_shape.begin(), groups);
  }
  may_use_winograd = kernel.attributes.flag("winograd");
  strides = kernel.attributes.integers("strides");
  dilations = kernel.attributes.integers("dilations");
  for (std::int64_t& each : dilations) --each;
  const auto& pads = kernel.attributes.integers("pads");
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(strides.size());
  before.assign(pads.begin(), middle);
  after.assign(middle, pads.end());
}

std::optional<PartPrimitive> make_part(const Convolution& conv, std::int64_t images,
                                       const Scheme& scheme, const Desc& weight) {
  const Formats formats{image_desc(*conv.x.type, images, scheme.formats),
                        image_desc(*conv.y.type, images, scheme.formats), weight};
  try {
    const Forward::primitive_desc forward = forward_desc(conv, scheme.how, formats);
    switch (conv.direction) {
      case Direction::kForward:
        return part_of<Forward>(forward, forward.src_desc(), forward.dst_desc(),
                                forward.weights_desc());
      case Direction::kData: {
        const auto made = gradient_desc<Data>(conv, scheme.how, formats, forward);
        return part_of<Data>(made, made.diff_src_desc(), made.diff_dst_desc(), made.weights_desc());
      }
      case Direction::kWeights: {
        const auto made = gradient_desc<Weights>(conv, scheme.how, formats, forward);
        return part_of<Weights>(made, made.src_desc(), made.diff_dst_desc(),
                                made.diff_weights_desc());
      }
    }
  } catch (const dnnl::error&) {  // there is none
  }
  return std::nullopt;
}

// More parts take more memory for their weight gradients.
Scheme direct_scheme(const Convolution& conv, Images formats) {
  constexpr std::int64_t kWeightGradients = 16 << 20;  // bytes
  constexpr std::int64_t kMostWeightGradients = 4;
  std::int64_t parts = std::min(kMostParts, conv.x.type->shape[0]);
  if (conv.direction == Direction::kWeights) {
    const std::int64_t fit = kWeightGradients / conv.weight.type->bytes().count();
    parts = std::min(parts, std::clamp<std::int64_t>(fit, 2, kMostWeightGradients));
  }
  return {algorithm::convolution_direct, formats, parts};
}

std::optional<Scheme> winograd_scheme(const Convolution& conv) {
  constexpr std::int64_t kEnoughTiles = 196;  // in a part
  constexpr std::int64_t kMostWinogradParts = 4;
  constexpr std::int64_t kLeastChannels = 32;
  const Shape& y = conv.y.type->shape;
  const Shape& weight = conv.weight_shape;
  const Dims ones = {1, 1};
  const bool fits = conv.may_use_winograd && weight.size() == 4 && weight[2] == 3 &&
                    weight[3] == 3 && conv.strides == ones && conv.dilations == Dims{0, 0} &&
                    std::min(weight[0], weight[1]) >= kLeastChannels;
  if (!fits) return std::nullopt;
  const std::int64_t batch = y[0];
  const std::int64_t image_tiles = (y[2] + 3) / 4 * ((y[3] + 3) / 4);
  const std::int64_t parts = std::min(
      batch, std::clamp<std::int64_t>(batch * image_tiles / kEnoughTiles, 2, kMostWinogradParts));
  // Both in GFLOP/s, fitted to the table above.
  const auto tiles = static_cast<double>(batch / parts * image_tiles);
  const double used = static_cast<double>(y[2] * y[3]) / static_cast<double>(16 * image_tiles);
  const double speed = 540 * used * tiles / (tiles + 40);
  constexpr double kWorthTheMemory = 300;
  if (speed < kWorthTheMemory) return std::nullopt;
  return Scheme{algorithm::convolution_winograd, Images::kAny, parts};
}

}  // namespace rockmate::cpu::onednn
