// How a reshape follows. In row-major order the batch is one digit of an element's number; `low` is
// the product of the extents behind it, `high` is low * batch.
//
//   input   [8, 196, 768]   the batch of 8 grew to 32; low = 196 * 768
//   target  [1568, 768]     1568 spans the digits from 768 to 1568 * 768: it holds the batch
//   result  [6272, 768]
//
// An axis of the input may hold the batch with another factor, which is mostly behind it (batch *
// heads), else before it (time * batch): both are tried. A batch of 1 is a digit without width and
// may lie on the border of two extents. Of all extents that can hold it, one that is the batch and
// nothing else wins, next a stated -1, next the innermost one that is not the last axis (the
// features, which no exporter multiplies by the batch).

#include "graph/onnx/batch.h"

#include <fmt/format.h>

namespace rockmate::from_onnx {
namespace {

// The shape of a value at the exported batch; null where there is no other batch to follow.
const Shape* exported_shape(const NodeCall& call, const std::string& name) {
  if (call.exported() == nullptr) return nullptr;
  const auto at = call.exported()->shapes.find(name);
  return at == call.exported()->shapes.end() ? nullptr : &at->second;
}

// Keeps the stated numbers for a second import, and tells in the second whether they are the same.
bool states_the_same(NodeCall& call, const std::vector<std::int64_t>& stated) {
  const std::string name = call.output_name(0);
  if (call.record() != nullptr) call.record()->targets[name] = stated;
  if (call.exported() == nullptr) return false;
  const auto at = call.exported()->targets.find(name);
  return at != call.exported()->targets.end() && at->second == stated;
}

std::int64_t inner_product(const Shape& shape, std::size_t axis) {
  std::int64_t product = 1;
  for (std::size_t a = axis + 1; a < shape.size(); ++a) product *= shape[a];
  return product;
}

struct Digit {
  std::int64_t low = 1, high = 1;
};

// Where the batch may lie within axis `axis` of `x`.
std::vector<Digit> batch_digits(const Shape& x, std::size_t axis, std::int64_t batch) {
  const std::int64_t inner = inner_product(x, axis);
  if (x[axis] % batch != 0) return {{inner, inner * x[axis]}};
  return {{inner * (x[axis] / batch), inner * x[axis]}, {inner, inner * batch}};
}

// The extent of `target` that holds the batch.
std::optional<std::size_t> holder(const std::vector<Digit>& digits, const Shape& target,
                                  const std::vector<std::int64_t>& stated) {
  std::vector<std::size_t> candidates;
  for (const Digit& digit : digits) {
    for (std::size_t t = 0; t < target.size(); ++t) {
      const std::int64_t inner = inner_product(target, t);
      if (inner == 0 || inner > digit.low || digit.low % inner != 0) continue;
      if (inner == digit.low && inner * target[t] == digit.high) return t;
      if (digit.high <= inner * target[t]) candidates.push_back(t);
    }
  }
  std::optional<std::size_t> best;
  for (const std::size_t t : candidates) {
    if (t < stated.size() && stated[t] == -1) return t;
    const bool is_last = t + 1 == target.size();
    if (!best || *best + 1 == target.size() || (!is_last && t > *best)) best = t;
  }
  return best;
}

}  // namespace

Shape reshape_target(NodeCall& call, const std::vector<std::int64_t>& stated, Shape target) {
  const bool same = states_the_same(call, stated);
  const Shape* x = exported_shape(call, call.input_name(0));
  const Shape* y = exported_shape(call, call.output_name(0));
  if (!same || x == nullptr || y == nullptr || *x == call.shape(0)) return target;
  const Shape now = call.shape(0);
  Shape result = *y;
  for (std::size_t a = 0; a < now.size() && now.size() == x->size(); ++a) {
    if (now[a] == (*x)[a] || (*x)[a] == 0) continue;
    const auto place = holder(batch_digits(*x, a, call.exported()->batch), *y, stated);
    if (!place || result[*place] * now[a] % (*x)[a] != 0) {
      NodeCall::reject(fmt::format(
          "{} was exported as {} and reshaped to {}, where nothing can grow with the batch; export "
          "with a dynamic batch axis",
          to_string(now), to_string(*x), to_string(*y)));
    }
    result[*place] = result[*place] * now[a] / (*x)[a];
  }
  return element_count(result) == element_count(now) ? result : target;
}

Shape expand_target(NodeCall& call, const std::vector<std::int64_t>& stated, Shape target) {
  const bool same = states_the_same(call, stated);
  const Shape* x = exported_shape(call, call.input_name(0));
  if (!same || x == nullptr) return target;
  const Shape& now = call.shape(0);
  const std::size_t lead = target.size() < now.size() ? 0 : target.size() - now.size();
  if (x->size() != now.size()) return target;
  bool grew = false;
  for (std::size_t a = 0; a < now.size(); ++a) {
    if (now[a] == (*x)[a]) continue;
    grew = true;
    if (lead + a < target.size() && target[lead + a] == (*x)[a]) target[lead + a] = now[a];
  }
  // What is the same for all samples (a class token) is expanded to the batch, first axis first.
  const std::int64_t batch = call.exported()->batch;
  const bool is_batch = !target.empty() && batch > 1 && target.front() == batch;
  if (!grew && is_batch && (lead > 0 || now.front() == 1)) {
    target.front() = call.exported()->new_batch;
  }
  return target;
}

Constant follow_constant(NodeCall& call, Constant constant) {
  const bool same = states_the_same(call, constant.shape());
  const Shape& shape = constant.shape();
  if (!same || shape.size() < 2 || call.exported()->batch == 1 ||
      shape.front() != call.exported()->batch) {
    return constant;
  }
  for (std::int64_t i = 1; i < constant.stored(); ++i) {
    if (constant.real(i) != constant.real(0)) return constant;
  }
  Shape followed = shape;
  followed.front() = call.exported()->new_batch;
  check_shape(followed);
  if (constant.stored() == 0) return constant;
  Constant result = Constant::zeros(constant.dtype(), followed, 1);
  result.copy(0, constant, 0);
  return result;
}

std::vector<TensorId> concat_parts(NodeCall& call, std::vector<TensorId> parts, std::size_t axis) {
  if (call.exported() == nullptr || axis == 0) return parts;
  std::int64_t batch = 1;
  const auto extent = [&](TensorId part) {
    const Shape& shape = call.values().builder().shape(part);
    return shape.empty() ? 1 : shape.front();
  };
  for (const TensorId part : parts) batch = std::max(batch, extent(part));
  for (TensorId& part : parts) {
    if (extent(part) != 1 || batch == 1) continue;
    Shape shape = call.values().builder().shape(part);
    if (shape.empty()) continue;
    shape.front() = batch;
    part = call.b().expand(part, shape);
  }
  return parts;
}

}  // namespace rockmate::from_onnx
