// Products of matrices, cut into tiles of the result: each tile is one product of oneDNN's, on one
// thread, with its whole sum over the inner extent. What is added to a product is written to the
// result first.
//
// oneDNN packs pieces of the operands into memory of its own: at most 4 MiB per thread, because
// tiles are that small.

#include <algorithm>

#include "base/check.h"
#include "exec/cpu/families.h"
#include "exec/cpu/onednn.h"

namespace rockmate::cpu {
namespace {

using namespace onednn;

// A matrix as it lies: row-major with that many columns, and whether it takes part transposed.
struct Matrix {
  std::int64_t columns;
  bool transposed;

  [[nodiscard]] std::int64_t at(std::int64_t row, std::int64_t column) const {
    return transposed ? column * columns + row : row * columns + column;
  }
  [[nodiscard]] char letter() const { return transposed ? 'T' : 'N'; }
};

// `products` times [rows, inner] x [inner, columns]. Where the leading axes of the operands are
// broadcast, products share matrices.
struct Product {
  std::int64_t products, rows, inner, columns;
  Matrix a, b;
  std::vector<std::int64_t> a_starts, b_starts;  // per product
};

// Whole tiles but for the last ones.
struct Tiles {
  explicit Tiles(const Product& product);
  std::int64_t rows, columns;            // of a tile
  std::int64_t row_count, column_count;  // of tiles
};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

Tiles::Tiles(const Product& product) {
  constexpr std::int64_t kMostRows = 512;
  constexpr std::int64_t kMostColumns = 1024;
  constexpr std::int64_t kUnit = 16;
  constexpr double kWorthwhile = 1 << 20;  // multiplications
  rows = std::min(product.rows, kMostRows);
  columns = std::min(product.columns, kMostColumns);
  const auto count = [&] {
    return product.products * ceil_div(product.rows, rows) * ceil_div(product.columns, columns);
  };
  const auto work = [&] {
    return static_cast<double>(rows) * static_cast<double>(columns) *
           static_cast<double>(product.inner);
  };
  while (count() < kMostParts && work() > kWorthwhile) {
    std::int64_t& longer = rows > columns ? rows : columns;
    const std::int64_t half = ceil_div(ceil_div(longer, 2), kUnit) * kUnit;
    if (half >= longer) break;
    longer = half;
  }
  row_count = ceil_div(product.rows, rows);
  column_count = ceil_div(product.columns, columns);
}

struct Addresses {
  const float* a;
  const float* b;
  const float* bias;    // per column; may be null
  const float* addend;  // may be null, or y itself
  float* y;
};

// Writes what the product is added to; whether there is any.
bool begin_tile(const Product& product, const Addresses& to, std::int64_t at, std::int64_t rows,
                std::int64_t column, std::int64_t columns) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t line = at + row * product.columns;
    if (to.addend != nullptr && to.addend != to.y) {
      std::copy_n(to.addend + line, columns, to.y + line);
    }
    if (to.bias == nullptr) continue;
    if (to.addend == nullptr) {
      std::copy_n(to.bias + column, columns, to.y + line);
    } else {
      for (std::int64_t i = 0; i < columns; ++i) to.y[line + i] += to.bias[column + i];
    }
  }
  return to.addend != nullptr || to.bias != nullptr;
}

void multiply_tile(const Product& product, const Tiles& tiles, const Addresses& to,
                   std::int64_t index) {
  const std::int64_t column = index % tiles.column_count * tiles.columns;
  const std::int64_t row = index / tiles.column_count % tiles.row_count * tiles.rows;
  const auto p = static_cast<std::size_t>(index / tiles.column_count / tiles.row_count);
  const std::int64_t rows = std::min(tiles.rows, product.rows - row);
  const std::int64_t columns = std::min(tiles.columns, product.columns - column);
  const std::int64_t at =
      (static_cast<std::int64_t>(p) * product.rows + row) * product.columns + column;
  const bool adds = begin_tile(product, to, at, rows, column, columns);
  const dnnl_status_t status =
      dnnl_sgemm(product.a.letter(), product.b.letter(), rows, columns, product.inner, 1,
                 to.a + product.a_starts[p] + product.a.at(row, 0), product.a.columns,
                 to.b + product.b_starts[p] + product.b.at(0, column), product.b.columns,
                 adds ? 1.0F : 0.0F, to.y + at, product.columns);
  ROCKMATE_CHECK(status == dnnl_success);
}

bool is_fit(const KernelView& kernel) {
  for (const auto* types : {&kernel.inputs, &kernel.outputs}) {
    for (const TensorType& type : *types) {
      const bool is_plain = type.dtype == DType::kFloat32 &&
                            type.format == MemoryFormat::kRowMajor && element_count(type.shape) > 0;
      if (!is_plain) return false;
    }
  }
  return true;
}

