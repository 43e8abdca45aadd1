// Arithmetic with broadcasting, and what reads or writes with strides: transpose, expand, slice,
// pad, reshape.

#include <algorithm>

#include "exec/vector/elements.h"
#include "exec/vector/named_functions.h"

namespace rockmate::vector {
namespace {

using reference::broadcast_strides;
using reference::row_major;

ve::Elementwise whole_binary_of(OpKind kind) {
  switch (kind) {
    case OpKind::kAdd:
      return ve::Elementwise::kAdd;
    case OpKind::kSub:
      return ve::Elementwise::kSub;
    case OpKind::kMul:
      return ve::Elementwise::kMul;
    case OpKind::kDiv:
      return ve::Elementwise::kDiv;
    case OpKind::kMaximum:
      return ve::Elementwise::kMaximum;
    default:
      return ve::Elementwise::kMinimum;
  }
}

Prepared make_binary(const KernelView& kernel) {
  if (is_whole(kernel.dtype())) return elementwise(kernel, whole_binary_of(kernel.kind));
  const Shape& y = kernel.out_shape();
  ve::BinaryArguments a = {};
  a.function = binary_of(kernel.kind).value();
  a.wide = is_wide(kernel, kernel.dtype());
  a.space = make_space(
      kernel, y,
      {row_major(y), broadcast_strides(kernel.shape(0), y), broadcast_strides(kernel.shape(1), y)});
  return {[a](const Call& call) mutable {
    a.a = call.in(0);
    a.b = call.in(1);
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_binary, a, rows_of(a.space));
  }};
}

// y[i] = factor * x[origin + strided i], plus the addend.
Prepared strided_copy(const KernelView& kernel, Strides strides, long origin = 0,
                      double factor = 1) {
  const bool computes = kernel.adds || factor != 1;
  const long width = bytes_of(kernel, kernel.dtype());
  if (width == 1 || (computes && is_whole(kernel.dtype()))) {
    return element_copy(kernel, strides, origin, factor);
  }
  const Shape& y = kernel.out_shape();
  ve::CopyArguments a = {};
  a.factor = factor;
  a.computes = computes;
  a.width = width;
  std::vector<Strides> operands = {row_major(y), std::move(strides)};
  if (kernel.adds) operands.push_back(row_major(y));
  a.space = make_space(kernel, y, std::move(operands));
  const long bytes = origin * width;
  return {[a, bytes](const Call& call) mutable {
    a.x = static_cast<const std::byte*>(call.in()) + bytes;
    a.addend = call.addend();
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_copy, a, rows_of(a.space));
  }};
}

Prepared make_transpose(const KernelView& kernel) {
  const Strides x = row_major(kernel.shape());
  Strides strides;
  for (const std::int64_t axis : kernel.attributes.integers("permutation")) {
    strides.push_back(x[static_cast<std::size_t>(axis)]);
  }
  return strided_copy(kernel, std::move(strides));
}

Prepared make_expand(const KernelView& kernel) {
  return strided_copy(kernel, broadcast_strides(kernel.shape(), kernel.out_shape()), 0,
                      kernel.attributes.real("factor", 1));
}

Prepared make_slice(const KernelView& kernel) {
  const auto& starts = kernel.attributes.integers("starts");
  const auto& steps = kernel.attributes.integers("steps");
  Strides strides = row_major(kernel.shape());
  long origin = 0;
  for (std::size_t a = 0; a < strides.size(); ++a) {
    origin += starts[a] * strides[a];
    strides[a] *= steps[a];
  }
  return strided_copy(kernel, std::move(strides), origin);
}

// A view lies where its input lies; where it does not, it is a copy.
Prepared make_reshape(const KernelView& kernel) {
  auto copy = strided_copy(kernel, row_major(kernel.out_shape()));
  return {[body = std::move(copy.body)](const Call& call) {
    if (call.in() != call.out()) body(call);
  }};
}

// The value everywhere, and then the part of x that lies within.
Prepared make_pad(const KernelView& kernel) {
  const Shape& x = kernel.shape();
  const Shape& y = kernel.out_shape();
  const auto& before = kernel.attributes.integers("before");
  const Prepared fill = make_fill(kernel);
  Shape part;
  long from = 0;
  long to = 0;
  for (std::size_t a = 0; a < x.size(); ++a) {
    const long first = std::max<long>(0, -before[a]);
    const long last = std::min<long>(x[a], y[a] - before[a]);
    part.push_back(std::max<long>(0, last - first));
    from += first * row_major(x)[a];
    to += (first + before[a]) * row_major(y)[a];
  }
  ve::CopyArguments copy = {};
  copy.width = bytes_of(kernel, kernel.dtype());
  copy.space = make_space(kernel, part, {row_major(y), row_major(x)});
  return {[=](const Call& call) mutable {
    fill.body(call);
    copy.x = static_cast<const std::byte*>(call.in()) + from * copy.width;
    copy.y = static_cast<std::byte*>(call.out()) + to * copy.width;
    ROCKMATE_LAUNCH(call, ve_copy, copy, rows_of(copy.space));
  }};
}

}  // namespace

void add_strided_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kAdd, kSub, kMul, kDiv, kMaximum, kMinimum}, make_binary);
  add(makers, {kTranspose}, make_transpose);
  add(makers, {kExpand}, make_expand);
  add(makers, {kSlice}, make_slice);
  add(makers, {kReshape}, make_reshape);
  add(makers, {kPad}, make_pad);
}

}  // namespace rockmate::vector
