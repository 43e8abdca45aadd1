#include "graph/onnx/fold.h"

#include <fmt/format.h>

#include <algorithm>

#include "rockmate/error.h"

namespace rockmate::from_onnx {
namespace {

bool too_large(const Shape& shape) { return element_count(shape) > kLargestFold; }

// Calls visit(place) for each element in row-major order, `place` being offset + index . strides.
template <class Visit>
void for_each_place(const Shape& shape, std::int64_t offset,
                    const std::vector<std::int64_t>& strides, Visit visit) {
  if (element_count(shape) == 0) return;
  Shape index(shape.size(), 0);
  std::int64_t place = offset;
  for (;;) {
    visit(place);
    std::size_t a = shape.size();
    while (a > 0 && ++index[a - 1] == shape[a - 1]) {
      place -= (shape[a - 1] - 1) * strides[a - 1];
      index[--a] = 0;
    }
    if (a == 0) return;
    place += strides[a - 1];
  }
}

// Strides that read `from` as if it were broadcast to `to`.
std::vector<std::int64_t> broadcast_strides(const Shape& from, const Shape& to) {
  const std::vector<std::int64_t> own = strides_of(from);
  std::vector<std::int64_t> strides(to.size(), 0);
  const std::size_t lead = to.size() - from.size();
  for (std::size_t a = 0; a < from.size(); ++a) strides[lead + a] = from[a] == 1 ? 0 : own[a];
  return strides;
}

}  // namespace

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  Shape result = a.size() >= b.size() ? a : b;
  const Shape& other = a.size() >= b.size() ? b : a;
  const std::size_t lead = result.size() - other.size();
  for (std::size_t i = 0; i < other.size(); ++i) {
    std::int64_t& extent = result[lead + i];
    if (extent == other[i] || other[i] == 1) continue;
    if (extent != 1) {
      throw InvalidInput(fmt::format(
          "the shapes {} and {} do not broadcast: expected each axis, from the last, to be equal "
          "or 1",
          to_string(a), to_string(b)));
    }
    extent = other[i];
  }
  return result;
}

std::vector<std::int64_t> strides_of(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t a = shape.size(); a-- > 1;) strides[a - 1] = strides[a] * shape[a];
  return strides;
}

Folded fold_strided(const Constant& x, const Shape& shape, std::int64_t offset,
                    const std::vector<std::int64_t>& strides) {
  if (x.is_uniform() && element_count(shape) > 0) {
    Constant result = Constant::zeros(x.dtype(), shape, 1);
    result.copy(0, x, 0);
    return result;
  }
  if (too_large(shape)) return std::nullopt;
  Constant result = Constant::zeros(x.dtype(), shape, element_count(shape));
  std::int64_t i = 0;
  for_each_place(shape, offset, strides, [&](std::int64_t place) { result.copy(i++, x, place); });
  return result;
}

Folded fold_expand(const Constant& x, const Shape& shape) {
  return fold_strided(x, shape, 0, broadcast_strides(x.shape(), shape));
}

Folded fold_cast(const Constant& x, DType dtype) {
  Constant result = Constant::zeros(dtype, x.shape(), x.stored());
  for (std::int64_t i = 0; i < x.stored(); ++i) result.copy(i, x, i);
  return result;
}

Folded fold_gather(const Constant& x, const Constant& indices, std::size_t axis) {
  const Shape& from = x.shape();
  const auto at = from.begin() + static_cast<std::ptrdiff_t>(axis);
  Shape shape(from.begin(), at);
  shape.insert(shape.end(), indices.shape().begin(), indices.shape().end());
  shape.insert(shape.end(), at + 1, from.end());
  if (too_large(shape)) return std::nullopt;
  Constant result = Constant::zeros(x.dtype(), shape, element_count(shape));
  const std::int64_t extent = from[axis];
  const std::int64_t outer = element_count(Shape(from.begin(), at));
  const std::int64_t inner = element_count(Shape(at + 1, from.end()));
  std::int64_t place = 0;
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t k = 0; k < indices.count(); ++k) {
      const std::int64_t index = indices.whole(k);
      if (index < -extent || index >= extent) {
        throw InvalidInput(
            fmt::format("index {} lies outside axis {} of {}", index, axis, to_string(from)));
      }
      const std::int64_t row = o * extent + (index < 0 ? index + extent : index);
      for (std::int64_t i = 0; i < inner; ++i) result.copy(place++, x, row * inner + i);
    }
  }
  return result;
}

