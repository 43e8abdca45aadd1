// Vectorized functions of spans: contiguous float32 elements, of any length, anywhere in memory.
// They run on one thread, allocate nothing, and an element's bits do not depend on where in a span
// it stands: so a tensor may be cut into spans at will. An output may lie exactly on an input.
#pragma once

#include <cstdint>
#include <optional>

#include "rockmate/graph.h"

namespace rockmate::cpu {

/// The numbers of an op, as the function of its kind understands them: slope, low and high, ...
struct Constants {
  float a = 0;
  float b = 0;
};

/// y[i] = f(x[i])
struct Unary {
  void (*function)(const float* x, float* y, std::int64_t n, Constants constants) = nullptr;
  Constants constants = {};
  void operator()(const float* x, float* y, std::int64_t n) const { function(x, y, n, constants); }
};
/// An element-wise op of one tensor, its first output; none: there is no such function.
[[nodiscard]] std::optional<Unary> find_unary(OpKind kind, const Attributes& attributes);

/// An operand of `rows` spans: row r begins at data + r * stride, and is one number that stands for
/// all columns where it `is_scalar`. A channel's number in a channels-last image: stride 0.
struct Operand {
  const float* data = nullptr;
  std::int64_t stride = 0;
  bool is_scalar = false;
};

/// y[r * columns + c] = f(a[r][c], b[r][c])
struct Binary {
  void (*function)(Operand a, Operand b, float* y, std::int64_t rows, std::int64_t columns,
                   Constants constants) = nullptr;
  Constants constants = {};
  void operator()(Operand a, Operand b, float* y, std::int64_t rows, std::int64_t columns) const {
    function(a, b, y, rows, columns, constants);
  }
  /// One row.
  void operator()(const float* a, const float* b, float* y, std::int64_t n) const {
    function({a}, {b}, y, 1, n, constants);
  }
};
/// Arithmetic on two tensors, or the gradient of an activation (dy, what was saved, unless that is
/// a mask of bits); none: there is no such function.
[[nodiscard]] std::optional<Binary> find_binary(OpKind kind, const Attributes& attributes);

/// Relu, clip, leaky relu: y, and bit i % 8 of mask[i / 8] says whether the gradient passes at i.
struct Masked {
  void (*function)(const float* x, float* y, std::uint8_t* mask, std::int64_t n,
                   Constants constants) = nullptr;
  Constants constants = {};
  void operator()(const float* x, float* y, std::uint8_t* mask, std::int64_t n) const {
    function(x, y, mask, n, constants);
  }
};
[[nodiscard]] std::optional<Masked> find_masked(OpKind kind, const Attributes& attributes);

/// dx[i] = dy[i] where bit i % 8 of mask[i / 8] is set, else rest * dy[i].
void apply_mask(const float* dy, const std::uint8_t* mask, float rest, float* dx, std::int64_t n);

/// y[i] = condition[i] != 0 ? a[i] : b[i]; each may be one element for all.
void select(const std::uint8_t* condition, bool is_one, Operand a, Operand b, float* y,
            std::int64_t n);

/// Which numbers dropout draws (exec/random.h).
struct DropoutStream {
  double rate = 0;
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  std::uint32_t step = 0;
  bool negates = false;
};
/// Of an op; without seed and step.
[[nodiscard]] DropoutStream dropout_stream(const Attributes& attributes);
/// y[i] = x[i] / (1 - rate) where element first + i of the stream passes, else 0. If it negates,
/// y[i] is x[i] or -x[i].
void dropout(const DropoutStream& stream, std::uint64_t first, const float* x, float* y,
             std::int64_t n);

/// y[i] = factor * x[i] where x[i] is not negative, else 0: what dropout leaves of signs.
void keep_positive(const float* x, float factor, float* y, std::int64_t n);

/// y[r][c] = scale[c] * x[r][c] + shift[c], in one rounding.
void scale_shift(const float* x, const float* scale, const float* shift, float* y,
                 std::int64_t rows, std::int64_t columns);

}  // namespace rockmate::cpu
