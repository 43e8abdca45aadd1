// Fused kernels that are one launch: what the families that have them need to know.
#pragma once

#include <limits>
#include <optional>

#include "exec/vector/kernel.h"
#include "graph/fusion/clamped_norm.h"

namespace rockmate::vector {

/// A kernel for all parts; none: they run one by one.
[[nodiscard]] std::optional<Prepared> make_fused(const KernelView& kernel);

/// What is done to a sum before it is stored.
struct Clamp {
  ve::Epilogue epilogue = ve::Epilogue::kNone;
  double low = 0, high = std::numeric_limits<double>::infinity();
};
/// Which inputs of the kernel a convolution or a linear layer reads.
struct WeightedPlaces {
  std::size_t x, weight;
  std::optional<std::size_t> bias = std::nullopt;
};
/// Both directions; the weight is [out, in / groups, ...] or [in, out / groups, ...].
[[nodiscard]] Prepared convolution(const KernelView& conv, const WeightedPlaces& places,
                                   const Clamp& clamp = {});
[[nodiscard]] Prepared linear(const KernelView& layer, const WeightedPlaces& places,
                              const Clamp& clamp = {});

/// `norm` as a kernel of its own; what it reads and writes has the numbers of the whole.
[[nodiscard]] Prepared make_clamped_norm_gradient(const KernelView& norm,
                                                  const ClampedNorm& clamped);

}  // namespace rockmate::vector
