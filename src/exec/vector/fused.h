// Fused kernels that are one launch: what the families that have them need to know.
#pragma once

#include <array>
#include <limits>
#include <optional>

#include "exec/vector/kernel.h"

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

/// The gradient of a batch norm behind that of a clamp, whose operand is made again. Numbers are
/// those of inputs, and of outputs: dx, dscale, dbias.
struct ClampedNorm {
  double low, high;
  std::size_t dy, x, mean, variance;
  std::optional<std::size_t> scale, bias;
  std::array<std::optional<std::size_t>, 3> outputs;
};
[[nodiscard]] Prepared make_clamped_norm_gradient(const KernelView& norm,
                                                  const ClampedNorm& clamped);

}  // namespace rockmate::vector
