#include "graph/fusion/pieced_image.h"

#include <algorithm>
#include <utility>

#include "graph/fusion/pieced_norm.h"

namespace rockmate {
namespace {

bool is_plain(const FusedPart& convolution) {
  return convolution.attributes.integer("groups", 1) == 1 && !convolution.attributes.flag("adds");
}

bool reads_windows(const FusedParts& parts) {
  const FusedPart& part = parts.parts[1];
  switch (part.kind) {
    case OpKind::kConv:
      return is_plain(part);
    case OpKind::kConvWeightGradient:
      return is_plain(part) && parts.parts.size() == 2;
    case OpKind::kMaxPool:
    case OpKind::kAveragePool:
      return parts.parts.size() == 2;
    default:
      return false;
  }
}

std::optional<PiecedImage> gathered(const FusedParts& parts,
                                    const std::vector<const TensorType*>& inputs) {
  const FusedPart& concat = parts.parts[0];
  const FusedPart& reader = parts.parts[1];
  const std::size_t whole = parts.inputs;
  const auto is_input = [&](std::size_t slot) { return slot < whole; };
  const bool fits = reads_windows(parts) && reader.inputs.front() == whole &&
                    std::all_of(reader.inputs.begin() + 1, reader.inputs.end(), is_input) &&
                    concat.attributes.integer("axis") == 1 &&
                    concat.outputs.front().shape.size() == 4 &&
                    std::ranges::all_of(concat.inputs, is_input);
  if (!fits || std::ranges::find(parts.outputs, whole) != parts.outputs.end()) return std::nullopt;
  for (std::size_t p = 2; p < parts.parts.size(); ++p) {
    if (std::ranges::find(parts.parts[p].inputs, whole) != parts.parts[p].inputs.end()) {
      return std::nullopt;
    }
  }
  PiecedImage found{{}, 1, concat.outputs.data(), false};
  std::int64_t channels = 0;
  for (const std::size_t input : concat.inputs) {
    const std::int64_t count = inputs[input]->shape[1];
    found.pieces.push_back({input, std::exchange(channels, channels + count), count});
  }
  return found;
}

// Slices of all that a gradient by the image makes, each of which is an output.
std::optional<PiecedImage> dealt(const FusedParts& parts) {
  const FusedPart& gradient = parts.parts.front();
  const std::size_t whole = parts.inputs;
  if (!is_plain(gradient) || gradient.inputs.size() != 2 ||
      gradient.outputs.front().shape.size() != 4 ||
      std::ranges::any_of(gradient.inputs, [&](std::size_t slot) { return slot >= whole; })) {
    return std::nullopt;
  }
  PiecedImage found{{}, 0, gradient.outputs.data(), true};
  for (std::size_t p = 1; p < parts.parts.size(); ++p) {
    const FusedPart& slice = parts.parts[p];
    const auto output = std::ranges::find(parts.outputs, whole + p) - parts.outputs.begin();
    if (slice.kind != OpKind::kSlice || slice.inputs != std::vector{whole}) return std::nullopt;
    const auto channels = channels_of_slice(slice.attributes, *found.image);
    if (!channels) return std::nullopt;
    found.pieces.push_back({static_cast<std::size_t>(output), channels->first, channels->count});
  }
  const bool are_all = std::ranges::all_of(found.pieces, [&](const PiecedImage::Piece& each) {
    return each.operand < parts.outputs.size();
  });
  if (!are_all || found.pieces.size() != parts.outputs.size()) return std::nullopt;
  return found;
}

}  // namespace

std::optional<PiecedImage> pieced_image(const FusedParts& parts,
                                        const std::vector<const TensorType*>& inputs) {
  if (parts.parts.size() < 2) return std::nullopt;
  const OpKind first = parts.parts.front().kind;
  if (first == OpKind::kConvTranspose) return dealt(parts);
  return first == OpKind::kConcat ? gathered(parts, inputs) : std::nullopt;
}

}  // namespace rockmate
