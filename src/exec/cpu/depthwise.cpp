// Depthwise convolutions of channels-last images (as many groups as channels of either side), their
// transposes, and their weight gradients. They read and write little per multiplication, so what
// counts is to pass over the images once: pixel by pixel, all channels side by side.

#include <algorithm>

#include "exec/cpu/depthwise_rows.h"
#include "exec/cpu/families.h"
#include "exec/cpu/windows.h"
#include "rockmate/training_model.h"

namespace rockmate::cpu {
namespace {

bool is_image(const TensorType& type) {
  return type.shape.size() == 4 && type.format == MemoryFormat::kChannelsLast;
}

bool is_depthwise(const KernelView& kernel, const TensorType& x, const TensorType& y) {
  const std::int64_t channels = x.shape.size() == 4 ? x.shape[1] : 0;
  return is_float32(kernel) && is_image(x) && is_image(y) && y.shape[1] == channels &&
         kernel.attributes.integer("groups", 1) == channels;
}

// [channel][position] -> [position][channel]
void pack(const float* weight, std::int64_t channels, std::int64_t positions, float* packed) {
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t k = 0; k < positions; ++k)
      packed[k * channels + c] = weight[c * positions + k];
  }
}

// One side of a plane, from which the other is read: rows and columns of pixels of the result.
struct Side {
  Side(const WindowPlane& plane, bool is_forward, std::int64_t column_step)
      : rows(is_forward ? plane.rows.forward : plane.rows.backward),
        columns(is_forward ? plane.columns.forward : plane.columns.backward),
        other_rows(is_forward ? plane.rows.image : plane.rows.results),
        other_columns(is_forward ? plane.columns.image : plane.columns.results),
        step(column_step) {
    for (std::size_t p = 0; p < columns.size(); ++p) starts_run.push_back(are_alike(p));
  }
  // Whether column p and those that follow it at `step` make a run.
  [[nodiscard]] bool are_alike(std::size_t p) const {
    const auto distance = static_cast<std::size_t>(step);
    if (p + (kPixelRun - 1) * distance >= columns.size()) return false;
    for (std::size_t r = 1; r < kPixelRun; ++r) {
      const auto& before = columns[p + (r - 1) * distance];
      const auto& after = columns[p + r * distance];
      if (before.empty() || before.size() != after.size()) return false;
      for (std::size_t i = 0; i < before.size(); ++i) {
        if (before[i].weight != after[i].weight) return false;
        if (after[i].at - before[i].at != columns[p + distance][0].at - columns[p][0].at) {
          return false;
        }
      }
    }
    return true;
  }

  std::vector<std::vector<Meeting>> rows, columns;
  std::int64_t other_rows, other_columns;
  std::int64_t step;             // between columns that meet the same positions of the window
  std::vector<bool> starts_run;  // by column
};

// One row of pixels of the result.
void convolve_row(const Side& side, const WindowPlane& plane, std::int64_t line, const float* x,
                  const float* weights, const float* bias, float* y) {
  const std::int64_t channels = plane.channels;
  const auto height = static_cast<std::int64_t>(side.rows.size());
  const auto width = static_cast<std::int64_t>(side.columns.size());
  const float* image = x + line / height * side.other_rows * side.other_columns * channels;
  PixelTaps taps = {side.rows[static_cast<std::size_t>(line % height)],
                    {},
                    side.other_columns,
                    channels,
                    plane.columns.kernel};
  for (std::int64_t residue = 0; residue < side.step; ++residue) {
    for (std::int64_t p = residue; p < width;) {
      const auto column = static_cast<std::size_t>(p);
      PixelRun run;
      taps.columns = side.columns[column];
      if (side.starts_run[column]) {
        const auto& next = side.columns[column + static_cast<std::size_t>(side.step)];
        run = {kPixelRun, (next[0].at - taps.columns[0].at) * channels, side.step * channels};
      }
      depthwise_pixels(image, taps, run, weights, bias, y + (line * width + p) * channels);
      p += run.count * side.step;
    }
  }
}

// A convolution (from the image) or a transposed one (to the image).
Prepared convolution(const KernelView& kernel, const WindowPlane& plane, bool is_forward) {
  const std::int64_t step = is_forward ? 1 : kernel.attributes.integers("strides")[1];
  const std::int64_t positions = plane.rows.kernel * plane.columns.kernel;
  const bool has_bias = kernel.inputs.size() > 2;
  const auto body = [=, side = Side(plane, is_forward, step)](const Run& run) {
    auto* weights = reinterpret_cast<float*>(run.workspace().data());
    pack(run.in<float>(1), plane.channels, positions, weights);
    const auto width = static_cast<std::int64_t>(side.columns.size());
    const std::int64_t work = std::max<std::int64_t>(1, width * plane.channels * positions);
    parallel_for(run.threads(), plane.batch * static_cast<std::int64_t>(side.rows.size()),
                 kGrain / work, [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t line = begin; line < end; ++line) {
                     convolve_row(side, plane, line, run.in<float>(0), weights,
                                  has_bias ? run.in<float>(2) : nullptr, run.out<float>());
                   }
                 });
  };
  return {body, aligned(Bytes(positions * plane.channels * 4))};
}

