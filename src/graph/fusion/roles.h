// What a kind of op may do in a fused group.
#pragma once

#include <cstdint>

#include "rockmate/graph.h"

namespace rockmate {

enum class FusionRole : std::uint8_t {  // from cheap to dear
  kNone,                                ///< stands alone
  kMove,       ///< a concatenation, and the split behind it (dealt_pieces.h)
  kPointwise,  ///< each element of the output comes from one element of each operand
  kSweep,      ///< cheap, but an element of the output needs many: norms, softmax, sums
  kMean,       ///< as a sweep, but only the end of a pooled convolution (pooled_convolution.h)
  kPool,       ///< the same for a convolution in bands of rows (banded_convolutions.h)
  kMatrix      ///< expensive: one, and first in its group; or several in bands of rows
               ///< (banded_convolutions.h)
};
[[nodiscard]] FusionRole fusion_role(OpKind kind);

}  // namespace rockmate