// Operand number 2, if there is one, is the bias.
Prepared prepare(const KernelView& kernel, Product product, bool swapped = false) {
  const Tiles tiles(product);
  const bool has_bias = kernel.inputs.size() > 2;
  const std::int64_t count = product.products * tiles.row_count * tiles.column_count;
  return {[product = std::move(product), tiles, has_bias, swapped, count](const Run& run) {
    const OneThread one_thread;
    const Addresses to{run.in<float>(swapped ? 1 : 0), run.in<float>(swapped ? 0 : 1),
                       has_bias ? run.in<float>(2) : nullptr, run.addend<float>(),
                       run.out<float>()};
    parallel_for(run.threads(), count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) multiply_tile(product, tiles, to, i);
    });
  }};
}

std::optional<Prepared> make_linear(const KernelView& kernel, int) {
  if (!is_fit(kernel)) return std::nullopt;
  const Shape& x = kernel.shape();
  const Shape& y = kernel.out_shape();
  const bool transposed = kernel.attributes.flag("transpose_weight");
  return prepare(kernel, {1,
                          extent(x, 0, x.size() - 1),
                          x.back(),
                          y.back(),
                          {x.back(), false},
                          {transposed ? x.back() : y.back(), transposed},
                          {0},
                          {0}});
}

// dw = x^T dy, or dy^T x where the weight is [out, in].
std::optional<Prepared> make_weight_gradient(const KernelView& kernel, int) {
  if (!is_fit(kernel)) return std::nullopt;
  const Shape& dw = kernel.out_shape();
  const Shape& x = kernel.shape();
  return prepare(
      kernel,
      {1, dw[0], extent(x, 0, x.size() - 1), dw[1], {dw[0], true}, {dw[1], false}, {0}, {0}},
      kernel.attributes.flag("transpose_weight"));
}

// Where the matrix that takes part in each product begins.
std::vector<std::int64_t> starts(const Shape& operand, const Shape& y) {
  const std::size_t axes = y.size() - 2;
  const std::size_t missing = y.size() - operand.size();
  std::vector<std::int64_t> result(static_cast<std::size_t>(extent(y, 0, axes)));
  for (std::size_t p = 0; p < result.size(); ++p) {
    auto rest = static_cast<std::int64_t>(p);
    std::int64_t stride = extent(operand, operand.size() - 2, operand.size());
    for (std::size_t a = axes; a-- > missing; rest /= y[a]) {
      const std::int64_t own = operand[a - missing];
      if (own > 1) result[p] += rest % y[a] * stride;
      stride *= own;
    }
  }
  return result;
}

std::optional<Prepared> make_matmul(const KernelView& kernel, int) {
  if (!is_fit(kernel)) return std::nullopt;
  const Shape& a = kernel.shape(0);
  const Shape& b = kernel.shape(1);
  const Shape& y = kernel.out_shape();
  const bool ta = kernel.attributes.flag("transpose_a");
  const bool tb = kernel.attributes.flag("transpose_b");
  return prepare(kernel, {extent(y, 0, y.size() - 2),
                          y[y.size() - 2],
                          a[a.size() - (ta ? 2 : 1)],
                          y.back(),
                          {a.back(), ta},
                          {b.back(), tb},
                          starts(a, y),
                          starts(b, y)});
}

// The gradients of a 1 x 1 convolution on rows of pixels, which need no other format: by the image,
// and by weights so large that their tiles keep all threads busy.
std::optional<Prepared> make_pointwise(const KernelView& kernel, int) {
  const bool is_weight = kernel.kind == OpKind::kConvWeightGradient;
  const TensorType& image = is_weight ? kernel.inputs[0] : kernel.outputs[0];
  const TensorType& result = is_weight ? kernel.inputs[1] : kernel.inputs[0];
  const Shape& weight = is_weight ? kernel.outputs[0].shape : kernel.inputs[1].shape;
  const auto lies_well = [](const TensorType& type) {
    return type.shape.size() == 4 && type.format == MemoryFormat::kChannelsLast &&
           element_count(type.shape) > 0;
  };
  const auto are = [&](std::string_view name, std::int64_t value) {
    const auto& list = kernel.attributes.integers(name);
    return std::all_of(list.begin(), list.end(), [&](std::int64_t n) { return n == value; });
  };
  constexpr std::int64_t kLargeWeight = 1 << 17;
  const bool fits = is_float32(kernel) && lies_well(image) && lies_well(result) &&
                    extent(weight, 2, weight.size()) == 1 && are("strides", 1) && are("pads", 0) &&
                    kernel.attributes.integer("groups", 1) == 1 &&
                    (!is_weight || weight[0] * weight[1] >= kLargeWeight);
  if (!fits) return std::nullopt;
  const std::int64_t pixels = image.shape[0] * extent(image.shape, 2, 4);
  const std::int64_t in = weight[1];
  const std::int64_t out = weight[0];
  if (is_weight) {
    return prepare(kernel, {1, out, pixels, in, {out, true}, {in, false}, {0}, {0}}, true);
  }
  return prepare(kernel, {1, pixels, out, in, {out, false}, {in, false}, {0}, {0}});
}

}  // namespace

void add_onednn_products(Makers& makers) {
  using enum OpKind;
  add(makers, {kConvTranspose, kConvWeightGradient}, make_pointwise);
  add(makers, {kLinear}, make_linear);
  add(makers, {kLinearWeightGradient}, make_weight_gradient);
  add(makers, {kMatMul}, make_matmul);
}

}  // namespace rockmate::cpu
