// How a reshape follows. In row-major order the batch is one digit of an element's number. It lies
// between the digits of the axes before it (more significant) and behind it; `inner` is the product
// of the latter.
//
//   input   [8, 196, 768]   axis 0 grew from 8 to 32, inner = 196 * 768
//   target  [1568, 768]     1568 spans the digits from 768 to 1568 * 768: it holds the batch
//   result  [6272, 768]
//
// A batch of 1 is a digit without width and may lie on the border of two extents. Then a stated -1
// wins, next an extent of 1 that lies exactly there, and next the inner one of the two, unless it
// is the last axis (the features, which no exporter multiplies by the batch).

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

// The place in `target` of the digits of axis `axis` of `x`.
std::optional<std::size_t> holder(const Shape& x, std::size_t axis, const Shape& target,
                                  const std::vector<std::int64_t>& stated) {
  const std::int64_t low = inner_product(x, axis);
  const std::int64_t high = low * x[axis];
  std::vector<std::size_t> candidates;
  for (std::size_t t = 0; t < target.size(); ++t) {
    const std::int64_t inner = inner_product(target, t);
    if (inner <= low && low % inner == 0 && high <= inner * target[t]) candidates.push_back(t);
  }
  if (candidates.empty()) return std::nullopt;
  for (const std::size_t t : candidates) {
    if (t < stated.size() && stated[t] == -1) return t;
  }
  for (const std::size_t t : candidates) {
    if (target[t] == x[axis] && inner_product(target, t) == low) return t;
  }
  while (candidates.size() > 1 && candidates.back() + 1 == target.size()) candidates.pop_back();
  return candidates.back();
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
    const auto place = holder(*x, a, *y, stated);
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
