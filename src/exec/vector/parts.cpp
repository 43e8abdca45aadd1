// Wholes and their parts: concat and split, one copy for each part, and the gradient of slice.

#include "exec/vector/elements.h"

namespace rockmate::vector {
namespace {

// For each part, the copy between it and its place in the whole.
struct PartCopy {
  ve::CopyArguments arguments;
  long offset;  // in the whole, in bytes
};
std::vector<PartCopy> part_copies(const KernelView& kernel, const Shape& whole,
                                  const std::vector<TensorType>& parts, bool joins) {
  const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
  const Strides whole_strides = reference::row_major(whole);
  std::vector<PartCopy> copies;
  long start = 0;
  for (const TensorType& part : parts) {
    PartCopy copy = {};
    copy.arguments.width = bytes_of(kernel, part.dtype);
    const Strides own = reference::row_major(part.shape);
    copy.arguments.space = make_space(kernel, part.shape,
                                      joins ? std::vector<Strides>{whole_strides, own}
                                            : std::vector<Strides>{own, whole_strides});
    copy.offset = start * whole_strides[axis] * copy.arguments.width;
    start += part.shape[axis];
    copies.push_back(copy);
  }
  return copies;
}

Prepared make_concat(const KernelView& kernel) {
  return {
      [copies = part_copies(kernel, kernel.out_shape(), kernel.inputs, true)](const Call& call) {
        for (std::size_t p = 0; p < copies.size(); ++p) {
          ve::CopyArguments a = copies[p].arguments;
          a.x = call.in(p);
          a.y = static_cast<std::byte*>(call.out()) + copies[p].offset;
          ROCKMATE_LAUNCH(call, ve_copy, a, rows_of(a.space));
        }
      }};
}

Prepared make_split(const KernelView& kernel) {
  return {[copies = part_copies(kernel, kernel.shape(), kernel.outputs, false)](const Call& call) {
    for (std::size_t p = 0; p < copies.size(); ++p) {
      ve::CopyArguments a = copies[p].arguments;
      a.x = static_cast<const std::byte*>(call.in()) + copies[p].offset;
      a.y = call.out(p);
      if (a.y != nullptr) ROCKMATE_LAUNCH(call, ve_copy, a, rows_of(a.space));
    }
  }};
}

// dx = zeros or the addend, plus dy where the slice read.
Prepared make_slice_gradient(const KernelView& kernel) {
  const Shape& x = kernel.out_shape();
  const Shape& y = kernel.shape();
  const auto& starts = kernel.attributes.integers("starts");
  const auto& steps = kernel.attributes.integers("steps");
  Strides strides = reference::row_major(x);
  long origin = 0;
  for (std::size_t a = 0; a < starts.size(); ++a) {
    origin += starts[a] * strides[a];
    strides[a] *= steps[a];
  }
  ve::CopyArguments begin = {};
  begin.width = bytes_of(kernel, kernel.dtype());
  begin.space = make_space(kernel, x, {reference::row_major(x), reference::row_major(x)});
  ve::FillArguments fill = {};
  fill.wide = is_wide(kernel, kernel.dtype());
  fill.count = element_count(x);
  ve::CopyArguments put = {};
  put.width = begin.width;
  put.computes = true;
  put.factor = 1;
  put.space = make_space(kernel, y, {strides, reference::row_major(y), strides});
  const long bytes = origin * begin.width;
  return {[=](const Call& call) mutable {
    if (call.addend() == nullptr) {
      fill.y = call.out();
      ROCKMATE_LAUNCH(call, ve_fill, fill, ceil_div(fill.count, ve::kMapStretch));
    } else if (call.addend() != call.out()) {
      begin.x = call.addend();
      begin.y = call.out();
      ROCKMATE_LAUNCH(call, ve_copy, begin, rows_of(begin.space));
    }
    put.x = call.in();
    put.y = static_cast<std::byte*>(call.out()) + bytes;
    put.addend = put.y;
    ROCKMATE_LAUNCH(call, ve_copy, put, rows_of(put.space));
  }};
}

}  // namespace

void add_part_kernels(Makers& makers) {
  add(makers, {OpKind::kConcat}, make_concat);
  add(makers, {OpKind::kSplit}, make_split);
  add(makers, {OpKind::kSliceGradient}, make_slice_gradient);
}

}  // namespace rockmate::vector
