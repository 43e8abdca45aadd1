// A convolution as oneDNN sees it: its geometry, the pieces into which it can be cut, and the
// primitives for pieces.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "exec/cpu/onednn.h"
#include "exec/cpu/onednn_epilogue.h"
#include "graph/fusion/pieced_image.h"

namespace rockmate::cpu::onednn {

enum class Direction { kForward, kData, kWeights };

struct Range {
  std::int64_t first = 0, count = 0;
  [[nodiscard]] std::int64_t end() const { return first + count; }
  friend bool operator==(const Range&, const Range&) = default;
};

/// Channels of an image that lie by themselves.
struct ImagePiece {
  Operand operand;
  Range channels;  ///< of the image
};

/// A convolution that maps the image x to y, and which of x, y and the weight is wanted.
struct Convolution {
  explicit Convolution(const KernelView& kernel);
  /// A part of a fused kernel, with the others behind it.
  Convolution(const KernelView& kernel, const FusedPart& part, Epilogue behind);
  /// The same where x lies in pieces.
  Convolution(const KernelView& kernel, const PiecedImage& pieced, Epilogue behind);

  [[nodiscard]] bool has_groups() const { return weight_shape.size() > x.type->shape.size(); }
  [[nodiscard]] bool is_pieced() const { return x_pieces.front().operand.type != x.type; }

  Direction direction;
  Operand x, y, weight;
  std::vector<ImagePiece> x_pieces;  ///< x itself, or where its channels lie
  std::optional<std::size_t> bias;   ///< of the result
  Epilogue epilogue;                 ///< of the direction kForward
  Shape weight_shape;                ///< with an axis for groups, if there are any
  Dims strides, dilations, before, after;
  bool may_use_winograd;
  bool rounds;  ///< what it multiplies, to bfloat16

 private:
  void read(OpKind kind, const Attributes& attributes, const std::vector<Operand>& inputs,
            const Operand& result);
};

/// Whether all tensors are float32 and have elements.
[[nodiscard]] bool has_plain_tensors(const KernelView& kernel);
/// A fused kernel of plain tensors as a convolution with its epilogue, maybe of an image in pieces,
/// or as a gradient of such a one; nothing where it is none.
[[nodiscard]] std::optional<Convolution> fused_convolution(const KernelView& kernel);

/// How images are given to oneDNN: as they lie, or as it likes.
enum class Images { kAsTheyLie, kAny };

/// Of so many pieces of each kind; rows and channels are cut forward only, and rows of single
/// images.
struct Scheme {
  Images formats = Images::kAsTheyLie;
  std::int64_t images = 1;  ///< parts of the batch
  std::int64_t strips = 1;  ///< of rows of y
  std::int64_t bands = 1;   ///< of channels of y
};

/// What one primitive computes: images; rows of y, and those of x that they come from, with the
/// padding that is left; channels of y, and those of x of which they are the sum.
struct Piece {
  Range images, y_rows, x_rows, channels, x_channels;
  Dims before, after;
  bool adds = false;     ///< to what other channels of x have given
  bool finishes = true;  ///< all channels of x are in the sum
  /// Whether one primitive does for both.
  [[nodiscard]] bool is_like(const Piece& other) const;
};
/// Those of one band follow each other.
[[nodiscard]] std::vector<Piece> pieces_of(const Convolution& conv, const Scheme& scheme);

/// A primitive for a piece, with the formats that it wants.
struct PiecePrimitive {
  Sequence::Call call(Sequence& sequence, std::unordered_map<int, dnnl::memory> arguments) const {
    return sequence.call(*desc, primitive, std::move(arguments));
  }
  std::shared_ptr<dnnl::primitive_desc_base> desc;
  dnnl::primitive primitive;
  Desc x, y, weight;
};

/// Nothing where oneDNN has no good one. `weight` is the format to keep to, of the piece's
/// channels.
[[nodiscard]] std::optional<PiecePrimitive> make_primitive(const Convolution& conv,
                                                           const Piece& piece, const Scheme& scheme,
                                                           const Desc& weight);
/// The weight of the piece's channels.
[[nodiscard]] Shape weight_shape(const Convolution& conv, const Piece& piece);

[[nodiscard]] Scheme find_scheme(const Convolution& conv, Images formats);

/// The format of an image; where both formats are the same bytes, the one that oneDNN likes.
[[nodiscard]] MemoryFormat format_of(const TensorType& type);

}  // namespace rockmate::cpu::onednn
