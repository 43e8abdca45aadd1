#include "exec/cpu/spans.h"

#include <algorithm>

#include "exec/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/spans.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/math_inl.h"
#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

// Constants, in all lanes.
struct K {
  HWY_INLINE explicit K(Constants constants) : a(number(constants.a)), b(number(constants.b)) {}
  V a, b;
};

#define ROCKMATE_UNARY(Name, expression)      \
  struct Name {                               \
    static HWY_INLINE V of(V x, const K& k) { \
      static_cast<void>(k);                   \
      return expression;                      \
    }                                         \
  }
#define ROCKMATE_BINARY(Name, expression)          \
  struct Name {                                    \
    static HWY_INLINE V of(V x, V y, const K& k) { \
      static_cast<void>(k);                        \
      return expression;                           \
    }                                              \
  }

HWY_INLINE V one() { return number(1); }
// NaN passes: it is not less than anything.
HWY_INLINE V clamp(V x, V low, V high) {
  x = hn::IfThenElse(hn::Lt(x, low), low, x);
  return hn::IfThenElse(hn::Gt(x, high), high, x);
}
constexpr float kGeluCubic = 0.044715f;
constexpr float kRootOf8OverPi = 1.59576912f;
// Twice the argument of gelu's tanh: (1 + tanh(u)) / 2 = sigmoid(2 u).
HWY_INLINE V gelu_argument(V x) {
  return hn::Mul(hn::Mul(number(kRootOf8OverPi), x),
                 hn::MulAdd(number(kGeluCubic), hn::Mul(x, x), one()));
}

ROCKMATE_UNARY(Relu, hn::IfThenZeroElse(hn::Lt(x, zero()), x));
ROCKMATE_UNARY(Clip, clamp(x, k.a, k.b));
ROCKMATE_UNARY(LeakyRelu, hn::IfThenElse(hn::Gt(x, zero()), x, hn::Mul(k.a, x)));
ROCKMATE_UNARY(GeluTanh, hn::Mul(x, sigmoid(gelu_argument(x))));
ROCKMATE_UNARY(GeluErf, hn::Mul(x, normal_cumulative(x)));
ROCKMATE_UNARY(Sigmoid, sigmoid(x));
ROCKMATE_UNARY(Tanh, tanh(x));
ROCKMATE_UNARY(HardSigmoid, clamp(hn::MulAdd(k.a, x, k.b), zero(), one()));
ROCKMATE_UNARY(HardSwish,
               hn::Mul(x, clamp(hn::MulAdd(x, number(1.0f / 6), number(0.5f)), zero(), one())));
ROCKMATE_UNARY(Silu, hn::Mul(x, sigmoid(x)));
ROCKMATE_UNARY(Exp, exp(x));
ROCKMATE_UNARY(Sqrt, hn::Sqrt(x));
ROCKMATE_UNARY(Erf, erf(x));
ROCKMATE_UNARY(Abs, hn::Abs(x));
ROCKMATE_UNARY(Scale, hn::MulAdd(k.a, x, k.b));

ROCKMATE_BINARY(Add, hn::Add(x, y));
ROCKMATE_BINARY(Sub, hn::Sub(x, y));
ROCKMATE_BINARY(Mul, hn::Mul(x, y));
ROCKMATE_BINARY(Div, hn::Div(x, y));
ROCKMATE_BINARY(Maximum, hn::IfThenElse(hn::Lt(x, y), y, x));
ROCKMATE_BINARY(Minimum, hn::IfThenElse(hn::Lt(y, x), y, x));

// Gradients: x is dy, y what was saved.
ROCKMATE_BINARY(ReluGradient, hn::IfThenElseZero(hn::Gt(y, zero()), x));
ROCKMATE_BINARY(ClipGradient, hn::IfThenElseZero(hn::And(hn::Gt(y, k.a), hn::Lt(y, k.b)), x));
ROCKMATE_BINARY(LeakyReluGradient, hn::IfThenElse(hn::Gt(y, zero()), x, hn::Mul(k.a, x)));
ROCKMATE_BINARY(EluGradient, hn::IfThenElse(hn::Gt(y, zero()), x, hn::Mul(x, hn::Add(y, k.a))));
ROCKMATE_BINARY(SigmoidGradient, hn::Mul(hn::Mul(x, y), hn::Sub(one(), y)));
ROCKMATE_BINARY(TanhGradient, hn::Mul(x, hn::NegMulAdd(y, y, one())));
ROCKMATE_BINARY(HardSigmoidGradient,
                hn::IfThenElseZero(hn::And(hn::Gt(y, zero()), hn::Lt(y, one())), hn::Mul(x, k.a)));
