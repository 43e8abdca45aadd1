// Pooling of channels-last images, pixel by pixel, whose channels may lie in pieces. Gradients
// gather: a pixel of the image adds up what the windows that it lies in send it, so no two threads
// write one element.

#include <algorithm>

#include "exec/cpu/families.h"
#include "exec/cpu/pool_rows.h"
#include "exec/cpu/windows.h"
#include "exec/part_runner.h"
#include "graph/fusion/pieced_image.h"

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
  return WindowPlane(kernel.attributes, image.shape, result.shape,
                     kernel.attributes.integers("kernel"));
}

// Channels of the image, and the input that they are: all of them, or pieces.
struct Source {
  std::size_t input;
  std::int64_t first, count;
};

// A pooling, maybe with the concatenation before it.
struct Pooling {
  WindowPlane plane;
  const Attributes& attributes;
  std::vector<Source> sources;
};

std::optional<Pooling> pooling_of_pieces(const KernelView& kernel) {
  const FusedParts& parts = kernel.attributes.parts();
  const auto pieced = pieced_image(parts, pointers(kernel.inputs));
  if (!pieced || pieced->is_dealt || parts.outputs.front() != parts.inputs + 1) return std::nullopt;
  const auto lies_well = [](const TensorType& type) {
    return type.dtype == DType::kFloat32 && type.format == MemoryFormat::kChannelsLast;
  };
  if (!lies_well(kernel.outputs[0]) || !std::ranges::all_of(kernel.inputs, lies_well)) {
    return std::nullopt;
  }
  const Attributes& attributes = parts.parts[pieced->part].attributes;
  Pooling made{WindowPlane(attributes, pieced->image->shape, kernel.outputs[0].shape,
                           attributes.integers("kernel")),
               attributes,
               {}};
  for (const PiecedImage::Piece& piece : pieced->pieces) {
    made.sources.push_back({piece.operand, piece.first, piece.count});
  }
  return made;
}

std::optional<Pooling> pooling_of(const KernelView& kernel, OpKind kind) {
  if (kernel.kind == OpKind::kFused) {
    const std::vector<FusedPart>& parts = kernel.attributes.parts().parts;
    const bool fits = parts.size() == 2 && parts.back().kind == kind;
    return fits ? pooling_of_pieces(kernel) : std::nullopt;
  }
  const auto plane = plane_of(kernel, kernel.inputs[0], kernel.outputs[0]);
  if (!plane) return std::nullopt;
  return Pooling{*plane, kernel.attributes, {{0, 0, plane->channels}}};
}

// The source's channels of a row of the result.
void max_row_of(const WindowPlane& plane, const Source& source, std::int64_t row, const float* x,
                float* y, std::uint8_t* indices) {
  const std::int64_t line = plane.columns.image * source.count;
  const std::int64_t image = row / plane.rows.results;
  std::vector<const float*> lines;
  std::vector<std::int64_t> rows;
  for (const Meeting& meeting :
       plane.rows.forward[static_cast<std::size_t>(row % plane.rows.results)]) {
    lines.push_back(x + (image * plane.rows.image + meeting.at) * line);
    rows.push_back(meeting.weight);
  }
  const std::int64_t at = row * plane.columns.results * plane.channels + source.first;
  max_row({lines, rows, plane.columns, source.count, plane.channels}, y + at,
          indices != nullptr ? indices + at : nullptr);
}

std::optional<Prepared> make_max_pool(const KernelView& kernel, int) {
  const auto pooling = pooling_of(kernel, OpKind::kMaxPool);
  const bool has_indices = kernel.outputs.size() > 1;
  if (!pooling || (has_indices && kernel.outputs[1].dtype != DType::kUInt8)) return std::nullopt;
  return Prepared{
      [plane = pooling->plane, sources = pooling->sources, has_indices](const Run& run) {
        const std::int64_t line = plane.columns.results * plane.channels;
        auto* const indices = has_indices ? run.out<std::uint8_t>(1) : nullptr;
        parallel_for(run.threads(), plane.batch * plane.rows.results, kGrain / (line * 4) + 1,
                     [&](std::int64_t begin, std::int64_t end) {
                       for (std::int64_t r = begin; r < end; ++r) {
                         for (const Source& source : sources) {
                           max_row_of(plane, source, r, run.in<float>(source.input),
                                      run.out<float>(), indices);
                         }
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
std::vector<std::int64_t> counts_of(const Attributes& attributes, const WindowAxis& axis,
                                    std::size_t d) {
  const auto& pads = attributes.integers("pads");
  const std::int64_t stride = attributes.integers("strides")[d];
  const std::int64_t end = axis.image + pads[d + 2];
  std::vector<std::int64_t> counts;
  for (std::int64_t t = 0; t < axis.results; ++t) {
    const auto inside = static_cast<std::int64_t>(axis.forward[static_cast<std::size_t>(t)].size());
    const std::int64_t first = t * stride - pads[d];
    const std::int64_t padded = std::min(first + axis.kernel, end) - first;
    counts.push_back(attributes.flag("count_include_pad") ? padded : inside);
  }
  return counts;
}

// 1 / elements, per result of a plane.
std::vector<float> shares_of(const Attributes& attributes, const WindowPlane& plane) {
  const auto rows = counts_of(attributes, plane.rows, 0);
  const auto columns = counts_of(attributes, plane.columns, 1);
  std::vector<float> shares;
  for (const std::int64_t r : rows) {
    for (const std::int64_t c : columns) {
      shares.push_back(r * c <= 0 ? 0 : 1 / static_cast<float>(r * c));
    }
  }
  return shares;
}

std::optional<Prepared> make_average_pool(const KernelView& kernel, int) {
  const auto pooling = pooling_of(kernel, OpKind::kAveragePool);
  if (!pooling) return std::nullopt;
  return Prepared{[plane = pooling->plane, sources = pooling->sources,
                   shares = shares_of(pooling->attributes, pooling->plane)](const Run& run) {
    for (const Source& source : sources) {
      WindowPlane of_source = plane;
      of_source.channels = source.count;
      for_each_pixel(of_source, true, run.threads(),
                     [&](std::int64_t pixel, std::int64_t origin, const PixelTaps& taps) {
                       const float share = shares[static_cast<std::size_t>(pixel) % shares.size()];
                       sum_pixel(run.in<float>(source.input) + origin, taps, share,
                                 run.out<float>() + pixel * plane.channels + source.first);
                     });
    }
  }};
}

std::optional<Prepared> make_average_pool_gradient(const KernelView& kernel, int) {
  const auto plane = plane_of(kernel, kernel.outputs[0], kernel.inputs[0]);
  if (!plane) return std::nullopt;
  return Prepared{[plane = *plane, shares = shares_of(kernel.attributes, *plane)](const Run& run) {
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
  add(makers, {kMaxPool, kFused}, make_max_pool);
  add(makers, {kMaxPoolGradient}, make_max_pool_gradient);
  add(makers, {kAveragePool, kFused}, make_average_pool);
  add(makers, {kAveragePoolGradient}, make_average_pool_gradient);
}

}  // namespace rockmate::cpu