std::optional<Prepared> make_convolution(const KernelView& kernel, int) {
  const TensorType& x = kernel.inputs[0];
  const TensorType& y = kernel.outputs[0];
  if (!is_depthwise(kernel, x, y)) return std::nullopt;
  const bool is_forward = kernel.kind == OpKind::kConv;
  const Shape window(kernel.shape(1).begin() + 2, kernel.shape(1).end());
  const WindowPlane plane(kernel.attributes, is_forward ? x.shape : y.shape,
                          is_forward ? y.shape : x.shape, window);
  return convolution(kernel, plane, is_forward);
}

// The results of a row that read the image at position k of the window: [first, first + count), the
// first of them at `image`.
struct Stretch {
  std::int64_t first = 0, image = 0, count = 0;
};
std::vector<Stretch> stretches_of(const WindowAxis& axis) {
  std::vector<Stretch> list(static_cast<std::size_t>(axis.kernel));
  for (std::size_t t = 0; t < axis.forward.size(); ++t) {
    for (const Meeting& meeting : axis.forward[t]) {
      Stretch& stretch = list[static_cast<std::size_t>(meeting.weight)];
      if (stretch.count++ == 0) stretch = {static_cast<std::int64_t>(t), meeting.at, 1};
    }
  }
  return list;
}

struct WeightGradient {
  WeightGradient(const KernelView& kernel, WindowPlane window_plane)
      : plane(std::move(window_plane)),
        stretches(stretches_of(plane.columns)),
        stride(kernel.attributes.integers("strides")[1]),
        lines(plane.batch * plane.rows.results),
        positions(plane.rows.kernel * plane.columns.kernel) {
    // Sums are cut in parts that do not depend on the number of threads.
    constexpr std::int64_t kMostParts = 32;
    height = std::max<std::int64_t>(1, (lines + kMostParts - 1) / kMostParts);
    parts = (lines + height - 1) / height;
  }
  [[nodiscard]] Bytes workspace() const {
    return aligned(Bytes(parts * positions * plane.channels * 4));
  }

  // Adds a row of results to sums[position][channel].
  void add_line(std::int64_t line, const float* x, const float* dy, float* sums) const {
    const std::int64_t n = line / plane.rows.results;
    const float* from = dy + line * plane.columns.results * plane.channels;
    for (const Meeting& row :
         plane.rows.forward[static_cast<std::size_t>(line % plane.rows.results)]) {
      const float* image =
          x + (n * plane.rows.image + row.at) * plane.columns.image * plane.channels;
      for (std::int64_t k = 0; k < plane.columns.kernel; ++k) {
        const Stretch& s = stretches[static_cast<std::size_t>(k)];
        add_products(from + s.first * plane.channels, plane.channels,
                     image + s.image * plane.channels, stride * plane.channels, s.count,
                     plane.channels,
                     sums + (row.weight * plane.columns.kernel + k) * plane.channels);
      }
    }
  }

  WindowPlane plane;
  std::vector<Stretch> stretches;
  std::int64_t stride, lines, positions, height = 1, parts = 0;
};

// (x, dy) -> dw
std::optional<Prepared> make_weight_gradient(const KernelView& kernel, int) {
  const TensorType& x = kernel.inputs[0];
  const TensorType& dy = kernel.inputs[1];
  if (!is_depthwise(kernel, x, dy)) return std::nullopt;
  const WeightGradient gradient(kernel, WindowPlane(kernel.attributes, x.shape, dy.shape,
                                                    kernel.attributes.integers("kernel")));
  const auto body = [gradient](const Run& run) {
    const std::int64_t size = gradient.positions * gradient.plane.channels;
    auto* sums = reinterpret_cast<float*>(run.workspace().data());
    parallel_for(run.threads(), gradient.parts, 1, [&](std::int64_t begin, std::int64_t end) {
      std::fill(sums + begin * size, sums + end * size, 0.0f);
      for (std::int64_t line = begin * gradient.height;
           line < std::min(gradient.lines, end * gradient.height); ++line) {
        gradient.add_line(line, run.in<float>(0), run.in<float>(1),
                          sums + line / gradient.height * size);
      }
    });
    float* dw = run.out<float>();
    for (std::int64_t c = 0; c < gradient.plane.channels; ++c) {
      for (std::int64_t k = 0; k < gradient.positions; ++k) {
        double sum = 0;
        for (std::int64_t p = 0; p < gradient.parts; ++p) {
          sum += sums[p * size + k * gradient.plane.channels + c];
        }
        dw[c * gradient.positions + k] = static_cast<float>(sum);
      }
    }
  };
  return Prepared{body, gradient.workspace()};
}

std::optional<Prepared> make_large_weight_gradient(const KernelView& kernel, int threads) {
  const Shape& window = kernel.attributes.integers("kernel");
  const bool is_large = std::any_of(window.begin(), window.end(), [](auto k) { return k > 3; });
  return is_large ? make_weight_gradient(kernel, threads) : std::nullopt;
}

}  // namespace

void add_large_depthwise_kernels(Makers& makers) {
  add(makers, {OpKind::kConvWeightGradient}, make_large_weight_gradient);
}

void add_depthwise_kernels(Makers& makers) {
  add(makers, {OpKind::kConv, OpKind::kConvTranspose}, make_convolution);
  add(makers, {OpKind::kConvWeightGradient}, make_weight_gradient);
}

}  // namespace rockmate::cpu
