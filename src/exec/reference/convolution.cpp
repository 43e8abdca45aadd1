// Convolutions as products of the weight with the patches of the images, which are read where they
// lie: no patch is ever stored but for the tile at work. A product per group:
//
//   conv, transposed:  [channels of the result] x [channels of the image, taps] x [positions]
//   weight gradient:   [channels of the result] x [positions] x [channels of the image, taps]
//
// where the positions are those of all images of the batch.

#include "exec/reference/product.h"
#include "exec/reference/taps.h"

namespace rockmate::reference {
namespace {

// One lattice of a convolution that maps `image` to `result`.
struct ConvPlan {
  Lattice lattice;
  std::int64_t batch, groups;
  std::int64_t in, out;  // channels of the image and of the result, per group
  Shape image, result;   // spatial
  // Distances in the weight between groups, channels of the result, and channels of the image.
  std::int64_t weight_group, weight_out, weight_in;

  [[nodiscard]] std::int64_t taps() const { return static_cast<std::int64_t>(lattice.taps.size()); }
  [[nodiscard]] std::int64_t positions() const { return batch * lattice.positions(); }
};

// Panel element (k, i) is what tap and channel of `row` read at position first + i, or the other
// way round where the positions are summed over.
template <class T, class F>
void read_patches(const ConvPlan& plan, const T* x, std::int64_t group, std::int64_t row,
                  std::int64_t first, std::int64_t count, const F& sink) {
  const Tap& tap = plan.lattice.taps[static_cast<std::size_t>(row % plan.taps())];
  const std::int64_t channel = group * plan.in + row / plan.taps();
  const std::int64_t pixels = extent(plan.image, 0, plan.image.size());
  for_each_stretch(plan.lattice, first, count,
                   [&](std::int64_t i, std::int64_t n, const Position& t, std::int64_t length) {
                     const T* image = x + (n * plan.groups * plan.in + channel) * pixels;
                     read_tap(plan.lattice, tap, image, plan.image, t, length,
                              [&](std::int64_t j, T element) { sink(i + j, element); });
                   });
}

template <class T>
struct ConvOperands {
  const ConvPlan& plan;
  const T* x;
  const T* weight;
  const T* bias;  // may be null
  T* y;

  template <class P>
  void load_a(const Block& block, const P& panels) const {
    std::array<std::int64_t, ProductSizes<T>::kDepth> offsets;
    for (std::int64_t k = 0; k < block.depth; ++k) {
      const std::int64_t row = block.first_k + k;
      const Tap& tap = plan.lattice.taps[static_cast<std::size_t>(row % plan.taps())];
      offsets[static_cast<std::size_t>(k)] = row / plan.taps() * plan.weight_in + tap.index;
    }
    const T* origin = weight + block.product * plan.weight_group + block.first * plan.weight_out;
    const auto copy = [&](std::int64_t k, std::int64_t i) {
      panels(k, i) = origin[i * plan.weight_out + offsets[static_cast<std::size_t>(k)]];
    };
    // In the order in which the elements lie.
    if (plan.weight_out > plan.weight_in) {
      for (std::int64_t i = 0; i < block.count; ++i) {
        for (std::int64_t k = 0; k < block.depth; ++k) copy(k, i);
      }
    } else {
      for (std::int64_t k = 0; k < block.depth; ++k) {
        for (std::int64_t i = 0; i < block.count; ++i) copy(k, i);
      }
    }
  }
  template <class P>
  void load_b(const Block& block, const P& panels) const {
    for (std::int64_t k = 0; k < block.depth; ++k) {
      read_patches(plan, x, block.product, block.first_k + k, block.first, block.count,
                   [&](std::int64_t i, T element) { panels(k, i) = element; });
    }
  }
  void store(std::int64_t group, std::int64_t row, std::int64_t column, std::int64_t count,
             const T* sums) const {
    const Lattice& lattice = plan.lattice;
    const std::size_t last = lattice.rank - 1;
    const std::int64_t channel = group * plan.out + row;
    const T offset = bias != nullptr ? bias[channel] : T(0);
    for_each_stretch(lattice, column, count,
                     [&](std::int64_t i, std::int64_t n, const Position& t, std::int64_t length) {
                       std::int64_t at = n * plan.groups * plan.out + channel;
                       for (std::size_t d = 0; d <= last; ++d) {
                         at = at * plan.result[d] + lattice.first[d] + t[d] * lattice.spacing[d];
                       }
                       for (std::int64_t j = 0; j < length; ++j) {
                         y[at + j * lattice.spacing[last]] = sums[i + j] + offset;
                       }
                     });
  }
};

template <class T>
struct WeightGradientOperands {
  const ConvPlan& plan;
  const T* x;
  const T* dy;
  T* dw;

