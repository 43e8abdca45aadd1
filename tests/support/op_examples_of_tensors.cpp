#include "support/op_example_parts.h"

namespace rockmate::testing {
namespace {

Add binary(Op2 op, const Shape& a, const Shape& c) {
  return [=](GraphBuilder& b) -> Ids {
    return {(b.*op)(param(b, "a", a, 0.5, 2), param(b, "c", c, 0.6, 2.1))};
  };
}

// A comparison decides which of two tensors passes.
Add comparison(Op2 op) {
  return [=](GraphBuilder& b) -> Ids {
    const TensorId a = param(b, "a", {3, 4});
    const TensorId c = param(b, "c", {4});
    return {b.where((b.*op)(a, c), a, c)};
  };
}

Add logic(Op2 op) {
  return [=](GraphBuilder& b) -> Ids {
    const TensorId a = param(b, "a", {3, 4});
    const TensorId zero = b.scalar(0);
    const TensorId one = b.scalar(1);
    return {b.where((b.*op)(b.less(a, zero), b.less(a, one)), a, b.mul(a, a))};
  };
}

Add reduction(TensorId (GraphBuilder::*op)(TensorId, const std::vector<std::int64_t>&, bool),
              std::vector<std::int64_t> axes, bool keep) {
  return [=](GraphBuilder& b) -> Ids { return {(b.*op)(param(b, "x", {2, 3, 4}), axes, keep)}; };
}

void add_movements(std::vector<OpExample>& list) {
  using enum OpKind;
  using B = GraphBuilder;
  const auto with = [](auto method) {
    return [method](B& b) -> Ids { return {method(b, param(b, "x", {2, 3, 4}))}; };
  };
  list.push_back({"embedding", kGather, [](B& b) -> Ids {
                    const TensorId rows = whole(b, "rows", {2, 3}, {0, 2, 2, 1, 4, 0});
                    return {b.gather(param(b, "table", {5, 2}), rows)};
                  }});
  list.push_back({"inner_axis", kGather, [](B& b) -> Ids {
                    return {b.gather(param(b, "x", {2, 3, 2}), whole(b, "i", {2}, {2, 0}), 1)};
                  }});
  list.push_back({"tied_embedding", kGather, [](B& b) -> Ids {
                    const TensorId rows = whole(b, "rows", {3}, {0, 2, 2});
                    const TensorId table = param(b, "table", {5, 2});
                    return {b.linear(b.gather(table, rows), table, std::nullopt)};
                  }});
  list.push_back({"", kConcat, [](B& b) -> Ids {
                    const TensorId x = param(b, "x", {2, 1, 2});
                    return {b.concat({x, param(b, "z", {2, 3, 2}), x}, 1)};
                  }});
  list.push_back({"", kSplit, [](B& b) -> Ids {
                    const auto parts = b.split(param(b, "x", {2, 6}), {1, 2, 3}, -1);
                    return {parts[0], parts[2]};  // one part has no gradient
                  }});
  list.push_back({"chunks", kSplit, [](B& b) -> Ids {
                    return b.chunk(param(b, "x", {4, 2}), 2, 0);
                  }});
  list.push_back({"steps", kSlice, with([](B& b, TensorId x) { return b.slice(x, -1, 1, 4, 2); })});
  list.push_back({"three_parts", kSlice, with([](B& b, TensorId x) {
                    const TensorId y = b.add(b.slice(x, 1, 0, 1), b.slice(x, 1, -1, 99));
                    return b.mul(y, b.slice(x, 1, 1, 2));
                  })});
  list.push_back({"view", kReshape, with([](B& b, TensorId x) {
                    return b.flatten(b.unsqueeze(b.mul(x, x), 0), 1);
                  })});
  list.push_back({"view_of_parameter", kReshape, with([](B& b, TensorId x) {
                    const TensorId view = b.reshape(x, {6, -1});
                    return b.squeeze(b.unsqueeze(b.mul(view, view), 1), 1);
                  })});
  list.push_back({"", kTranspose, with([](B& b, TensorId x) {
                    return b.transpose(x, {2, 0, 1});
                  })});
  list.push_back({"pad_and_crop", kPad, with([](B& b, TensorId x) {
                    return b.pad(x, {0, 1, -1}, {1, 2, 0}, 0.5);
                  })});
  list.push_back({"", kExpand, [](B& b) -> Ids {
                    return {b.expand(param(b, "x", {3, 1}), {2, 3, 4})};
                  }});
  list.push_back({"there_and_back", kCast, with([](B& b, TensorId x) {
                    return b.cast(b.exp(b.cast(x, DType::kFloat64)), DType::kFloat32);
                  })});
  list.push_back({"upper", kTrilu, with([](B& b, TensorId x) { return b.trilu(x, true, 1); })});
  list.push_back({"lower", kTrilu, with([](B& b, TensorId x) { return b.trilu(x, false); })});
}

void add_arithmetic(std::vector<OpExample>& list) {
  using enum OpKind;
  using B = GraphBuilder;
  struct Entry {
    OpKind kind;
    Op2 op;
  };
  for (const auto& [kind, op] :
       {Entry{kAdd, &B::add}, Entry{kSub, &B::sub}, Entry{kMul, &B::mul}, Entry{kDiv, &B::div},
        Entry{kMaximum, &B::maximum}, Entry{kMinimum, &B::minimum}}) {
    list.push_back({"same", kind, binary(op, {2, 3}, {2, 3})});
    list.push_back({"leading", kind, binary(op, {2, 3}, {3})});
    list.push_back({"inner", kind, binary(op, {3, 1, 2}, {4, 3, 2, 1})});
    list.push_back({"scalar", kind, binary(op, {}, {2, 2})});
  }
  list.push_back({"itself", kAdd, [](B& b) -> Ids {
                    const TensorId x = b.tanh(param(b, "x", {2, 2}));
                    return {b.add(x, x)};
                  }});
  list.push_back({"itself", kMul, [](B& b) -> Ids {
                    const TensorId x = b.tanh(param(b, "x", {2, 2}));
                    return {b.mul(x, x)};
                  }});
  list.push_back({"broadcast", kWhere, [](B& b) -> Ids {
                    const TensorId c = b.constant("c", {DType::kBool, {3, 1}}, {1, 0, 1});
                    return {b.where(c, param(b, "a", {2, 1, 4}), param(b, "z", {4}))};
                  }});
  list.push_back({"", kEqual, [](B& b) -> Ids {
                    const TensorId a = param(b, "a", {3, 4});
                    return {b.where(b.equal(a, b.abs(a)), a, b.mul(a, a))};
                  }});
  list.push_back({"", kLess, comparison(&B::less)});
  list.push_back({"", kLessOrEqual, comparison(&B::less_or_equal)});
  list.push_back({"", kGreater, comparison(&B::greater)});
  list.push_back({"", kGreaterOrEqual, comparison(&B::greater_or_equal)});
  list.push_back({"", kAnd, logic(&B::logical_and)});
  list.push_back({"", kOr, logic(&B::logical_or)});
  list.push_back({"", kNot, [](B& b) -> Ids {
                    const TensorId a = param(b, "a", {3, 4});
                    return {b.where(b.logical_not(b.less(a, b.scalar(0))), a, b.mul(a, a))};
                  }});
  list.push_back(
      {"", kScale, [](B& b) -> Ids { return {b.scale(param(b, "x", {4}), -1.5, 0.3)}; }});
  list.push_back({"", kExp, unary(&B::exp)});
  list.push_back({"", kLog, unary(&B::log, 0.5, 3)});
  list.push_back({"", kSqrt, unary(&B::sqrt, 0.5, 3)});
  list.push_back({"cube", kPow, [](B& b) -> Ids { return {b.pow(param(b, "x", {5}), 3)}; }});
  list.push_back(
      {"root", kPow, [](B& b) -> Ids { return {b.pow(param(b, "x", {5}, 0.5, 3), -0.5)}; }});
  list.push_back({"", kErf, unary(&B::erf)});
  list.push_back({"", kAbs, unary(&B::abs)});
  list.push_back({"", kSin, unary(&B::sin)});
  list.push_back({"", kCos, unary(&B::cos)});
}

void add_reductions(std::vector<OpExample>& list) {
  using enum OpKind;
  using B = GraphBuilder;
  list.push_back({"all", kReduceSum, reduction(&B::reduce_sum, {}, false)});
  list.push_back({"inner", kReduceSum, reduction(&B::reduce_sum, {1}, false)});
  list.push_back({"outer_kept", kReduceMean, reduction(&B::reduce_mean, {0, 2}, true)});
  list.push_back({"last", kReduceMean, reduction(&B::reduce_mean, {-1}, false)});
  list.push_back({"inner", kReduceMax, reduction(&B::reduce_max, {1}, false)});
  list.push_back({"kept", kReduceMin, reduction(&B::reduce_min, {0, 2}, true)});
  list.push_back({"ties", kReduceMax, [](B& b) -> Ids {
                    // Equal elements that move together: the derivative exists.
                    const TensorId x = param(b, "x", {2, 1});
                    return {b.reduce_max(b.expand(x, {2, 3}), {1})};
                  }});
  list.push_back({"global_average", kReduceMean, [](B& b) -> Ids {
                    return {b.global_average_pool(param(b, "x", {2, 3, 2, 2}))};
                  }});
}

}  // namespace

void add_tensor_examples(std::vector<OpExample>& list) {
  add_movements(list);
  add_arithmetic(list);
  add_reductions(list);
}

}  // namespace rockmate::testing
