// Functions of elements of any type: comparisons, logic, choices, conversions, whole-number
// arithmetic. A register holds whole numbers as 64 bits with a sign, and real ones as doubles,
// whatever lies in memory. Lanes are neighbours of the result; operands are gathered where they do
// not lie as the result does.
//
// There are no vectors of bytes: those that are read come out of the words that they lie in, and
// those that are written, from four registers, each lane a word of four results.

#include "exec/vector/kernels/kernels.h"
#include "exec/vector/kernels/window.h"

namespace rockmate::ve {
namespace {

using Arguments = ElementsArguments;

inline bool is_real(Element type) { return type == Element::kFloat32 || type == Element::kFloat64; }
inline long width_of(Element type) {
  if (type == Element::kByte) return 1;
  return type == Element::kFloat64 || type == Element::kInt64 ? 8 : 4;
}

// The elements first, first + step, ... of the result.
struct Lanes {
  long first, step;
};

// Where they have their operand, counted in its elements.
VE_LANES __vr places_of(const Arguments& a, int operand, const Lanes& n, int vl) {
  __vr rest = numbers(n.first, n.step, vl);
  if (a.is_even[operand]) {
    apart();
    return rest;
  }
  __vr place = zero(vl);
  for (int axis = a.rank - 1; axis >= 0; --axis) {
    const Division digit = divide(rest, a.extents[axis], vl);
    rest = digit.quotient;
    place = _vel_vaddsl_vvvl(place, _vel_vmulsl_vsvl(a.strides[operand][axis], digit.rest, vl), vl);
  }
  return place;
}

VE_LANES __vr byte_at(Vr address, int vl) {
  const __vr word = _vel_vgtlzx_vvssl(_vel_vand_vsvl(~3UL, address, vl), 0, 0, vl);
  const __vr shift = _vel_vsll_vvsl(_vel_vand_vsvl(3UL, address, vl), 3, vl);
  return _vel_vand_vsvl(255UL, _vel_vsrl_vvvl(word, shift, vl), vl);
}

VE_LANES __vr load_even(const Arguments& a, int operand, const Lanes& n, int vl) {
  const Element type = a.types[operand];
  const void* const from =
      static_cast<const unsigned char*>(a.operands[operand]) + width_of(type) * n.first;
  const auto stride = static_cast<unsigned long>(width_of(type) * n.step);
  switch (type) {
    case Element::kFloat32:
      apart();
      return _vel_vcvtds_vvl(_vel_vldu_vssl(stride, from, vl), vl);
    case Element::kInt32:
      apart();
      return _vel_vldlsx_vssl(stride, from, vl);
    default:
      apart();
      return _vel_vld_vssl(stride, from, vl);
  }
}

VE_LANES __vr operand_of(const Arguments& a, int operand, const Lanes& n, int vl) {
  const Element type = a.types[operand];
  if (a.is_even[operand] && type != Element::kByte) {
    apart();
    return load_even(a, operand, n, vl);
  }
  const __vr offset = _vel_vmulsl_vsvl(width_of(type), places_of(a, operand, n, vl), vl);
  const __vr address =
      _vel_vaddul_vsvl(reinterpret_cast<unsigned long>(a.operands[operand]), offset, vl);
  switch (type) {
    case Element::kFloat32:
      apart();
      return _vel_vcvtds_vvl(_vel_vgtu_vvssl(address, 0, 0, vl), vl);
    case Element::kInt32:
      apart();
      return _vel_vgtlsx_vvssl(address, 0, 0, vl);
    case Element::kByte:
      apart();
      return byte_at(address, vl);
    default:
      apart();
      return _vel_vgt_vvssl(address, 0, 0, vl);
  }
}

VE_LANES __vr truth(Vm mask, int vl) { return choose(mask, _vel_vbrdl_vsl(1, vl), 0.0, vl); }

// Comparisons with 0, and of two numbers: the sign of a - b, NaN where they cannot be compared.
template <bool kReal>
struct Number;
template <>
struct Number<true> {
  VE_LANES __vm256 is_zero(Vr v, int vl) { return _vel_vfmkdeq_mvl(v, vl); }
  VE_LANES __vm256 is_positive(Vr v, int vl) { return _vel_vfmkdgt_mvl(v, vl); }
  VE_LANES __vm256 is_no_less(Vr v, int vl) { return _vel_vfmkdge_mvl(v, vl); }
  VE_LANES __vr order(Vr a, Vr b, int vl) { return _vel_vfcmpd_vvvl(a, b, vl); }
};
template <>
struct Number<false> {
  VE_LANES __vm256 is_zero(Vr v, int vl) { return _vel_vfmkleq_mvl(v, vl); }
  VE_LANES __vm256 is_positive(Vr v, int vl) { return _vel_vfmklgt_mvl(v, vl); }
  VE_LANES __vm256 is_no_less(Vr v, int vl) { return _vel_vfmklge_mvl(v, vl); }
  VE_LANES __vr order(Vr a, Vr b, int vl) { return _vel_vcmpsl_vvvl(a, b, vl); }
};

// The nearest whole number that the type holds, towards zero; 0 of NaN.
VE_LANES __vr to_whole(Vr v, Element type, int vl) {
  // Of 64 bits, the largest double that fits; what lies above becomes the largest number.
  const double high = type == Element::kByte    ? 255.0
                      : type == Element::kInt32 ? 2147483647.0
                                                : 9223372036854774784.0;
  const double low = type == Element::kByte    ? 0.0
                     : type == Element::kInt32 ? -2147483648.0
                                               : -9223372036854775808.0;
  const __vr inside = _vel_vfmaxd_vsvl(low, _vel_vfmind_vsvl(high, v, vl), vl);
  const __vr number = choose(_vel_vfmkdnan_mvl(v, vl), zero(vl), inside, vl);
  const __vr whole = _vel_vcvtldrz_vvl(number, vl);
  if (type != Element::kInt64) {
    apart();
    return whole;
  }
  const __vm256 is_above_all = _vel_vfmkdgt_mvl(add(-high, v, vl), vl);
  return choose(is_above_all, _vel_vbrdl_vsl(9223372036854775807L, vl), whole, vl);
}

template <bool kReal>
VE_LANES __vr converted(const Arguments& a, Vr v, int vl) {
  if (is_real(a.result)) {
    if constexpr (kReal) return v;
    return _vel_vcvtdl_vvl(v, vl);
  }
  apart();
  if constexpr (kReal) return to_whole(v, a.result, vl);
  return v;
}

// 0 where the divisor is 0. Negated where it is -1: the least number over -1 does not fit.
VE_LANES __vr whole_quotient(Vr x, Vr y, int vl) {
  const __vm256 by_nothing = _vel_vfmkleq_mvl(y, vl);
  const __vr safe = choose(by_nothing, _vel_vbrdl_vsl(1, vl), y, vl);
  const __vm256 negates = _vel_vfmkleq_mvl(_vel_vaddsl_vsvl(1, safe, vl), vl);
  const __vr divisor = choose(negates, _vel_vbrdl_vsl(1, vl), safe, vl);
  const __vr quotient = _vel_vdivsl_vvvl(x, divisor, vl);
  const __vr signed_quotient = choose(negates, _vel_vsubsl_vsvl(0, quotient, vl), quotient, vl);
  return choose(by_nothing, zero(vl), signed_quotient, vl);
}

// Whole numbers are scaled as real ones.
VE_LANES __vr scaled(const Arguments& a, Vr v, int vl) {
  const __vr number = _vel_vcvtdl_vvl(v, vl);
  return to_whole(add(a.offset, mul(a.factor, number, vl), vl), a.result, vl);
}

// What a triangle keeps.
VE_LANES __vr in_triangle(const Arguments& a, Vr v, const Lanes& n, int vl) {
  const Division row = divide(numbers(n.first, n.step, vl), a.width, vl);
  const Division height = divide(row.quotient, a.height, vl);
  const __vr right = _vel_vsubsl_vvvl(row.rest, height.rest, vl);
  const long sign = a.upper ? 1 : -1;
  const __vr beyond = _vel_vaddsl_vsvl(-sign * a.diagonal, _vel_vmulsl_vsvl(sign, right, vl), vl);
  return choose(_vel_vfmklge_mvl(beyond, vl), v, 0.0, vl);
}

VE_LANES __vr arithmetic(const Arguments& a, Vr x, Vr y, int vl) {
  switch (a.function) {
    case Elementwise::kAdd:
      apart();
      return _vel_vaddsl_vvvl(x, y, vl);
    case Elementwise::kSub:
      apart();
      return _vel_vsubsl_vvvl(x, y, vl);
    case Elementwise::kMul:
      apart();
      return _vel_vmulsl_vvvl(x, y, vl);
    case Elementwise::kDiv:
      apart();
      return whole_quotient(x, y, vl);
    case Elementwise::kMaximum:
      apart();
      return _vel_vmaxsl_vvvl(x, y, vl);
    default:
      apart();
      return _vel_vminsl_vvvl(x, y, vl);
  }
}

template <bool kReal>
VE_LANES __vr comparison(const Arguments& a, Vr x, Vr y, int vl) {
  using N = Number<kReal>;
  switch (a.function) {
    case Elementwise::kEqual:
      apart();
      return truth(N::is_zero(N::order(x, y, vl), vl), vl);
    case Elementwise::kLess:
      apart();
      return truth(N::is_positive(N::order(y, x, vl), vl), vl);
    case Elementwise::kLessOrEqual:
      apart();
      return truth(N::is_no_less(N::order(y, x, vl), vl), vl);
    case Elementwise::kGreater:
      apart();
      return truth(N::is_positive(N::order(x, y, vl), vl), vl);
    default:
      apart();
      return truth(N::is_no_less(N::order(x, y, vl), vl), vl);
  }
}

VE_LANES __vr logic(const Arguments& a, Vr x, Vr y, int vl) {
  const __vr sum = _vel_vor_vvvl(x, y, vl);
  const __vr product = _vel_vmulsl_vvvl(x, y, vl);
  const long is_and = a.function == Elementwise::kAnd ? 1 : 0;
  const __vr chosen = _vel_vaddsl_vvvl(_vel_vmulsl_vsvl(is_and, product, vl),
                                       _vel_vmulsl_vsvl(1 - is_and, sum, vl), vl);
  return choose(_vel_vfmkleq_mvl(chosen, vl), zero(vl), _vel_vbrdl_vsl(1, vl), vl);
}

template <bool kReal>
VE_LANES __vr of_one(const Arguments& a, Vr x, const Lanes& n, int vl) {
  const __vr one = _vel_vbrdl_vsl(1, vl);
  switch (a.function) {
    case Elementwise::kCast:
      apart();
      return converted<kReal>(a, x, vl);
    case Elementwise::kTruth:
      apart();
      return choose(Number<kReal>::is_zero(x, vl), zero(vl), one, vl);
    case Elementwise::kNot:
      apart();
      return truth(Number<false>::is_zero(x, vl), vl);
    case Elementwise::kScale:
      apart();
      return scaled(a, x, vl);
    default:
      apart();
      return in_triangle(a, x, n, vl);
  }
}

template <bool kReal>
VE_LANES __vr results_of(const Arguments& a, const Lanes& n, int vl) {
  if (a.function == Elementwise::kFill) {
    apart();
    return _vel_vbrdl_vsl(a.value, vl);
  }
  const __vr x = operand_of(a, 0, n, vl);
  if (a.function < Elementwise::kFill) {
    apart();
    return of_one<kReal>(a, x, n, vl);
  }
  const __vr y = operand_of(a, 1, n, vl);
  if (a.function == Elementwise::kWhere) {
    apart();
    return choose(_vel_vfmkleq_mvl(x, vl), operand_of(a, 2, n, vl), y, vl);
  }
  if (a.function < Elementwise::kEqual) {
    apart();
    return arithmetic(a, x, y, vl);
  }
  if (a.function < Elementwise::kAnd) {
    apart();
    return comparison<kReal>(a, x, y, vl);
  }
  apart();
  return logic(a, x, y, vl);
}

VE_LANES void store_results(const Arguments& a, Vr v, long first, int vl) {
  switch (a.result) {
    case Element::kFloat32:
      return Real<float>::store(v, static_cast<float*>(a.y) + first, 1, vl);
    case Element::kInt32:
      apart();
      return _vel_vstl_vssl(v, 4, static_cast<int*>(a.y) + first, vl);
    default:
      apart();
      return _vel_vst_vssl(v, 8, static_cast<long*>(a.y) + first, vl);
  }
}

template <bool kReal>
void make_bytes(const Arguments& a, long begin, long end) {
  auto* y = static_cast<unsigned char*>(a.y);
  for_lanes(begin / 4, end / 4, [&](long word, int vl) {
    __vr packed = zero(vl);
    for (int j = 0; j < 4; ++j) {
      const __vr v = results_of<kReal>(a, {4 * word + j, 4}, vl);
      const __vr byte = _vel_vand_vsvl(255UL, v, vl);
      packed =
          _vel_vor_vvvl(packed, _vel_vsll_vvsl(byte, static_cast<unsigned long>(8 * j), vl), vl);
    }
    _vel_vstl_vssl(packed, 4, y + 4 * word, vl);
  });
  for (long n = end / 4 * 4; n < end; ++n) {
    const __vr v = results_of<kReal>(a, {n, 1}, 1);
    put_scalar(y + n, static_cast<unsigned char>(_vel_lvsl_svs(v, 0)));
  }
}

template <bool kReal>
void elements(const Arguments& a, long begin, long end) {
  const long first = begin * kMapStretch;
  const long last = least(end * kMapStretch, a.count);
  if (a.result == Element::kByte) return make_bytes<kReal>(a, first, last);
  for_lanes(first, last, [&](long at, int vl) {
    store_results(a, results_of<kReal>(a, {at, 1}, vl), at, vl);
  });
}

}  // namespace

extern "C" void ve_elements(const void* arguments, long begin, long end) {
  const auto& a = *static_cast<const Arguments*>(arguments);
  if (is_real(a.types[0])) return elements<true>(a, begin, end);
  elements<false>(a, begin, end);
}

}  // namespace rockmate::ve