  template <class P>
  void load_a(const Block& block, const P& panels) const {
    const std::int64_t pixels = plan.lattice.positions();
    const std::int64_t channels = plan.groups * plan.out;
    for (std::int64_t k = 0; k < block.depth;) {
      const std::int64_t image = (block.first_k + k) / pixels;
      const std::int64_t pixel = (block.first_k + k) % pixels;
      const std::int64_t n = std::min(block.depth - k, pixels - pixel);
      for (std::int64_t i = 0; i < block.count; ++i) {
        const std::int64_t channel = image * channels + block.product * plan.out + block.first + i;
        const T* line = dy + channel * pixels + pixel;
        for (std::int64_t j = 0; j < n; ++j) panels(k + j, i) = line[j];
      }
      k += n;
    }
  }
  template <class P>
  void load_b(const Block& block, const P& panels) const {
    for (std::int64_t i = 0; i < block.count; ++i) {
      read_patches(plan, x, block.product, block.first + i, block.first_k, block.depth,
                   [&](std::int64_t k, T element) { panels(k, i) = element; });
    }
  }
  void store(std::int64_t group, std::int64_t row, std::int64_t column, std::int64_t count,
             const T* sums) const {
    std::copy_n(sums, count, dw + (group * plan.out + row) * plan.in * plan.taps() + column);
  }
};

// The image's channels are those of `x`, the result's those of `y`.
ConvPlan make_plan(const KernelView& kernel, Lattice lattice, const Shape& x, const Shape& y) {
  const std::int64_t groups = kernel.attributes.integer("groups", 1);
  return {std::move(lattice),
          x[0],
          groups,
          x[1] / groups,
          y[1] / groups,
          spatial(x),
          spatial(y),
          0,
          0,
          0};
}

template <class T>
Body convolve(std::vector<ConvPlan> plans, bool has_bias) {
  return [plans = std::move(plans), has_bias](const Run& run) {
    for (const ConvPlan& plan : plans) {
      const ConvOperands<T> operands{plan, run.in<T>(0), run.in<T>(1),
                                     has_bias ? run.in<T>(2) : nullptr, run.out<T>()};
      multiply<T>(run.threads(), {plan.groups, plan.out, plan.in * plan.taps(), plan.positions()},
                  operands);
    }
  };
}

// Both directions; the weight is [out, in / groups, ...] or [in, out / groups, ...].
Body make_conv(const KernelView& kernel) {
  const Window window(kernel, spatial(kernel.shape(1)));
  const bool transposed = kernel.kind == OpKind::kConvTranspose;
  std::vector<Lattice> lattices = {};
  if (transposed) {
    lattices = transposed_lattices(window, kernel.out_shape());
  } else {
    lattices.push_back(forward_lattice(window, kernel.out_shape()));
  }
  const std::int64_t size = element_count(window.extents);
  std::vector<ConvPlan> plans;
  for (Lattice& lattice : lattices) {
    ConvPlan plan = make_plan(kernel, std::move(lattice), kernel.shape(0), kernel.out_shape());
    plan.weight_group = plan.in * plan.out * size;
    plan.weight_out = transposed ? size : plan.in * size;
    plan.weight_in = transposed ? plan.out * size : size;
    plans.push_back(std::move(plan));
  }
  const bool has_bias = kernel.inputs.size() > 2;
  return for_floating(kernel, kernel.dtype(),
                      [&](auto t) { return convolve<decltype(t)>(std::move(plans), has_bias); });
}

// (x, dy) -> dw
Body make_weight_gradient(const KernelView& kernel) {
  const Window window(kernel, kernel.attributes.integers("kernel"));
  ConvPlan plan =
      make_plan(kernel, forward_lattice(window, kernel.shape(1)), kernel.shape(0), kernel.shape(1));
  return for_floating(kernel, kernel.dtype(), [&](auto t) -> Body {
    using T = decltype(t);
    return [plan](const Run& run) {
      const WeightGradientOperands<T> operands{plan, run.in<T>(0), run.in<T>(1), run.out<T>()};
      multiply<T>(run.threads(), {plan.groups, plan.out, plan.positions(), plan.in * plan.taps()},
                  operands);
    };
  });
}

}  // namespace

void add_convolution_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kConv, kConvTranspose}, make_conv);
  add(makers, {kConvWeightGradient}, make_weight_gradient);
}

}  // namespace rockmate::reference