ROCKMATE_BINARY(SoftplusGradient, hn::Mul(x, sigmoid(y)));
ROCKMATE_BINARY(AbsGradient, hn::IfThenZeroElse(hn::Eq(y, zero()),
                                                hn::IfThenElse(hn::Gt(y, zero()), x, hn::Neg(x))));
ROCKMATE_BINARY(ErfGradient, hn::Mul(hn::Mul(x, number(1.12837917f)), exp(hn::Neg(hn::Mul(y, y)))));

struct SiluGradient {
  static HWY_INLINE V of(V dy, V x, const K&) {
    const V s = sigmoid(x);
    return hn::Mul(hn::Mul(dy, s), hn::MulAdd(x, hn::Sub(one(), s), one()));
  }
};
struct HardSwishGradient {
  static HWY_INLINE V of(V dy, V x, const K&) {
    const V inside = hn::Mul(dy, hn::MulAdd(x, number(1.0f / 3), number(0.5f)));
    const V up_to = hn::IfThenElse(hn::Ge(x, number(3)), dy, inside);
    return hn::IfThenZeroElse(hn::Le(x, number(-3)), up_to);
  }
};
struct GeluErfGradient {
  static HWY_INLINE V of(V dy, V x, const K&) {
    const V density = hn::Mul(number(0.398942280f), exp(hn::Mul(number(-0.5f), hn::Mul(x, x))));
    return hn::Mul(dy, hn::MulAdd(x, density, normal_cumulative(x)));
  }
};
// With s = sigmoid(2 u): d(x s)/dx = s + x s (1 - s) d(2 u)/dx.
struct GeluTanhGradient {
  static HWY_INLINE V of(V dy, V x, const K&) {
    const V s = sigmoid(gelu_argument(x));
    const V inner =
        hn::MulAdd(number(3 * kGeluCubic * kRootOf8OverPi), hn::Mul(x, x), number(kRootOf8OverPi));
    const V slope = hn::Mul(hn::Mul(x, inner), hn::Sub(one(), s));
    return hn::Mul(dy, hn::MulAdd(s, slope, s));
  }
};

#undef ROCKMATE_UNARY
#undef ROCKMATE_BINARY

template <class F>
void unary(const float* x, float* y, std::int64_t n, Constants constants) {
  const K k(constants);
  for_each_vector(n, [&](std::int64_t i, auto part)
                         HWY_ATTR { part.store(F::of(part.load(x + i), k), y + i); });
}

template <class F>
void binary(Operand a, Operand b, float* y, std::int64_t rows, std::int64_t columns,
            Constants constants) {
  const K k(constants);
  for (std::int64_t r = 0; r < rows; ++r, y += columns) {
    const float* p = a.data + r * a.stride;
    const float* q = b.data + r * b.stride;
    if (a.is_scalar) {
      const V left = number(*p);
      const V right = number(*q);
      for_each_vector(columns, [&](std::int64_t i, auto part) HWY_ATTR {
        part.store(F::of(left, b.is_scalar ? right : part.load(q + i), k), y + i);
      });
    } else if (b.is_scalar) {
      const V right = number(*q);
      for_each_vector(columns, [&](std::int64_t i, auto part) HWY_ATTR {
        part.store(F::of(part.load(p + i), right, k), y + i);
      });
    } else {
      for_each_vector(columns, [&](std::int64_t i, auto part) HWY_ATTR {
        part.store(F::of(part.load(p + i), part.load(q + i), k), y + i);
      });
    }
  }
}

// Masks move in whole words.
constexpr std::int64_t kWord = 64;
HWY_INLINE std::int64_t mask_bytes(std::int64_t count) { return (count + 7) / 8; }

struct Positive {
  static HWY_INLINE M of(V y, const K&) { return hn::Gt(y, zero()); }
};
struct Between {
  static HWY_INLINE M of(V y, const K& k) { return hn::And(hn::Gt(y, k.a), hn::Lt(y, k.b)); }
};

