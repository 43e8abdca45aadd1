// Wholes and their parts: concat and split, one copy for each part.

#include "exec/vector/space.h"

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
    const DType dtype = part.dtype;
    copy.arguments.wide =
        dtype == DType::kInt64 || (dtype != DType::kInt32 && is_wide(kernel, dtype));
    const Strides own = reference::row_major(part.shape);
    copy.arguments.space = make_space(kernel, part.shape,
                                      joins ? std::vector<Strides>{whole_strides, own}
                                            : std::vector<Strides>{own, whole_strides});
    copy.offset = start * whole_strides[axis] * (copy.arguments.wide ? 8 : 4);
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

}  // namespace

void add_part_kernels(Makers& makers) {
  add(makers, {OpKind::kConcat}, make_concat);
  add(makers, {OpKind::kSplit}, make_split);
}

}  // namespace rockmate::vector
