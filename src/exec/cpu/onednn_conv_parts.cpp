#include "exec/cpu/onednn_conv_parts.h"

#include <algorithm>

#include "exec/cpu/onednn_rounding.h"
#include "exec/part_runner.h"

namespace rockmate::cpu::onednn {
namespace {

constexpr dnnl::algorithm kDirect = dnnl::algorithm::convolution_direct;
using Forward = dnnl::convolution_forward;
using Data = dnnl::convolution_backward_data;
using Weights = dnnl::convolution_backward_weights;

struct Formats {
  Desc x, y, weight;
};

Desc image_desc(Shape shape, const TensorType& type, Images formats) {
  const bool lies_well = format_of(type) == MemoryFormat::kChannelsLast;
  return formats == Images::kAsTheyLie && lies_well ? desc(shape, MemoryFormat::kChannelsLast)
                                                    : any_desc(shape);
}

Formats all_rounded(const Formats& formats) {
  return {rounded(formats.x), rounded(formats.y), rounded(formats.weight)};
}

// What is multiplied is bfloat16; the result is not.
Formats with_rounded_operands(Direction direction, const Formats& formats) {
  Formats made = all_rounded(formats);
  if (direction == Direction::kForward) made.y = formats.y;
  if (direction == Direction::kData) made.x = formats.x;
  if (direction == Direction::kWeights) made.weight = formats.weight;
  return made;
}

Shape x_shape(const Convolution& conv, const Piece& piece) {
  Shape shape = conv.x.type->shape;
  shape[0] = piece.images.count;
  shape[1] = piece.x_channels.count;
  shape[2] = piece.x_rows.count;
  return shape;
}

Shape y_shape(const Convolution& conv, const Piece& piece) {
  Shape shape = conv.y.type->shape;
  shape[0] = piece.images.count;
  shape[1] = piece.channels.count;
  shape[2] = piece.y_rows.count;
  return shape;
}

Forward::primitive_desc forward_desc(const Convolution& conv, const Piece& piece,
                                     const Formats& formats) {
  const bool is_wanted = conv.direction == Direction::kForward;
  const bool has_bias = is_wanted && piece.finishes && (conv.bias || conv.epilogue.has_shift());
  const Desc bias = has_bias ? desc({piece.channels.count}, MemoryFormat::kRowMajor) : Desc();
  dnnl::primitive_attr how_to = attributes();
  if (is_wanted) how_to.set_post_ops(conv.epilogue.post_ops(piece.adds, piece.finishes));
  return {{dnnl::prop_kind::forward_training, kDirect, formats.x, formats.weight, bias, formats.y,
           conv.strides, conv.dilations, piece.before, piece.after},
          how_to,
          engine()};
}

template <class Gradient>
typename Gradient::primitive_desc gradient_desc(const Convolution& conv, const Formats& formats,
                                                const Forward::primitive_desc& forward) {
  return {{kDirect, formats.x, formats.weight, formats.y, conv.strides, conv.dilations, conv.before,
           conv.after},
          attributes(),
          engine(),
          forward};
}

template <class Primitive>
std::optional<PiecePrimitive> primitive_of(const typename Primitive::primitive_desc& made,
                                           const Desc& x, const Desc& y, const Desc& weight) {
  if (is_poor(made)) return std::nullopt;
  return PiecePrimitive{std::make_shared<typename Primitive::primitive_desc>(made), Primitive(made),
                        x, y, weight};
}

}  // namespace

MemoryFormat format_of(const TensorType& type) {
  const bool is_either = type.shape[1] == 1 || extent(type.shape, 2, type.shape.size()) == 1;
  return is_either ? MemoryFormat::kChannelsLast : type.format;
}

Convolution::Convolution(const KernelView& kernel) {
  std::vector<Operand> inputs;
  for (std::size_t i = 0; i < kernel.inputs.size(); ++i) {
    inputs.push_back({&kernel.inputs[i], i, false});
  }
  read(kernel.kind, kernel.attributes, inputs, {&kernel.outputs[0], 0, true});
}

Convolution::Convolution(const KernelView& kernel, const FusedPart& part, Epilogue behind)
    : epilogue(std::move(behind)) {
  std::vector<Operand> inputs;
  for (const std::size_t slot : part.inputs) inputs.push_back({&kernel.inputs[slot], slot, false});
  read(part.kind, part.attributes, inputs, {&kernel.outputs[0], 0, true});
}

Convolution::Convolution(const KernelView& kernel, const PiecedImage& pieced, Epilogue behind)
    : epilogue(std::move(behind)) {
  const FusedParts& parts = kernel.attributes.parts();
  const FusedPart& part = parts.parts[pieced.part];
  const Operand image{pieced.image, parts.inputs, pieced.is_dealt};
  std::vector<Operand> inputs;
  for (const std::size_t slot : part.inputs) {
    inputs.push_back(slot == parts.inputs ? image : Operand{&kernel.inputs[slot], slot, false});
  }
  read(part.kind, part.attributes, inputs,
       pieced.is_dealt ? image : Operand{&kernel.outputs[0], 0, true});
  x_pieces.clear();
  for (const PiecedImage::Piece& each : pieced.pieces) {
    const auto& types = pieced.is_dealt ? kernel.outputs : kernel.inputs;
    x_pieces.push_back(
        {{&types[each.operand], each.operand, pieced.is_dealt}, {each.first, each.count}});
  }
}

void Convolution::read(OpKind kind, const Attributes& attributes,
                       const std::vector<Operand>& inputs, const Operand& result) {
  switch (kind) {
    case OpKind::kConv:
      direction = Direction::kForward;
      x = inputs[0], weight = inputs[1], y = result;
      break;
    case OpKind::kConvTranspose:
      direction = Direction::kData;
      y = inputs[0], weight = inputs[1], x = result;
      break;
    default:
      direction = Direction::kWeights;
      x = inputs[0], y = inputs[1], weight = result;
  }
  x_pieces = {{x, {0, x.type->shape[1]}}};
  if (inputs.size() > 2) bias = inputs[2].index;
  weight_shape = weight.type->shape;
  if (const std::int64_t groups = attributes.integer("groups", 1); groups > 1) {
    weight_shape.front() /= groups;
    weight_shape.insert(weight_shape.begin(), groups);
  }
  // Where a number is used less often, rounding it costs what is won.
  constexpr std::int64_t kLeastChannels = 8;  // of a group
  const auto is_thin = [&](std::size_t axis) { return weight_shape[axis] < kLeastChannels; };
  rounds = onednn::rounds(attributes) && !(has_groups() && (is_thin(1) || is_thin(2)));
  may_use_winograd = attributes.flag("winograd");
  strides = attributes.integers("strides");
  dilations = attributes.integers("dilations");
  for (std::int64_t& each : dilations) --each;
  const auto& pads = attributes.integers("pads");
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(strides.size());
  before.assign(pads.begin(), middle);
  after.assign(middle, pads.end());
}

namespace {

bool lies_last(const TensorType& image) { return format_of(image) == MemoryFormat::kChannelsLast; }

std::optional<Convolution> convolution_of_pieces(const KernelView& kernel,
                                                 const PiecedImage& pieced) {
  const OpKind kind = kernel.attributes.parts().parts[pieced.part].kind;
  if (kind == OpKind::kMaxPool || kind == OpKind::kAveragePool) return std::nullopt;
  auto epilogue = kind == OpKind::kConv ? Epilogue::of(kernel, pieced.part) : Epilogue();
  if (!epilogue) return std::nullopt;
  Convolution conv(kernel, pieced, *std::move(epilogue));
  const auto is_ours = [&](const ImagePiece& piece) {
    const auto& addend = conv.epilogue.addend();
    return lies_last(*piece.operand.type) && (!addend || addend->index != piece.operand.index);
  };
  if (!lies_last(*conv.x.type) || !lies_last(*conv.y.type) ||
      !std::all_of(conv.x_pieces.begin(), conv.x_pieces.end(), is_ours)) {
    return std::nullopt;
  }
  return conv;
}

}  // namespace

bool has_plain_tensors(const KernelView& kernel) {
  const auto is_plain = [](const TensorType& type) {
    return type.dtype == DType::kFloat32 && element_count(type.shape) > 0;
  };
  return std::all_of(kernel.inputs.begin(), kernel.inputs.end(), is_plain) &&
         std::all_of(kernel.outputs.begin(), kernel.outputs.end(), is_plain);
}

// The result may lie on the addend, but not on what the convolution still reads.
std::optional<Convolution> fused_convolution(const KernelView& kernel) {
  if (!has_plain_tensors(kernel)) return std::nullopt;
  const FusedParts& parts = kernel.attributes.parts();
  if (const auto pieced = pieced_image(parts, pointers(kernel.inputs))) {
    return convolution_of_pieces(kernel, *pieced);
  }
  const FusedPart& first = parts.parts.front();
  const auto is_operand = [&](std::size_t slot) { return slot < kernel.inputs.size(); };
  if (first.kind != OpKind::kConv ||
      !std::all_of(first.inputs.begin(), first.inputs.end(), is_operand)) {
    return std::nullopt;
  }
  auto epilogue = Epilogue::of(kernel);
  if (!epilogue) return std::nullopt;
  Convolution conv(kernel, first, *std::move(epilogue));
  const auto& addend = conv.epilogue.addend();
  if (addend && addend->index == conv.x.index) return std::nullopt;
  return conv;
}

Shape weight_shape(const Convolution& conv, const Piece& piece) {
  Shape shape = conv.weight_shape;
  if (conv.has_groups()) return shape;
  shape[0] = piece.channels.count;
  shape[1] = piece.x_channels.count;
  return shape;
}

std::optional<PiecePrimitive> make_primitive(const Convolution& conv, const Piece& piece,
                                             const Scheme& scheme, const Desc& weight) {
  Formats formats{image_desc(x_shape(conv, piece), *conv.x.type, scheme.formats),
                  image_desc(y_shape(conv, piece), *conv.y.type, scheme.formats), weight};
  Formats of_forward = formats;
  if (conv.rounds) {
    formats = with_rounded_operands(conv.direction, formats);
    of_forward = conv.direction == Direction::kForward ? formats : all_rounded(formats);
  }
  try {
    const Forward::primitive_desc forward = forward_desc(conv, piece, of_forward);
    switch (conv.direction) {
      case Direction::kForward:
        return primitive_of<Forward>(forward, forward.src_desc(), forward.dst_desc(),
                                     forward.weights_desc());
      case Direction::kData: {
        const auto made = gradient_desc<Data>(conv, formats, forward);
        return primitive_of<Data>(made, made.diff_src_desc(), made.diff_dst_desc(),
                                  made.weights_desc());
      }
      case Direction::kWeights: {
        const auto made = gradient_desc<Weights>(conv, formats, forward);
        return primitive_of<Weights>(made, made.src_desc(), made.diff_dst_desc(),
                                     made.diff_weights_desc());
      }
    }
  } catch (const dnnl::error&) {  // there is none
  }
  return std::nullopt;
}

}  // namespace rockmate::cpu::onednn