HWY_INLINE std::uint64_t bits_of(M mask) {
  std::uint8_t bytes[8] = {};
  hn::StoreMaskBits(FloatTag(), mask, bytes);
  std::uint64_t bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return lanes() == 64 ? bits : bits & ((std::uint64_t{1} << lanes()) - 1);
}

template <class F, class Passes>
void masked(const float* x, float* y, std::uint8_t* mask, std::int64_t n, Constants constants) {
  const K k(constants);
  for (std::int64_t first = 0; first < n; first += kWord) {
    const std::int64_t count = std::min(kWord, n - first);
    std::uint64_t word = 0;
    for_each_vector(count, [&](std::int64_t i, auto part) HWY_ATTR {
      const V result = F::of(part.load(x + first + i), k);
      part.store(result, y + first + i);
      word |= bits_of(Passes::of(result, k)) << i;
    });
    if (count < kWord) word &= (std::uint64_t{1} << count) - 1;
    std::memcpy(mask + first / 8, &word, static_cast<std::size_t>(mask_bytes(count)));
  }
}

void apply_mask(const float* dy, const std::uint8_t* mask, float rest, float* dx, std::int64_t n) {
  const V factor = number(rest);
  for (std::int64_t first = 0; first < n; first += kWord) {
    const std::int64_t count = std::min(kWord, n - first);
    std::uint64_t word = 0;
    std::memcpy(&word, mask + first / 8, static_cast<std::size_t>(mask_bytes(count)));
    for_each_vector(count, [&](std::int64_t i, auto part) HWY_ATTR {
      const std::uint64_t bits = word >> i;
      std::uint8_t bytes[8];
      std::memcpy(bytes, &bits, sizeof(bits));
      const M passes = hn::LoadMaskBits(FloatTag(), bytes);
      const V gradient = part.load(dy + first + i);
      part.store(hn::IfThenElse(passes, gradient, hn::Mul(factor, gradient)), dx + first + i);
    });
  }
}

void select(const std::uint8_t* condition, bool is_one, Operand a, Operand b, float* y,
            std::int64_t n) {
  const std::int64_t width = lanes();
  const V left = number(*a.data);
  const V right = number(*b.data);
  HWY_ALIGN float truths[hn::MaxLanes(FloatTag())];
  std::fill_n(truths, width, static_cast<float>(*condition));
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    if (!is_one) {
      const std::int64_t count = std::min(width, n - i);
      for (std::int64_t j = 0; j < count; ++j) truths[j] = static_cast<float>(condition[i + j]);
    }
    const M is_false = hn::Eq(hn::Load(FloatTag(), truths), zero());
    const V p = a.is_scalar ? left : part.load(a.data + i);
    const V q = b.is_scalar ? right : part.load(b.data + i);
    part.store(hn::IfThenElse(is_false, q, p), y + i);
  });
}

void scale_shift(const float* x, const float* scale, const float* shift, float* y,
                 std::int64_t rows, std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; ++r, x += columns, y += columns) {
    for_each_vector(columns, [&](std::int64_t c, auto part) HWY_ATTR {
      part.store(hn::MulAdd(part.load(scale + c), part.load(x + c), part.load(shift + c)), y + c);
    });
  }
}

using UnaryFunction = decltype(Unary::function);
using BinaryFunction = decltype(Binary::function);
using MaskedFunction = decltype(Masked::function);

UnaryFunction find_unary(OpKind kind, bool tanh) {
  switch (kind) {
    case OpKind::kRelu:
      return unary<Relu>;
    case OpKind::kClip:
      return unary<Clip>;
    case OpKind::kLeakyRelu:
      return unary<LeakyRelu>;
    case OpKind::kGelu:
      return tanh ? unary<GeluTanh> : unary<GeluErf>;
    case OpKind::kSigmoid:
      return unary<Sigmoid>;
    case OpKind::kTanh:
      return unary<Tanh>;
    case OpKind::kHardSigmoid:
      return unary<HardSigmoid>;
    case OpKind::kHardSwish:
      return unary<HardSwish>;
    case OpKind::kSilu:
      return unary<Silu>;
    case OpKind::kExp:
      return unary<Exp>;
    case OpKind::kSqrt:
      return unary<Sqrt>;
    case OpKind::kErf:
      return unary<Erf>;
    case OpKind::kAbs:
      return unary<Abs>;
    case OpKind::kScale:
      return unary<Scale>;
    default:
      return nullptr;
  }
}

