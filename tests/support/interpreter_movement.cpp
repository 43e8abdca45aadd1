// Kernels that move elements.

#include <algorithm>
#include <numeric>

#include "support/interpreter_kernels.h"

namespace rockmate::testing {
namespace {

std::size_t axis_of(const Call& call) {
  return static_cast<std::size_t>(call.attributes.integer("axis"));
}

// Moves between a whole and one of its parts, which begins at `start` along `axis`.
void copy_part(Array& whole, Array& part, std::size_t axis, std::int64_t start, bool to_whole) {
  std::size_t e = 0;
  for_each_index(part.shape, [&](Index index) {
    index[axis] += start;
    double& element = whole.data[offset(whole.shape, index)];
    (to_whole ? element : part.data[e]) = to_whole ? part.data[e] : element;
    ++e;
  });
}

void run_concat(Call& call) {
  std::int64_t start = 0;
  for (Array* part : call.inputs) {
    copy_part(call.out(), *part, axis_of(call), start, true);
    start += part->shape[axis_of(call)];
  }
}

void run_split(Call& call) {
  std::int64_t start = 0;
  for (Array& part : call.outputs) {
    copy_part(*call.inputs[0], part, axis_of(call), start, false);
    start += part.shape[axis_of(call)];
  }
}

// slice reads places that its gradient writes.
void run_slice(Call& call) {
  const bool is_gradient = call.kind == OpKind::kSliceGradient;
  const Array& from = call.in(0);
  Array& to = call.out();
  const auto& starts = call.attributes.integers("starts");
  const auto& steps = call.attributes.integers("steps");
  std::size_t e = 0;
  for_each_index(is_gradient ? from.shape : to.shape, [&](Index index) {
    for (std::size_t a = 0; a < index.size(); ++a) index[a] = starts[a] + index[a] * steps[a];
    if (is_gradient) {
      to.data[offset(to.shape, index)] += from.data[e++];
    } else {
      to.data[e++] = from.data[offset(from.shape, index)];
    }
  });
}

void transpose(Call& call, const std::vector<std::int64_t>& permutation) {
  std::size_t e = 0;
  for_each_index(call.out().shape, [&](const Index& index) {
    Index from(index.size());
    for (std::size_t a = 0; a < index.size(); ++a) {
      from[static_cast<std::size_t>(permutation[a])] = index[a];
    }
    call.out().data[e++] = call.in(0).data[offset(call.in(0).shape, from)];
  });
}

// Arrays are row-major whatever the format: what is a view in memory is a transposition here.
void run_reinterpret(Call& call) {
  std::vector<std::int64_t> permutation(call.out().shape.size());
  std::iota(permutation.begin(), permutation.end(), 0);
  if (call.input_types[0].format == MemoryFormat::kChannelsLast) {
    std::rotate(permutation.begin() + 1, permutation.begin() + 2, permutation.end());
  } else {
    std::rotate(permutation.begin() + 1, permutation.end() - 1, permutation.end());
  }
  transpose(call, permutation);
}

void run_pad(Call& call) {
  const auto& before = call.attributes.integers("before");
  const Array& x = call.in(0);
  std::size_t e = 0;
  for_each_index(call.out().shape, [&](Index index) {
    bool inside = true;
    for (std::size_t a = 0; a < index.size(); ++a) {
      index[a] -= before[a];
      inside = inside && index[a] >= 0 && index[a] < x.shape[a];
    }
    call.out().data[e++] = inside ? x.data[offset(x.shape, index)] : call.attributes.real("value");
  });
}

void run_expand(Call& call) {
  std::size_t e = 0;
  for_each_index(call.out().shape, [&](const Index& index) {
    call.out().data[e++] = broadcast_at(call.in(0), index) * call.attributes.real("factor", 1);
  });
}

void run_trilu(Call& call) {
  const bool upper = call.attributes.flag("upper");
  const std::int64_t diagonal = call.attributes.integer("diagonal");
  std::size_t e = 0;
  for_each_index(call.out().shape, [&](const Index& index) {
    const std::int64_t right = index.back() - index[index.size() - 2];
    const bool keeps = upper ? right >= diagonal : right <= diagonal;
    call.out().data[e] = keeps ? call.in(0).data[e] : 0;
    ++e;
  });
}

// The place in the table of an element of the gathered tensor.
std::size_t table_place(const Shape& table, const Array& indices, std::size_t axis,
                        const Index& index) {
  const auto lead = index.begin() + static_cast<std::ptrdiff_t>(axis);
  const auto rest = lead + static_cast<std::ptrdiff_t>(indices.shape.size());
  Index place(index.begin(), lead);
  place.push_back(
      static_cast<std::int64_t>(indices.data[offset(indices.shape, Index(lead, rest))]));
  place.insert(place.end(), rest, index.end());
  return offset(table, place);
}

void run_gather(Call& call) {
  const bool is_gradient = call.kind == OpKind::kGatherGradient;
  const Array& from = call.in(0);
  Array& to = call.out();
  const Shape& table = is_gradient ? to.shape : from.shape;
  std::size_t e = 0;
  for_each_index(is_gradient ? from.shape : to.shape, [&](const Index& index) {
    const std::size_t place = table_place(table, call.in(1), axis_of(call), index);
    if (is_gradient) {
      to.data[place] += from.data[e++];
    } else {
      to.data[e++] = from.data[place];
    }
  });
}

}  // namespace

bool run_movement(Call& call) {
  switch (call.kind) {
    case OpKind::kConcat:
      return run_concat(call), true;
    case OpKind::kSplit:
      return run_split(call), true;
    case OpKind::kSlice:
    case OpKind::kSliceGradient:
      return run_slice(call), true;
    case OpKind::kReshape:
    case OpKind::kCast:
      return call.out().data = call.in(0).data, true;
    case OpKind::kTranspose:
      return transpose(call, call.attributes.integers("permutation")), true;
    case OpKind::kReinterpret:
      return run_reinterpret(call), true;
    case OpKind::kPad:
      return run_pad(call), true;
    case OpKind::kExpand:
      return run_expand(call), true;
    case OpKind::kTrilu:
      return run_trilu(call), true;
    case OpKind::kFill:
      for (double& element : call.out().data) element = call.attributes.real("value");
      return true;
    case OpKind::kGather:
    case OpKind::kGatherGradient:
      return run_gather(call), true;
    default:
      return false;
  }
}

}  // namespace rockmate::testing
