// Pooling of channels-last images, pixel by pixel. Gradients gather: a pixel of the image adds up
// what the windows that it lies in send it, so no two threads write one element.

#include <algorithm>

#include "exec/cpu/families.h"
#include "exec/cpu/pool_rows.h"
#include "exec/cpu/windows.h"

namespace rockmate::cpu {
namespace {

// Calls body(pixel, where its image begins on the other side, taps) for all pixels of one side:
// with `is_forward`, of the results, whose taps lie in the image; else the other way round.
template <class F>
void for_each_pixel(const WindowPlane& plane, bool is_forward, int threads, const F& body) {
  const auto& rows = is_forward ? plane.rows.forward : plane.rows.backward;
  const auto& columns = is_forward ? plane.columns.forward : plane.columns.backward;
  const std::int64_t width = is_forward ? plane.columns.image : plane.columns.results;
  const std::int64_t other = width * (is_forward ? plane.rows.image : plane.rows.results);
  const auto height = static_cast<std::int64_t>(rows.size());
  const auto pixels = static_cast<std::int64_t>(columns.size());
  const std::int64_t work = pixels * plane.channels * 4;
  parallel_for(threads, plane.batch * height, kGrain / std::max<std::int64_t>(1, work),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t line = begin; line < end; ++line) {
                   const std::int64_t origin = line / height * other * plane.channels;
                   PixelTaps taps = {rows[static_cast<std::size_t>(line % height)],
                                     {},
                                     width,
                                     plane.channels,
                                     plane.columns.kernel};
                   for (std::int64_t p = 0; p < pixels; ++p) {
                     taps.columns = columns[static_cast<std::size_t>(p)];
                     body(line * pixels + p, origin, taps);
                   }
                 }
               });
}

// The plane of a pooling op of float32 images, channels last; none: another case.
std::optional<WindowPlane> plane_of(const KernelView& kernel, const TensorType& image,
                                    const TensorType& result) {
  const bool fits = image.shape.size() == 4 && image.dtype == DType::kFloat32 &&
                    image.format == MemoryFormat::kChannelsLast && has_one_format(kernel);
  if (!fits) return std::nullopt;
  return WindowPlane(kernel, image.shape, result.shape, kernel.attributes.integers("kernel"));
}

void max_row_of(const WindowPlane& plane, std::int64_t image, std::int64_t row, const float* x,
                float* y, std::uint8_t* indices) {
  const std::int64_t line = plane.columns.image * plane.channels;
  std::vector<const float*> lines;
  std::vector<std::int64_t> rows;
  for (const Meeting& meeting : plane.rows.forward[static_cast<std::size_t>(row)]) {
    lines.push_back(x + (image * plane.rows.image + meeting.at) * line);
    rows.push_back(meeting.weight);
  }
  max_row({lines, rows, plane.columns, plane.channels}, y, indices);
}

std::optional<Prepared> make_max_pool(const KernelView& kernel, int) {
  const auto plane = plane_of(kernel, kernel.inputs[0], kernel.outputs[0]);
  if (!plane || kernel.outputs[1].dtype != DType::kUInt8) return std::nullopt;
  return Prepared{[plane = *plane](const Run& run) {
    const std::int64_t line = plane.columns.results * plane.channels;
    auto* const indices = run.out<std::uint8_t>(1);
    parallel_for(run.threads(), plane.batch * plane.rows.results, kGrain / (line * 4) + 1,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     const std::int64_t image = r / plane.rows.results;
                     max_row_of(plane, image, r % plane.rows.results, run.in<float>(),
                                run.out<float>() + r * line,
                                indices != nullptr ? indices + r * line : nullptr);
                   }
                 });
  }};
}

std::optional<Prepared> make_max_pool_gradient(const KernelView& kernel, int) {
  const auto plane = plane_of(kernel, kernel.outputs[0], kernel.inputs[0]);
  if (!plane || kernel.dtype(1) != DType::kUInt8) return std::nullopt;
  return Prepared{[plane = *plane](const Run& run) {
    for_each_pixel(plane, false, run.threads(),
                   [&](std::int64_t pixel, std::int64_t origin, const PixelTaps& taps) {
                     max_pixel_gradient(run.in<float>(0) + origin, run.in<std::uint8_t>(1) + origin,
                                        taps, run.out<float>() + pixel * plane.channels);
                   });
  }};
}

// Along one axis, how many elements each window counts: those of the image, and of the padding
// where that counts, but never those behind it.
std::vector<std::int64_t> counts_of(const KernelView& kernel, const WindowAxis& axis,
                                    std::size_t d) {
  const auto& pads = kernel.attributes.integers("pads");
  const std::int64_t stride = kernel.attributes.integers("strides")[d];
  const std::int64_t end = axis.image + pads[d + 2];
  std::vector<std::int64_t> counts;
  for (std::int64_t t = 0; t < axis.results; ++t) {
    const auto inside = static_cast<std::int64_t>(axis.forward[static_cast<std::size_t>(t)].size());
    const std::int64_t first = t * stride - pads[d];
    const std::int64_t padded = std::min(first + axis.kernel, end) - first;
    counts.push_back(kernel.attributes.flag("count_include_pad") ? padded : inside);
  }
  return counts;
}

// 1 / elements, per result of a plane.
std::vector<float> shares_of(const KernelView& kernel, const WindowPlane& plane) {
  const auto rows = counts_of(kernel, plane.rows, 0);
  const auto columns = counts_of(kernel, plane.columns, 1);
  std::vector<float> shares;
  for (const std::int64_t r : rows) {
    for (const std::int64_t c : columns) {
      shares.push_back(r * c <= 0 ? 0 : 1 / static_cast<float>(r * c));
    }
  }
  return shares;
}

std::optional<Prepared> make_average_pool(const KernelView& kernel, int) {
  const auto plane = plane_of(kernel, kernel.inputs[0], kernel.outputs[0]);
  if (!plane) return std::nullopt;
  return Prepared{[plane = *plane, shares = shares_of(kernel, *plane)](const Run& run) {
    const std::int64_t c = plane.channels;
    for_each_pixel(plane, true, run.threads(),
                   [&](std::int64_t pixel, std::int64_t origin, const PixelTaps& taps) {
                     const float share = shares[static_cast<std::size_t>(pixel) % shares.size()];
                     sum_pixel(run.in<float>() + origin, taps, share, run.out<float>() + pixel * c);
                   });
  }};
}

std::optional<Prepared> make_average_pool_gradient(const KernelView& kernel, int) {
  const auto plane = plane_of(kernel, kernel.outputs[0], kernel.inputs[0]);
  if (!plane) return std::nullopt;
  return Prepared{[plane = *plane, shares = shares_of(kernel, *plane)](const Run& run) {
    for_each_pixel(plane, false, run.threads(),
                   [&](std::int64_t pixel, std::int64_t origin, const PixelTaps& taps) {
                     weighted_pixel(run.in<float>() + origin, taps, shares.data(),
                                    run.out<float>() + pixel * plane.channels);
                   });
  }};
}

}  // namespace

void add_pooling_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kMaxPool}, make_max_pool);
  add(makers, {kMaxPoolGradient}, make_max_pool_gradient);
  add(makers, {kAveragePool}, make_average_pool);
  add(makers, {kAveragePoolGradient}, make_average_pool_gradient);
}

}  // namespace rockmate::cpu
