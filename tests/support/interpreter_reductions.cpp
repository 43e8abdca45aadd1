// Reductions over axes, softmax among them.

#include <cmath>

#include "support/interpreter_kernels.h"

namespace rockmate::testing {

std::size_t reduced_offset(const Shape& shape, const Index& index,
                           const std::vector<std::int64_t>& axes) {
  Shape kept = shape;
  Index at = index;
  for (const std::int64_t axis : axes) {
    kept[static_cast<std::size_t>(axis)] = 1;
    at[static_cast<std::size_t>(axis)] = 0;
  }
  return offset(kept, at);
}

std::vector<double> log_sums(const Array& x, std::int64_t axis) {
  std::vector<double> sums(x.data.size() /
                           static_cast<std::size_t>(x.shape[static_cast<std::size_t>(axis)]));
  std::size_t e = 0;
  for_each_index(x.shape, [&](const Index& index) {
    sums[reduced_offset(x.shape, index, {axis})] += std::exp(x.data[e++]);
  });
  for (double& sum : sums) sum = std::log(sum);
  return sums;
}

namespace {

void run_reduce(Call& call) {
  const Array& x = call.in(0);
  Array& y = call.out();
  const auto& axes = call.attributes.integers("axes");
  const bool is_max = call.kind == OpKind::kReduceMax;
  const bool is_min = call.kind == OpKind::kReduceMin;
  if (is_max || is_min) {
    for (double& element : y.data) element = is_max ? -INFINITY : INFINITY;
  }
  std::size_t e = 0;
  for_each_index(x.shape, [&](const Index& index) {
    double& element = y.data[reduced_offset(x.shape, index, axes)];
    const double value = x.data[e++];
    element = is_max   ? std::max(element, value)
              : is_min ? std::min(element, value)
                       : element + value;
  });
  if (call.kind != OpKind::kReduceMean) return;
  const double share = static_cast<double>(y.data.size()) / static_cast<double>(x.data.size());
  for (double& element : y.data) element *= share;
}

void run_extremum_gradient(Call& call) {
  const Array& dy = call.in(0);
  const Array& x = call.in(1);
  const Array& y = call.in(2);
  const auto& axes = call.attributes.integers("axes");
  std::vector<double> equals(y.data.size());
  for (const bool counting : {true, false}) {
    std::size_t e = 0;
    for_each_index(x.shape, [&](const Index& index) {
      const std::size_t at = reduced_offset(x.shape, index, axes);
      if (x.data[e] == y.data[at]) {
        if (counting) {
          equals[at] += 1;
        } else {
          call.out().data[e] = dy.data[at] / equals[at];
        }
      }
      ++e;
    });
  }
}

void run_softmax(Call& call) {
  const std::int64_t axis = call.attributes.integer("axis");
  const Array& x = call.in(0);
  const auto sums = log_sums(x, axis);
  std::size_t e = 0;
  for_each_index(x.shape, [&](const Index& index) {
    const double y = x.data[e] - sums[reduced_offset(x.shape, index, {axis})];
    call.out().data[e++] = call.kind == OpKind::kSoftmax ? std::exp(y) : y;
  });
}

// softmax: y (dy - sum(dy y)); its logarithm: dy - exp(y) sum(dy)
void run_softmax_gradient(Call& call) {
  const std::int64_t axis = call.attributes.integer("axis");
  const bool is_log = call.kind == OpKind::kLogSoftmaxGradient;
  const Array& dy = call.in(0);
  const Array& y = call.in(1);
  std::vector<double> sums(y.data.size());
  std::size_t e = 0;
  for_each_index(y.shape, [&](const Index& index) {
    sums[reduced_offset(y.shape, index, {axis})] += dy.data[e] * (is_log ? 1 : y.data[e]);
    ++e;
  });
  e = 0;
  for_each_index(y.shape, [&](const Index& index) {
    const double sum = sums[reduced_offset(y.shape, index, {axis})];
    call.out().data[e] =
        is_log ? dy.data[e] - std::exp(y.data[e]) * sum : y.data[e] * (dy.data[e] - sum);
    ++e;
  });
}

}  // namespace

bool run_reductions(Call& call) {
  switch (call.kind) {
    case OpKind::kReduceSum:
    case OpKind::kReduceMean:
    case OpKind::kReduceMax:
    case OpKind::kReduceMin:
      return run_reduce(call), true;
    case OpKind::kReduceExtremumGradient:
      return run_extremum_gradient(call), true;
    case OpKind::kSoftmax:
    case OpKind::kLogSoftmax:
      return run_softmax(call), true;
    case OpKind::kSoftmaxGradient:
    case OpKind::kLogSoftmaxGradient:
      return run_softmax_gradient(call), true;
    default:
      return false;
  }
}

}  // namespace rockmate::testing
