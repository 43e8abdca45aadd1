// Rows chosen by index, dropout, and reductions over axes.

#include "exec/vector/kernels/functions.h"
#include "exec/vector/kernels/kernels.h"

namespace rockmate::ve {
namespace {

inline long index_at(const void* indices, bool wide, long i) {
  if (wide) return scalar(static_cast<const long*>(indices) + i);
  return scalar(static_cast<const int*>(indices) + i);
}

template <class T>
void gather(const GatherArguments& a, long begin, long end) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  for (const long r : repeat(end - begin)) {
    const long i = begin + r;
    const long row = i / a.picks * a.rows + index_at(a.indices, a.wide_indices, i % a.picks);
    for_lanes(0, a.width, [&](long at, int vl) {
      Real<T>::store(Real<T>::load(x + row * a.width + at, 1, vl), y + i * a.width + at, 1, vl);
    });
  }
}

// Adds the rows of dy to those of the table, which holds what they are added to: in the order of
// the indices, each task its own columns.
template <class T>
void gather_gradient(const GatherArguments& a, long begin, long end) {
  const T* dy = static_cast<const T*>(a.x);
  T* table = static_cast<T*>(a.y);
  for_lanes(begin * kLanes, least(end * kLanes, a.width), [&](long at, int vl) {
    for (const long i : repeat(a.outer * a.picks)) {
      const long row = i / a.picks * a.rows + index_at(a.indices, a.wide_indices, i % a.picks);
      T* to = table + row * a.width + at;
      const __vr sum =
          add(Real<T>::load(to, 1, vl), Real<T>::load(dy + i * a.width + at, 1, vl), vl);
      Real<T>::store(sum, to, 1, vl);
    }
  });
}

// Four words per lane of the counter-based generator of exec/random.h, the same numbers.
struct Words {
  __vr word[4];
};
VE_LANES Words philox(const DropoutArguments& a, long first_block, int vl) {
  constexpr unsigned long kLow = 0xffffffff;
  const __vr block = _vel_vaddsl_vsvl(first_block, _vel_vseq_vl(vl), vl);
  __vr c0 = _vel_vand_vsvl(kLow, block, vl);
  __vr c1 = _vel_vsrl_vvsl(block, 32, vl);
  __vr c2 = _vel_vbrdl_vsl(long(a.step), vl);
  __vr c3 = _vel_vbrdl_vsl(long(a.stream), vl);
  unsigned int key0 = static_cast<unsigned int>(a.seed);
  unsigned int key1 = static_cast<unsigned int>(a.seed >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const __vr first = _vel_vmulul_vsvl(0xD2511F53UL, c0, vl);
    const __vr second = _vel_vmulul_vsvl(0xCD9E8D57UL, c2, vl);
    c0 = _vel_vxor_vsvl(key0, _vel_vxor_vvvl(_vel_vsrl_vvsl(second, 32, vl), c1, vl), vl);
    c2 = _vel_vxor_vsvl(key1, _vel_vxor_vvvl(_vel_vsrl_vvsl(first, 32, vl), c3, vl), vl);
    c1 = _vel_vand_vsvl(kLow, second, vl);
    c3 = _vel_vand_vsvl(kLow, first, vl);
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return {{c0, c1, c2, c3}};
}

template <class T>
void dropout(const DropoutArguments& a, long begin, long end) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  const long blocks = (a.count + 3) / 4;
  for_lanes(begin * kLanes, least(end * kLanes, blocks), [&](long block, int vl) {
    const Words words = philox(a, a.first_block + block, vl);
#pragma GCC unroll 4
    for (int w = 0; w < 4; ++w) {
      // The last block may be short of its last words.
      const int n = 4 * (block + vl - 1) + w < a.count ? vl : vl - 1;
      if (n == 0) continue;
      const __vr bits = _vel_vsrl_vvsl(words.word[w], 8, n);
      const __vr uniform = mul(0x1p-24, _vel_vcvtdl_vvl(bits, n), n);
      const __vr given = Real<T>::load(x + 4 * block + w, 4, n);
      const __vm256 keeps = _vel_vfmkdge_mvl(add(-a.rate, uniform, n), n);
      const __vr made = a.negates ? choose(keeps, given, mul(-1.0, given, n), n)
                                  : choose(keeps, mul(a.scale, given, n), 0.0, n);
      Real<T>::store(made, y + 4 * block + w, 4, n);
    }
  });
}

inline long place_of(const long* extents, const long* strides, int rank, long i) {
  long at = 0;
  for (int axis = rank - 1; axis >= 0; --axis) {
    at += i % extents[axis] * strides[axis];
    i /= extents[axis];
  }
  return at;
}

inline double worst(Reduction function) {
  if (function == Reduction::kSum) return 0;
  return function == Reduction::kMaximum ? -__builtin_inf() : __builtin_inf();
}
VE_LANES __vr step(Reduction function, Vr best, Vr v, int vl) {
  if (function == Reduction::kSum) return _vel_vfaddd_vvvvl(best, v, best, vl);
  if (function == Reduction::kMaximum) return _vel_vfmaxd_vvvvl(best, v, best, vl);
  return _vel_vfmind_vvvvl(best, v, best, vl);
}
VE_LANES double fold(Reduction function, Vr v, int vl) {
  if (function == Reduction::kSum) return sum_of(v, vl);
  return function == Reduction::kMaximum ? largest_of(v, vl) : smallest_of(v, vl);
}

template <class T>
void reduce_line(const ReduceArguments& a, long o) {
  const T* x = static_cast<const T*>(a.x) + place_of(a.kept, a.kept_strides, a.kept_rank, o);
  __vr best = _vel_vbrdd_vsl(worst(a.function), int(kLanes));
  for (const long r : repeat(a.repeats)) {
    const T* line = x + place_of(a.reduced, a.reduced_strides, a.reduced_rank, r);
    for_lanes(0, a.inner, [&](long at, int vl) {
      best = step(a.function, best, Real<T>::load(line + at, 1, vl), vl);
    });
  }
  const double result = fold(a.function, best, int(least(kLanes, a.inner)));
  put_scalar(static_cast<T*>(a.y) + o, T(result * a.share));
}

template <class T>
void reduce_columns(const ReduceArguments& a, long o, long column, int vl) {
  const T* x =
      static_cast<const T*>(a.x) + column + place_of(a.kept, a.kept_strides, a.kept_rank, o);
  __vr best = _vel_vbrdd_vsl(worst(a.function), int(kLanes));
  for (const long r : repeat(a.repeats)) {
    const T* line = x + place_of(a.reduced, a.reduced_strides, a.reduced_rank, r);
    best = step(a.function, best, Real<T>::load(line, 1, vl), vl);
  }
  Real<T>::store(mul(a.share, best, vl), static_cast<T*>(a.y) + o * a.inner + column, 1, vl);
}

// f(result, column, vl) for each task: a register of columns, all about as long.
template <class F>
void for_columns(const ReduceArguments& a, long begin, long end, const F& f) {
  const long registers = (a.inner + kLanes - 1) / kLanes;
  const long width = (a.inner + registers - 1) / registers;
  for (long task = begin; task < end; ++task) {
    const long column = task % registers * width;
    const int vl = int(least(width, a.inner - column));
    if (vl > 0) f(task / registers, column, vl);
  }
}

template <class T>
void reduce(const ReduceArguments& a, long begin, long end) {
  if (a.inner_is_reduced) {
    for (const long r : repeat(end - begin)) reduce_line<T>(a, begin + r);
    return;
  }
  for_columns(a, begin, end,
              [&](long o, long column, int vl) { reduce_columns<T>(a, o, column, vl); });
}

// Elements that equal the extremum share its gradient evenly.
template <class T>
void extremum_gradient_line(const ReduceArguments& a, long o) {
  const long start = place_of(a.kept, a.kept_strides, a.kept_rank, o);
  const double best = double(scalar(static_cast<const T*>(a.extremum) + o));
  const auto equals = [&](long at, int vl) __attribute__((always_inline)) {
    const __vr v = Real<T>::load(static_cast<const T*>(a.x) + at, 1, vl);
    const __vm256 mask = _vel_vfmkdeq_mvl(_vel_vfcmpd_vsvl(best, v, vl), vl);
    return choose(mask, _vel_vbrdd_vsl(1.0, vl), 0.0, vl);
  };
  __vr counts = zero(int(kLanes));
  for (const long r : repeat(a.repeats)) {
    const long line = start + place_of(a.reduced, a.reduced_strides, a.reduced_rank, r);
    for_lanes(0, a.inner, [&](long at, int vl) {
      counts = _vel_vfaddd_vvvvl(counts, equals(line + at, vl), counts, vl);
    });
  }
  const double count = sum_of(counts, int(least(kLanes, a.inner)));
  const double dy = double(scalar(static_cast<const T*>(a.dy) + o));
  const double share = count > 0 ? dy / count : 0;
  for (const long r : repeat(a.repeats)) {
    const long line = start + place_of(a.reduced, a.reduced_strides, a.reduced_rank, r);
    for_lanes(0, a.inner, [&](long at, int vl) {
      Real<T>::store(mul(share, equals(line + at, vl), vl), static_cast<T*>(a.y) + line + at, 1,
                     vl);
    });
  }
}

// The same for a register of columns.
template <class T>
void extremum_gradient_columns(const ReduceArguments& a, long o, long column, int vl) {
  const long start = column + place_of(a.kept, a.kept_strides, a.kept_rank, o);
  const long result = o * a.inner + column;
  const __vr best = Real<T>::load(static_cast<const T*>(a.extremum) + result, 1, vl);
  const auto equals = [&](long r) __attribute__((always_inline)) {
    const long at = start + place_of(a.reduced, a.reduced_strides, a.reduced_rank, r);
    const __vr v = Real<T>::load(static_cast<const T*>(a.x) + at, 1, vl);
    const __vm256 mask = _vel_vfmkdeq_mvl(_vel_vfcmpd_vvvl(best, v, vl), vl);
    return choose(mask, _vel_vbrdd_vsl(1.0, vl), 0.0, vl);
  };
  __vr counts = zero(vl);
  for (const long r : repeat(a.repeats)) counts = add(counts, equals(r), vl);
  const __vr dy = Real<T>::load(static_cast<const T*>(a.dy) + result, 1, vl);
  const __vr safe = _vel_vfmaxd_vsvl(1.0, counts, vl);
  const __vr share = div(dy, safe, vl);
  for (const long r : repeat(a.repeats)) {
    const long at = start + place_of(a.reduced, a.reduced_strides, a.reduced_rank, r);
    Real<T>::store(mul(share, equals(r), vl), static_cast<T*>(a.y) + at, 1, vl);
  }
}

template <class T>
void extremum_gradient(const ReduceArguments& a, long begin, long end) {
  if (a.inner_is_reduced) {
    for (const long r : repeat(end - begin)) extremum_gradient_line<T>(a, begin + r);
    return;
  }
  for_columns(a, begin, end,
              [&](long o, long column, int vl) { extremum_gradient_columns<T>(a, o, column, vl); });
}

}  // namespace

VE_KERNEL(ve_gather, GatherArguments, gather)
VE_KERNEL(ve_gather_gradient, GatherArguments, gather_gradient)
VE_KERNEL(ve_dropout, DropoutArguments, dropout)
VE_KERNEL(ve_reduce, ReduceArguments, reduce)
VE_KERNEL(ve_extremum_gradient, ReduceArguments, extremum_gradient)

// By scalars: indices are few.
extern "C" void ve_check(const void* arguments, long, long) {
  const auto& a = *static_cast<const CheckArguments*>(arguments);
  long counted = 0;
  long bad = -1;
  for (const long i : repeat(a.count)) {
    const long index = index_at(a.indices, a.wide_indices, i);
    if (a.has_ignored && index == a.ignored) continue;
    if ((index < 0 || index >= a.below) && bad < 0) bad = i;
    ++counted;
  }
  *a.counted = counted;
  *a.bad = bad;
}

}  // namespace rockmate::ve
