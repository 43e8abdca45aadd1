// The gradients of 1 x 1 convolutions, as products on rows of pixels, which need no other format:
// by the image; and by weights so large that their tiles keep all threads busy. With strides, the
// rows that take part lie side by side in the workspace: on small images with large weights,
// oneDNN's gradients take twice as long.

#include <algorithm>

#include "exec/cpu/families.h"
#include "exec/cpu/onednn_product.h"

namespace rockmate::cpu {
namespace {

using namespace onednn;

// A 1 x 1 convolution that maps the image x to y.
struct Pointwise {
  explicit Pointwise(const KernelView& kernel);

  [[nodiscard]] bool has_strides() const { return y_step != 1 || x_step != 1; }
  [[nodiscard]] std::int64_t pixels() const { return images * rows * columns; }  // of y
  [[nodiscard]] Bytes packed_bytes() const { return aligned(Bytes(pixels() * in * 4)); }
  // The pixel of x that one of y comes from.
  [[nodiscard]] std::int64_t source(std::int64_t pixel) const {
    const std::int64_t row = pixel / columns;
    return (row / rows * x_rows + row % rows * y_step) * x_columns + pixel % columns * x_step;
  }
  void pack(const float* x, float* packed, int threads) const;
  // Pixels of x that none of y comes from become 0.
  void unpack(const float* packed, float* x, int threads) const;

  std::int64_t images, rows, columns, x_rows, x_columns, in, out;
  std::int64_t y_step, x_step;  // strides down and across
};

Pointwise::Pointwise(const KernelView& kernel) {
  const bool is_weight = kernel.kind == OpKind::kConvWeightGradient;
  const Shape& x = is_weight ? kernel.shape(0) : kernel.out_shape();
  const Shape& y = kernel.shape(is_weight ? 1 : 0);
  const auto& strides = kernel.attributes.integers("strides");
  images = y[0], rows = y[2], columns = y[3];
  x_rows = x[2], x_columns = x[3];
  in = x[1], out = y[1];
  y_step = strides[0], x_step = strides[1];
}

void Pointwise::pack(const float* x, float* packed, int threads) const {
  parallel_for(threads, pixels(), kGrain / in + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      std::copy_n(x + source(p) * in, in, packed + p * in);
    }
  });
}

void Pointwise::unpack(const float* packed, float* x, int threads) const {
  parallel_for(threads, images * x_rows, kGrain / (in * x_columns) + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) {
                   float* const row = x + r * x_columns * in;
                   std::fill_n(row, x_columns * in, 0.0F);
                   const std::int64_t of_image = r % x_rows;
                   if (of_image % y_step != 0 || of_image / y_step >= rows) continue;
                   const std::int64_t y_row = r / x_rows * rows + of_image / y_step;
                   for (std::int64_t c = 0; c < columns; ++c) {
                     std::copy_n(packed + (y_row * columns + c) * in, in, row + c * x_step * in);
                   }
                 }
               });
}

bool is_pointwise(const KernelView& kernel) {
  const auto lies_well = [](const TensorType& type) {
    return type.shape.size() == 4 && type.format == MemoryFormat::kChannelsLast &&
           element_count(type.shape) > 0;
  };
  const bool is_weight = kernel.kind == OpKind::kConvWeightGradient;
  const Shape& weight = is_weight ? kernel.out_shape() : kernel.shape(1);
  const auto& pads = kernel.attributes.integers("pads");
  return is_float32(kernel) && lies_well(kernel.inputs[0]) &&
         lies_well(is_weight ? kernel.inputs[1] : kernel.outputs[0]) &&
         extent(weight, 2, weight.size()) == 1 && kernel.attributes.integer("groups", 1) == 1 &&
         std::all_of(pads.begin(), pads.end(), [](std::int64_t n) { return n == 0; });
}

std::optional<Prepared> make_weight_gradient(const KernelView& kernel, int) {
  constexpr std::int64_t kLargeWeight = 1 << 17;
  if (!is_pointwise(kernel)) return std::nullopt;
  const Pointwise conv(kernel);
  if (conv.in * conv.out < kLargeWeight) return std::nullopt;
  const bool packs = conv.has_strides();
  if (packs && conv.in * conv.out < conv.pixels() * (conv.in + conv.out)) return std::nullopt;
  Multiplication by(
      {1, conv.out, conv.pixels(), conv.in, {conv.out, true}, {conv.in, false}, {0}, {0}});
  const auto body = [=, by = std::move(by)](const Run& run) {
    const float* x = run.in<float>(0);
    if (packs) {
      auto* packed = reinterpret_cast<float*>(run.workspace().data());
      conv.pack(x, packed, run.threads());
      x = packed;
    }
    by.run({run.in<float>(1), x, nullptr, run.addend<float>(), run.out<float>()}, run.threads());
  };
  return Prepared{body, packs ? conv.packed_bytes() : Bytes()};
}

// By the image. Without strides it may have a bias: then it is a layer of its own.
std::optional<Prepared> make_transposed(const KernelView& kernel, int) {
  if (!is_pointwise(kernel)) return std::nullopt;
  const Pointwise conv(kernel);
  const bool packs = conv.has_strides();
  const bool has_bias = kernel.inputs.size() > 2;
  if (packs && (has_bias || kernel.adds)) return std::nullopt;
  Multiplication by(
      {1, conv.pixels(), conv.out, conv.in, {conv.out, false}, {conv.in, false}, {0}, {0}});
  const auto body = [=, by = std::move(by)](const Run& run) {
    float* const x = run.out<float>();
    float* const result = packs ? reinterpret_cast<float*>(run.workspace().data()) : x;
    by.run({run.in<float>(0), run.in<float>(1), has_bias ? run.in<float>(2) : nullptr,
            run.addend<float>(), result},
           run.threads());
    if (packs) conv.unpack(result, x, run.threads());
  };
  return Prepared{body, packs ? conv.packed_bytes() : Bytes()};
}

}  // namespace

void add_onednn_pointwise(Makers& makers) {
  add(makers, {OpKind::kConvWeightGradient}, make_weight_gradient);
  add(makers, {OpKind::kConvTranspose}, make_transposed);
}

}  // namespace rockmate::cpu