BinaryFunction find_binary(OpKind kind, bool tanh) {
  switch (kind) {
    case OpKind::kAdd:
      return binary<Add>;
    case OpKind::kSub:
      return binary<Sub>;
    case OpKind::kMul:
      return binary<Mul>;
    case OpKind::kDiv:
      return binary<Div>;
    case OpKind::kMaximum:
      return binary<Maximum>;
    case OpKind::kMinimum:
      return binary<Minimum>;
    case OpKind::kReluGradient:
      return binary<ReluGradient>;
    case OpKind::kClipGradient:
      return binary<ClipGradient>;
    case OpKind::kLeakyReluGradient:
      return binary<LeakyReluGradient>;
    case OpKind::kEluGradient:
      return binary<EluGradient>;
    case OpKind::kGeluGradient:
      return tanh ? binary<GeluTanhGradient> : binary<GeluErfGradient>;
    case OpKind::kSigmoidGradient:
      return binary<SigmoidGradient>;
    case OpKind::kTanhGradient:
      return binary<TanhGradient>;
    case OpKind::kHardSigmoidGradient:
      return binary<HardSigmoidGradient>;
    case OpKind::kHardSwishGradient:
      return binary<HardSwishGradient>;
    case OpKind::kSiluGradient:
      return binary<SiluGradient>;
    case OpKind::kSoftplusGradient:
      return binary<SoftplusGradient>;
    case OpKind::kErfGradient:
      return binary<ErfGradient>;
    case OpKind::kAbsGradient:
      return binary<AbsGradient>;
    default:
      return nullptr;
  }
}

MaskedFunction find_masked(OpKind kind) {
  switch (kind) {
    case OpKind::kRelu:
      return masked<Relu, Positive>;
    case OpKind::kClip:
      return masked<Clip, Between>;
    case OpKind::kLeakyRelu:
      return masked<LeakyRelu, Positive>;
    default:
      return nullptr;
  }
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(find_unary);
HWY_EXPORT(find_binary);
HWY_EXPORT(find_masked);
HWY_EXPORT(apply_mask);
HWY_EXPORT(select);
HWY_EXPORT(scale_shift);

Constants constants_of(OpKind kind, const Attributes& attributes) {
  const auto real = [&](const char* name) { return static_cast<float>(attributes.real(name)); };
  switch (kind) {
    case OpKind::kClip:
    case OpKind::kClipGradient:
      return {real("low"), real("high")};
    case OpKind::kLeakyRelu:
    case OpKind::kLeakyReluGradient:
      return {real("slope")};
    case OpKind::kEluGradient:
      return {real("alpha")};
    case OpKind::kHardSigmoid:
    case OpKind::kHardSigmoidGradient:
      return {real("alpha"), real("beta")};
    case OpKind::kScale:
      return {real("factor"), real("offset")};
    default:
      return {};
  }
}

}  // namespace

std::optional<Unary> find_unary(OpKind kind, const Attributes& attributes) {
  const auto function = HWY_DYNAMIC_DISPATCH(find_unary)(kind, attributes.flag("tanh"));
  if (function == nullptr) return std::nullopt;
  return Unary{function, constants_of(kind, attributes)};
}

std::optional<Binary> find_binary(OpKind kind, const Attributes& attributes) {
  const auto function = HWY_DYNAMIC_DISPATCH(find_binary)(kind, attributes.flag("tanh"));
  if (function == nullptr) return std::nullopt;
  return Binary{function, constants_of(kind, attributes)};
}

std::optional<Masked> find_masked(OpKind kind, const Attributes& attributes) {
  const auto function = HWY_DYNAMIC_DISPATCH(find_masked)(kind);
  if (function == nullptr) return std::nullopt;
  return Masked{function, constants_of(kind, attributes)};
}

void apply_mask(const float* dy, const std::uint8_t* mask, float rest, float* dx, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(apply_mask)(dy, mask, rest, dx, n);
}

void select(const std::uint8_t* condition, bool is_one, Operand a, Operand b, float* y,
            std::int64_t n) {
  if (n > 0) HWY_DYNAMIC_DISPATCH(select)(condition, is_one, a, b, y, n);
}

void scale_shift(const float* x, const float* scale, const float* shift, float* y,
                 std::int64_t rows, std::int64_t columns) {
  HWY_DYNAMIC_DISPATCH(scale_shift)(x, scale, shift, y, rows, columns);
}

}  // namespace rockmate::cpu
#endif