Folded fold_concat(const std::vector<const Constant*>& parts, std::size_t axis) {
  Shape shape = parts.front()->shape();
  shape[axis] = 0;
  for (const Constant* part : parts) shape[axis] += part->shape()[axis];
  if (too_large(shape)) return std::nullopt;
  Constant result = Constant::zeros(parts.front()->dtype(), shape, element_count(shape));
  const std::vector<std::int64_t> strides = strides_of(shape);
  std::int64_t start = 0;
  for (const Constant* part : parts) {
    std::int64_t i = 0;
    for_each_place(part->shape(), start * strides[axis], strides,
                   [&](std::int64_t place) { result.copy(place, *part, i++); });
    start += part->shape()[axis];
  }
  return result;
}

Folded fold_where(const Constant& condition, const Constant& a, const Constant& b) {
  const Shape shape = broadcast_shapes(condition.shape(), broadcast_shapes(a.shape(), b.shape()));
  if (too_large(shape)) return std::nullopt;
  const Folded c = fold_expand(condition, shape);
  const Folded x = fold_expand(a, shape);
  const Folded y = fold_expand(b, shape);
  const bool uniform = c->is_uniform() && x->is_uniform() && y->is_uniform();
  Constant result = Constant::zeros(a.dtype(), shape, uniform ? 1 : element_count(shape));
  for (std::int64_t i = 0; i < result.stored(); ++i) {
    result.copy(i, c->whole(i) != 0 ? *x : *y, i);
  }
  return result;
}

Folded fold_unary(const Constant& x, RealFunction function) {
  Constant result = Constant::zeros(x.dtype(), x.shape(), x.stored());
  for (std::int64_t i = 0; i < x.stored(); ++i) result.set(i, function(x.real(i)));
  return result;
}

Folded fold_binary(const Constant& a, const Constant& b, DType dtype, WholeBinary whole,
                   RealBinary real) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape());
  if (!(a.is_uniform() && b.is_uniform()) && too_large(shape)) return std::nullopt;
  const Folded x = fold_expand(a, shape);
  const Folded y = fold_expand(b, shape);
  const bool uniform = x->is_uniform() && y->is_uniform();
  Constant result = Constant::zeros(dtype, shape, uniform ? 1 : element_count(shape));
  const bool takes_whole = whole != nullptr && a.is_whole() && b.is_whole();
  for (std::int64_t i = 0; i < result.stored(); ++i) {
    if (takes_whole) {
      result.set(i, whole(x->whole(i), y->whole(i)));
    } else {
      result.set(i, real(x->real(i), y->real(i)));
    }
  }
  return result;
}

Folded fold_reduce(const Constant& x, const std::vector<std::int64_t>& axes, bool keep,
                   RealBinary combine, bool mean) {
  if (too_large(x.shape()) || x.count() == 0) return std::nullopt;
  Shape kept = x.shape();
  for (const std::int64_t axis : axes) kept[static_cast<std::size_t>(axis)] = 1;
  Constant result = Constant::zeros(x.dtype(), kept, element_count(kept));
  std::vector<char> begun(static_cast<std::size_t>(result.stored()));
  std::int64_t i = 0;
  for_each_place(x.shape(), 0, broadcast_strides(kept, x.shape()), [&](std::int64_t place) {
    const double value = x.real(i++);
    char& seen = begun[static_cast<std::size_t>(place)];
    result.set(place, seen != 0 ? combine(result.real(place), value) : value);
    seen = 1;
  });
  if (mean) {
    const auto size = static_cast<double>(x.count() / std::max<std::int64_t>(result.stored(), 1));
    for (std::int64_t r = 0; r < result.stored(); ++r) result.set(r, result.real(r) / size);
  }
  if (keep) return result;
  Shape shape;
  for (std::size_t a = 0; a < kept.size(); ++a) {
    const auto axis = static_cast<std::int64_t>(a);
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) shape.push_back(kept[a]);
  }
  return result.reshaped(std::move(shape));
}

}  // namespace rockmate::from_onnx
