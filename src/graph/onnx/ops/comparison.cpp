// Comparisons, logic, and the choice by a condition.

#include "graph/onnx/ops/importers.h"

namespace rockmate::from_onnx {
namespace {

template <class T>
using Binary = T (*)(T, T);

template <template <class> class Compare, class T>
T compared(T a, T b) {
  return Compare<T>()(a, b) ? T{1} : T{0};
}

template <class T>
struct Either {
  bool operator()(T a, T b) const { return a != 0 || b != 0; }
};
template <class T>
struct Both {
  bool operator()(T a, T b) const { return a != 0 && b != 0; }
};
template <class T>
struct OneOf {
  bool operator()(T a, T b) const { return (a != 0) != (b != 0); }
};

template <template <class> class Compare>
bool fold(NodeCall& call) {
  if (!call.all_foldable()) return false;
  Folded result = fold_binary(*call.foldable(0), *call.foldable(1), DType::kBool,
                              compared<Compare, std::int64_t>, compared<Compare, double>);
  if (!result) return false;
  call.set(*std::move(result));
  return true;
}

template <template <class> class Compare, TensorId (GraphBuilder::*method)(TensorId, TensorId)>
void import_comparison(NodeCall& call) {
  if (fold<Compare>(call)) return;
  const TensorId a = call.tensor(0);
  const TensorId b = call.tensor(1);
  call.set((call.b().*method)(a, b));
}

// (a or b) and not (a and b)
void import_xor(NodeCall& call) {
  if (fold<OneOf>(call)) return;
  const TensorId a = call.tensor(0);
  const TensorId b = call.tensor(1);
  const TensorId either = call.b().logical_or(a, b);
  const TensorId both = call.b().logical_and(a, b);
  const TensorId not_both = call.b().logical_not(both);
  call.set(call.b().logical_and(either, not_both));
}

double flipped(double x) { return x == 0 ? 1 : 0; }

void import_not(NodeCall& call) {
  if (const Constant* x = call.foldable(0)) return call.set(*fold_unary(*x, flipped));
  const TensorId x = call.tensor(0);
  call.set(call.b().logical_not(x));
}

void import_where(NodeCall& call) {
  if (call.all_foldable()) {
    Folded result = fold_where(call.known(0, "the condition"), call.known(1, "the elements"),
                               call.known(2, "the elements"));
    if (result) return call.set(*std::move(result));
  }
  const TensorId condition = call.tensor(0);
  const TensorId a = call.tensor(1);
  const TensorId b = call.tensor(2);
  call.set(call.b().where(condition, a, b));
}

}  // namespace

void add_comparison_importers(Importers& importers) {
  importers["Equal"] = import_comparison<std::equal_to, &GraphBuilder::equal>;
  importers["Less"] = import_comparison<std::less, &GraphBuilder::less>;
  importers["LessOrEqual"] = import_comparison<std::less_equal, &GraphBuilder::less_or_equal>;
  importers["Greater"] = import_comparison<std::greater, &GraphBuilder::greater>;
  importers["GreaterOrEqual"] =
      import_comparison<std::greater_equal, &GraphBuilder::greater_or_equal>;
  importers["And"] = import_comparison<Both, &GraphBuilder::logical_and>;
  importers["Or"] = import_comparison<Either, &GraphBuilder::logical_or>;
  importers["Xor"] = import_xor;
  importers["Not"] = import_not;
  importers["Where"] = import_where;
}

}  // namespace rockmate::from_onnx
