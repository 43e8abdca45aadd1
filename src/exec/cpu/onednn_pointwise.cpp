// 1 x 1 convolutions and their gradients, as products on rows of pixels, which take weights as they
// lie: forward where there are so few pixels that bringing the weight into oneDNN's format would
// cost as much as what is done with it; by the image; and by weights so large that their tiles keep
// all threads busy. With strides, the rows that take part lie side by side in the workspace: on
// small images with large weights, oneDNN's gradients take twice as long. Of those that may round
// to bfloat16, only the large weights' gradients are products: what brings an operand into a format
// rounds it, too.

#include <algorithm>
#include <utility>

#include "exec/cpu/families.h"
#include "exec/cpu/onednn_conv_parts.h"
#include "exec/cpu/onednn_product.h"
#include "exec/cpu/onednn_rounding.h"

namespace rockmate::cpu {
namespace {

using namespace onednn;

// A 1 x 1 convolution that maps the image x to y.
struct Pointwise {
  Pointwise(const Shape& x, const Shape& y, const Attributes& attributes);

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

Pointwise::Pointwise(const Shape& x, const Shape& y, const Attributes& attributes) {
  const auto& strides = attributes.integers("strides");
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

std::optional<Pointwise> find_pointwise(const TensorType& x, const TensorType& y,
                                        const TensorType& weight, const Attributes& attributes) {
  const auto lies_well = [](const TensorType& type) {
    return type.shape.size() == 4 && type.format == MemoryFormat::kChannelsLast &&
           element_count(type.shape) > 0;
  };
  const auto& pads = attributes.integers("pads");
  const bool is_pointwise =
      lies_well(x) && lies_well(y) && extent(weight.shape, 2, weight.shape.size()) == 1 &&
      attributes.integer("groups", 1) == 1 &&
      std::all_of(pads.begin(), pads.end(), [](std::int64_t n) { return n == 0; });
  if (!is_pointwise) return std::nullopt;
  return Pointwise(x.shape, y.shape, attributes);
}

Product forward_product(const Pointwise& conv, const TensorType& weight) {
  return {1,   conv.pixels(), conv.in,          conv.out, {conv.in, false}, {conv.in, true},
          {0}, {0},           is_packed(weight)};
}

bool has_few_pixels(const Pointwise& conv) {
  constexpr std::int64_t kFewPixels = 1024;
  return conv.pixels() <= kFewPixels;
}

std::optional<Prepared> make_forward(const KernelView& kernel, int) {
  if (!is_float32(kernel) || rounds(kernel.attributes)) return std::nullopt;
  const auto conv =
      find_pointwise(kernel.inputs[0], kernel.outputs[0], kernel.inputs[1], kernel.attributes);
  if (!conv || !has_few_pixels(*conv)) return std::nullopt;
  const bool packs = conv->has_strides();
  const bool has_bias = kernel.inputs.size() > 2;
  const Multiplication by(forward_product(*conv, kernel.inputs[1]));
  const auto body = [=, conv = *conv](const Run& run) {
    const float* x = run.in<float>(0);
    if (packs) {
      auto* packed = reinterpret_cast<float*>(run.workspace().data());
      conv.pack(x, packed, run.threads());
      x = packed;
    }
    by.run({x, run.in<float>(1), has_bias ? run.in<float>(2) : nullptr, nullptr, run.out<float>()},
           run.threads());
  };
  Prepared prepared{body, packs ? conv->packed_bytes() : Bytes()};
  if (by.product().b_is_packed) prepared.packed.push_back(packed_operand(1, by));
  return prepared;
}

// A product and what stands behind it, tile by tile. The result may lie on the addend, so with one
// the product is made in the workspace.
class FinishedProduct {
 public:
  FinishedProduct(const Pointwise& conv, Epilogue epilogue, const FusedPart& part,
                  const TensorType& weight)
      : conv_(conv),
        epilogue_(std::move(epilogue)),
        by_(forward_product(conv, weight)),
        x_(part.inputs[0]),
        weight_(part.inputs[1]) {
    if (part.inputs.size() > 2) bias_ = part.inputs[2];
    const Bytes line = aligned(Bytes(conv.out * 4));
    const auto place = [&](Bytes bytes) { return std::exchange(workspace_, workspace_ + bytes); };
    scale_ = place(line);
    shift_ = place(line);
    if (conv.has_strides()) packed_ = place(conv.packed_bytes());
    if (epilogue_.addend()) result_ = place(aligned(Bytes(conv.pixels() * conv.out * 4)));
  }

  [[nodiscard]] Bytes workspace() const { return workspace_; }
  [[nodiscard]] std::vector<PackedOperand> packed() const {
    if (!by_.product().b_is_packed) return {};
    return {packed_operand(weight_, by_)};
  }

  void run(const Run& run) const {
    const auto at = [&](Bytes offset) {
      return reinterpret_cast<float*>(run.workspace().data() + offset.count());
    };
    float* const scale = at(scale_);
    float* const shift = at(shift_);
    epilogue_.write_line(run, bias_ ? run.in<float>(*bias_) : nullptr, conv_.out, scale, shift);
    const float* x = run.in<float>(x_);
    if (packed_) {
      conv_.pack(x, at(*packed_), run.threads());
      x = at(*packed_);
    }
    float* const y = run.out<float>();
    float* const result = result_ ? at(*result_) : y;
    const float* const addend = result_ ? run.in<float>(epilogue_.addend()->index) : nullptr;
    by_.run({x, run.in<float>(weight_), nullptr, nullptr, result}, run.threads(),
            [&](const Multiplication::Tile& tile) {
              for (std::int64_t r = tile.row; r < tile.row + tile.rows; ++r) {
                const std::int64_t first = r * conv_.out + tile.column;
                epilogue_.finish(result + first, scale + tile.column, shift + tile.column,
                                 addend != nullptr ? addend + first : nullptr, y + first,
                                 tile.columns);
              }
            });
  }

 private:
  Pointwise conv_;
  Epilogue epilogue_;
  Multiplication by_;
  std::size_t x_, weight_;  // inputs of the kernel
  std::optional<std::size_t> bias_;
  Bytes workspace_, scale_, shift_;  // the last two lie in it
  std::optional<Bytes> packed_, result_;
};

std::optional<Prepared> make_fused(const KernelView& kernel, int) {
  auto fused = fused_convolution(kernel);
  const FusedPart& part = kernel.attributes.parts().parts.front();
  if (!fused || fused->is_pieced() || !fused->epilogue.is_clamp() || rounds(part.attributes)) {
    return std::nullopt;
  }
  const auto conv =
      find_pointwise(*fused->x.type, *fused->y.type, *fused->weight.type, part.attributes);
  if (!conv || !has_few_pixels(*conv)) return std::nullopt;
  const FinishedProduct product(*conv, std::move(fused->epilogue), part, *fused->weight.type);
  return Prepared{[=](const Run& run) { product.run(run); }, product.workspace(), product.packed()};
}

std::optional<Prepared> make_weight_gradient(const KernelView& kernel, int) {
  constexpr std::int64_t kLargeWeight = 1 << 17;
  if (!is_float32(kernel)) return std::nullopt;
  const auto found =
      find_pointwise(kernel.inputs[0], kernel.inputs[1], kernel.outputs[0], kernel.attributes);
  if (!found || found->in * found->out < kLargeWeight) return std::nullopt;
  const Pointwise& conv = *found;
  const bool packs = conv.has_strides();
  if (packs && conv.in * conv.out < conv.pixels() * (conv.in + conv.out)) return std::nullopt;
  const Product product = {
      1, conv.out, conv.pixels(), conv.in, {conv.out, true}, {conv.in, false}, {0}, {0}};
  if (rounds(kernel.attributes)) {
    if (packs) return std::nullopt;
    return prepare_rounded(product, {.a = 1, .b = 0}, kernel.adds);
  }
  Multiplication by(product);
  const auto body = [=, conv = *found, by = std::move(by)](const Run& run) {
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
  if (!is_float32(kernel) || rounds(kernel.attributes)) return std::nullopt;
  const auto found =
      find_pointwise(kernel.outputs[0], kernel.inputs[0], kernel.inputs[1], kernel.attributes);
  if (!found) return std::nullopt;
  const Pointwise& conv = *found;
  const bool packs = conv.has_strides();
  const bool has_bias = kernel.inputs.size() > 2;
  if (packs && (has_bias || kernel.adds)) return std::nullopt;
  Multiplication by(
      {1, conv.pixels(), conv.out, conv.in, {conv.out, false}, {conv.in, false}, {0}, {0}});
  const auto body = [=, conv = *found, by = std::move(by)](const Run& run) {
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

void add_packed_pointwise(Makers& makers) {
  add(makers, {OpKind::kConv}, make_forward);
  add(makers, {OpKind::kFused}, make_fused);
}

void add_onednn_pointwise(Makers& makers) {
  add(makers, {OpKind::kConv}, make_forward);
  add(makers, {OpKind::kFused}, make_fused);
  add(makers, {OpKind::kConvWeightGradient}, make_weight_gradient);
  add(makers, {OpKind::kConvTranspose}, make_transposed);
}

}  // namespace rockmate::cpu
