// Gather and its gradient: the table is `outer` times `rows` rows of `width` elements.

#include "exec/vector/checks.h"
#include "exec/vector/space.h"

namespace rockmate::vector {
namespace {

struct Plan {
  Plan(const KernelView& kernel, const Shape& table) : op(kernel.op) {
    const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
    arguments.wide = is_wide(kernel, kernel.dtype());
    arguments.wide_indices = kernel.dtype(1) == DType::kInt64;
    arguments.picks = element_count(kernel.shape(1));
    arguments.outer = extent(table, 0, axis);
    arguments.rows = table[axis];
    arguments.width = extent(table, axis + 1, table.size());
  }
  [[nodiscard]] ve::GatherArguments checked(const Call& call) const {
    ve::CheckArguments check = {};
    check.wide_indices = arguments.wide_indices;
    check.indices = call.in(1);
    check.count = arguments.picks;
    check.below = arguments.rows;
    static_cast<void>(check_indices(call, op, "index", check));
    ve::GatherArguments a = arguments;
    a.x = call.in(0);
    a.indices = call.in(1);
    a.y = call.out();
    return a;
  }
  std::string op;
  ve::GatherArguments arguments = {};
};

Prepared make_gather(const KernelView& kernel) {
  return {[plan = Plan(kernel, kernel.shape())](const Call& call) {
    const ve::GatherArguments a = plan.checked(call);
    ROCKMATE_LAUNCH(call, ve_gather, a, a.outer * a.picks);
  }};
}

// dtable = zeros or the addend, plus dy's rows in the order of the indices.
Prepared make_gather_gradient(const KernelView& kernel) {
  const Shape& table = kernel.out_shape();
  ve::FillArguments fill = {};
  fill.wide = is_wide(kernel, kernel.dtype());
  fill.count = element_count(table);
  ve::CopyArguments copy = {};
  copy.width = fill.wide ? 8 : 4;
  const Strides strides = reference::row_major(table);
  copy.space = make_space(kernel, table, {strides, strides});
  return {[plan = Plan(kernel, table), fill, copy](const Call& call) mutable {
    const ve::GatherArguments a = plan.checked(call);
    if (call.addend() == nullptr) {
      fill.y = a.y;
      ROCKMATE_LAUNCH(call, ve_fill, fill, ceil_div(fill.count, ve::kMapStretch));
    } else if (call.addend() != a.y) {
      copy.x = call.addend();
      copy.y = a.y;
      ROCKMATE_LAUNCH(call, ve_copy, copy, rows_of(copy.space));
    }
    ROCKMATE_LAUNCH(call, ve_gather_gradient, a, ceil_div(a.width, kVectorLength));
  }};
}

}  // namespace

void add_indexing_kernels(Makers& makers) {
  add(makers, {OpKind::kGather}, make_gather);
  add(makers, {OpKind::kGatherGradient}, make_gather_gradient);
}

}  // namespace rockmate::vector
