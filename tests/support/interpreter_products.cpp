// Matrix products, plainly.

#include "support/interpreter_kernels.h"

namespace rockmate::testing {
namespace {

void run_linear(Call& call) {
  const bool transposed = call.attributes.flag("transpose_weight");
  const Array& x = call.in(0);
  const Array& w = call.in(1);
  Array& y = call.out();
  const std::int64_t inner = x.shape.back();
  std::size_t e = 0;
  for_each_index(y.shape, [&](Index index) {
    const std::int64_t o = index.back();
    for (std::int64_t k = 0; k < inner; ++k) {
      index.back() = k;
      const Index at = transposed ? Index{o, k} : Index{k, o};
      y.data[e] += x.data[offset(x.shape, index)] * w.data[offset(w.shape, at)];
    }
    if (call.has(2)) y.data[e] += call.in(2).data[static_cast<std::size_t>(o)];
    ++e;
  });
}

void run_linear_weight_gradient(Call& call) {
  const bool transposed = call.attributes.flag("transpose_weight");
  const Array& x = call.in(0);
  const Array& dy = call.in(1);
  Array& dw = call.out();
  std::size_t e = 0;
  for_each_index(dy.shape, [&](Index index) {
    const std::int64_t o = index.back();
    for (std::int64_t k = 0; k < x.shape.back(); ++k) {
      index.back() = k;
      const Index at = transposed ? Index{o, k} : Index{k, o};
      dw.data[offset(dw.shape, at)] += x.data[offset(x.shape, index)] * dy.data[e];
    }
    ++e;
  });
}

void run_matmul(Call& call) {
  const bool ta = call.attributes.flag("transpose_a");
  const bool tb = call.attributes.flag("transpose_b");
  const Array& a = call.in(0);
  const std::int64_t inner = a.shape[a.shape.size() - (ta ? 2 : 1)];
  std::size_t e = 0;
  for_each_index(call.out().shape, [&](const Index& index) {
    const std::size_t rank = index.size();
    for (std::int64_t k = 0; k < inner; ++k) {
      Index at_a = index;
      at_a[rank - 1] = ta ? index[rank - 2] : k;
      at_a[rank - 2] = ta ? k : index[rank - 2];
      Index at_b = index;
      at_b[rank - 1] = tb ? k : index[rank - 1];
      at_b[rank - 2] = tb ? index[rank - 1] : k;
      call.out().data[e] += broadcast_at(a, at_a) * broadcast_at(call.in(1), at_b);
    }
    ++e;
  });
}

}  // namespace

bool run_products(Call& call) {
  switch (call.kind) {
    case OpKind::kLinear:
      return run_linear(call), true;
    case OpKind::kLinearWeightGradient:
      return run_linear_weight_gradient(call), true;
    case OpKind::kMatMul:
      return run_matmul(call), true;
    default:
      return false;
  }
}

}  // namespace rockmate::testing
