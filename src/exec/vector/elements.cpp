#include "exec/vector/elements.h"

#include "exec/reference/convert.h"

namespace rockmate::vector {
namespace {

using reference::broadcast_strides;
using reference::row_major;
using ve::Elementwise;

// The operands of the result, where they move by these strides.
void put_operands(const KernelView& kernel, const std::vector<Strides>& operands,
                  ve::ElementsArguments& a) {
  const Shape& y = kernel.out_shape();
  const std::vector<MergedAxis> axes = merged_axes(y, operands);
  if (axes.size() > ve::kMostAxes) kernel.reject("more axes than the vector engine's kernels take");
  a.rank = static_cast<int>(axes.size());
  for (std::size_t o = 0; o < operands.size(); ++o) {
    a.is_even[o] = true;
    long even = element_count(y);
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      a.extents[axis] = axes[axis].extent;
      a.strides[o][axis] = axes[axis].strides[o];
      even /= axes[axis].extent;
      if (axes[axis].extent > 1 && axes[axis].strides[o] != even) a.is_even[o] = false;
    }
  }
}

ve::ElementsArguments arguments_of(const KernelView& kernel, Elementwise function) {
  ve::ElementsArguments a = {};
  a.function = function;
  a.result = element_of(kernel, kernel.outputs[0].dtype);
  a.count = element_count(kernel.out_shape());
  for (std::size_t o = 0; o < kernel.inputs.size(); ++o) {
    a.types[o] = element_of(kernel, kernel.dtype(o));
  }
  return a;
}

Prepared launched(const ve::ElementsArguments& arguments, std::size_t operands,
                  long origin_bytes = 0) {
  return {[a = arguments, operands, origin_bytes](const Call& call) mutable {
    for (std::size_t o = 0; o < operands; ++o) a.operands[o] = call.in(o);
    if (origin_bytes != 0) {
      a.operands[0] = static_cast<const std::byte*>(a.operands[0]) + origin_bytes;
    }
    if (call.addend() != nullptr) a.operands[operands] = call.addend();
    a.y = call.out();
    ROCKMATE_LAUNCH(call, ve_elements, a, ceil_div(a.count, ve::kMapStretch));
  }};
}

long whole_value(DType dtype, double value) {
  using reference::convert;
  if (dtype == DType::kInt64) return convert<std::int64_t>(value);
  return dtype == DType::kInt32 ? convert<std::int32_t>(value) : convert<std::uint8_t>(value);
}

Elementwise function_of(const KernelView& kernel) {
  switch (kernel.kind) {
    case OpKind::kEqual:
      return Elementwise::kEqual;
    case OpKind::kLess:
      return Elementwise::kLess;
    case OpKind::kLessOrEqual:
      return Elementwise::kLessOrEqual;
    case OpKind::kGreater:
      return Elementwise::kGreater;
    case OpKind::kGreaterOrEqual:
      return Elementwise::kGreaterOrEqual;
    case OpKind::kNot:
      return Elementwise::kNot;
    case OpKind::kAnd:
      return Elementwise::kAnd;
    case OpKind::kOr:
      return Elementwise::kOr;
    case OpKind::kWhere:
      return Elementwise::kWhere;
    case OpKind::kCast:
      return kernel.outputs[0].dtype == DType::kBool ? Elementwise::kTruth : Elementwise::kCast;
    default:
      return Elementwise::kTrilu;
  }
}

Prepared make_elements(const KernelView& kernel) {
  return elementwise(kernel, function_of(kernel));
}

}  // namespace

ve::Element element_of(const KernelView& kernel, DType dtype) {
  switch (dtype) {
    case DType::kInt32:
      return ve::Element::kInt32;
    case DType::kInt64:
      return ve::Element::kInt64;
    case DType::kUInt8:
    case DType::kBool:
      return ve::Element::kByte;
    default:
      return is_wide(kernel, dtype) ? ve::Element::kFloat64 : ve::Element::kFloat32;
  }
}

long bytes_of(const KernelView& kernel, DType dtype) {
  switch (element_of(kernel, dtype)) {
    case ve::Element::kByte:
      return 1;
    case ve::Element::kFloat64:
    case ve::Element::kInt64:
      return 8;
    default:
      return 4;
  }
}

Prepared elementwise(const KernelView& kernel, Elementwise function) {
  ve::ElementsArguments a = arguments_of(kernel, function);
  std::vector<Strides> operands;
  for (const TensorType& input : kernel.inputs) {
    operands.push_back(broadcast_strides(input.shape, kernel.out_shape()));
  }
  put_operands(kernel, operands, a);
  if (function == Elementwise::kScale) {
    a.factor = kernel.attributes.real("factor");
    a.offset = kernel.attributes.real("offset");
  }
  if (function == Elementwise::kTrilu) {
    const Shape& shape = kernel.shape();
    a.upper = kernel.attributes.flag("upper");
    a.diagonal = kernel.attributes.integer("diagonal");
    a.width = shape.back();
    a.height = shape[shape.size() - 2];
  }
  return launched(a, kernel.inputs.size());
}

Prepared element_copy(const KernelView& kernel, const Strides& strides, long origin,
                      double factor) {
  const bool scales = factor != 1;
  ve::ElementsArguments a = arguments_of(kernel, Elementwise::kCast);
  std::vector<Strides> operands = {strides};
  if (scales) a.function = Elementwise::kScale;
  a.factor = factor;
  if (kernel.adds) {
    if (scales) kernel.reject("the vector engine has no kernel that scales whole numbers and adds");
    a.function = Elementwise::kAdd;
    a.types[1] = a.types[0];
    operands.push_back(row_major(kernel.out_shape()));
  }
  put_operands(kernel, operands, a);
  return launched(a, 1, origin * bytes_of(kernel, kernel.dtype()));
}

Prepared element_fill(const KernelView& kernel) {
  ve::ElementsArguments a = {};
  a.function = Elementwise::kFill;
  a.result = element_of(kernel, kernel.outputs[0].dtype);
  a.count = element_count(kernel.out_shape());
  a.value = whole_value(kernel.outputs[0].dtype, kernel.attributes.real("value"));
  return launched(a, 0);
}

void add_element_kernels(Makers& makers) {
  using enum OpKind;
  add(makers,
      {kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kNot, kAnd, kOr, kWhere, kCast,
       kTrilu},
      make_elements);
}

}  // namespace rockmate::vector
