// A convolution as oneDNN sees it: its geometry, the schemes by which it can be computed, and the
// primitives for some images of the batch.
#pragma once

#include <memory>
#include <optional>

#include "exec/cpu/onednn.h"

namespace rockmate::cpu::onednn {

enum class Direction { kForward, kData, kWeights };

/// An operand of the kernel.
struct Operand {
  const TensorType* type;
  std::size_t index;
  bool is_output;
};

/// A convolution that maps the image x to y, and which of x, y and the weight is wanted.
struct Convolution {
  explicit Convolution(const KernelView& kernel);

  Direction direction;
  Operand x, y, weight;
  std::optional<std::size_t> bias;  ///< of the result
  Shape weight_shape;               ///< with an axis for groups, if there are any
  Dims strides, dilations, before, after;
  bool may_use_winograd;
};

/// How images are given to oneDNN: as they lie, or as it likes.
enum class Images { kAsTheyLie, kAny };

struct Scheme {
  dnnl::algorithm how = dnnl::algorithm::convolution_direct;
  Images formats = Images::kAsTheyLie;
  std::int64_t parts = 1;
};

/// A primitive for some images of the batch, with the formats that it wants.
struct PartPrimitive {
  Sequence::Call call(Sequence& sequence, std::unordered_map<int, dnnl::memory> arguments) const {
    return sequence.call(*desc, primitive, std::move(arguments));
  }
  std::shared_ptr<dnnl::primitive_desc_base> desc;
  dnnl::primitive primitive;
  Desc x, y, weight;
};

/// Nothing where oneDNN has no good one. `weight` is the format to keep to.
[[nodiscard]] std::optional<PartPrimitive> make_part(const Convolution& conv, std::int64_t images,
                                                     const Scheme& scheme, const Desc& weight);

[[nodiscard]] Scheme direct_scheme(const Convolution& conv, Images formats);
/// Nothing where Winograd's algorithm is not asked for, does not fit or does not pay.
[[nodiscard]] std::optional<Scheme> winograd_scheme(const Convolution& conv);

/// The format of an image; where both formats are the same bytes, the one that oneDNN likes.
[[nodiscard]] MemoryFormat format_of(const TensorType& type);

}  // namespace rockmate::cpu::onednn
