// Dropout of spans: Philox numbers of as many blocks at a time as there are lanes of 64 bits. Each
// counter lies in the lower half of a lane, where a product of 32 by 32 bits is one instruction:
// its lower half is a new counter as it is, and its upper half one shift away. What is left above a
// counter harms nobody, as products read lower halves alone.

#include <algorithm>
#include <cmath>

#include "exec/cpu/spans.h"
#include "exec/cpu/targets.h"
#include "exec/random.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/cpu/dropout_spans.cpp"
#include <hwy/foreach_target.h>

#include "exec/cpu/simd_inl.h"

HWY_BEFORE_NAMESPACE();
namespace rockmate::cpu::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

using Words = hn::Vec<hn::RebindToUnsigned<FloatTag>>;
constexpr hn::RebindToUnsigned<FloatTag> kWords = {};
constexpr hn::RepartitionToWide<decltype(kWords)> kWide = {};
using Wide = hn::Vec<decltype(kWide)>;

// The words of so many elements that they fill two vectors.
struct Drawn {
  Words first, second;
};

class Philox {
 public:
  explicit Philox(const DropoutStream& stream)
      : step_(hn::Set(kWide, stream.step)), stream_(hn::Set(kWide, stream.stream)) {
    // Weyl steps (exec/random.h names the paper).
    auto key0 = static_cast<std::uint32_t>(stream.seed);
    auto key1 = static_cast<std::uint32_t>(stream.seed >> 32);
    for (int round = 0; round < kRounds; ++round) {
      keys_[round][0] = key0;
      keys_[round][1] = key1;
      key0 += 0x9E3779B9U;
      key1 += 0xBB67AE85U;
    }
    // Interleaved by pairs of words, blocks stand in their order.
    HWY_ALIGN std::uint64_t offsets[hn::MaxLanes(kWide)];
    const std::size_t lanes = hn::Lanes(kWide);
    for (std::size_t i = 0; i < lanes; ++i) offsets[i] = i / 2 + i % 2 * (lanes / 2);
    offsets_ = hn::Load(kWide, offsets);
  }

  /// Elements from 4 * block on.
  HWY_INLINE Drawn draw(std::uint64_t block) const {
    const Wide first_factor = hn::Set(kWide, 0xD2511F53U);
    const Wide second_factor = hn::Set(kWide, 0xCD9E8D57U);
    Wide c0 = hn::Add(hn::Set(kWide, block), offsets_);
    Wide c1 = hn::ShiftRight<32>(c0);
    Wide c2 = step_;
    Wide c3 = stream_;
    for (const auto& key : keys_) {
      const Wide first = multiply(first_factor, c0);
      const Wide second = multiply(second_factor, c2);
      c0 = hn::Xor3(hn::ShiftRight<32>(second), c1, hn::Set(kWide, key[0]));
      c1 = second;
      c2 = hn::Xor3(hn::ShiftRight<32>(first), c3, hn::Set(kWide, key[1]));
      c3 = first;
    }
    const Wide low = pairs(c0, c1);
    const Wide high = pairs(c2, c3);
    return {hn::BitCast(kWords, hn::InterleaveLower(kWide, low, high)),
            hn::BitCast(kWords, hn::InterleaveUpper(kWide, low, high))};
  }

 private:
  static constexpr int kRounds = 10;

  static HWY_INLINE Wide multiply(Wide a, Wide b) {
    return hn::MulEven(hn::BitCast(kWords, a), hn::BitCast(kWords, b));
  }
  // Of lower halves.
  static HWY_INLINE Wide pairs(Wide even, Wide odd) {
    return hn::BitCast(
        kWide, hn::OddEven(hn::BitCast(kWords, hn::ShiftLeft<32>(odd)), hn::BitCast(kWords, even)));
  }

  Wide step_, stream_, offsets_;
  std::uint64_t keys_[kRounds][2];
};

// The number of element e is its word / 2^8 / 2^24: it passes where word / 2^8 >= threshold.
template <bool negates>
void pass(const DropoutStream& stream, std::uint32_t threshold, std::uint64_t first, const float* x,
          float* y, std::int64_t n) {
  const Philox philox(stream);
  const V scale = number(static_cast<float>(1 / (1 - stream.rate)));
  const hn::RebindToSigned<FloatTag> whole;  // numbers of 24 bits: a signed comparison will do
  const auto least = hn::Set(whole, static_cast<std::int32_t>(threshold));
  const auto pass_vector = [&](Words words, std::int64_t at, auto part) HWY_ATTR {
    const auto fails = hn::Lt(hn::BitCast(whole, hn::ShiftRight<8>(words)), least);
    const M drops = hn::RebindMask(FloatTag(), fails);
    const V v = part.load(x + at);
    if constexpr (negates) {
      part.store(hn::IfThenElse(drops, hn::Neg(v), v), y + at);
    } else {
      part.store(hn::IfThenZeroElse(drops, hn::Mul(v, scale)), y + at);
    }
  };
  const std::int64_t width = lanes();
  // `count` elements from `at` on, whose first one is number `skipped` of its block.
  const auto pass_some = [&](std::int64_t at, std::int64_t skipped, std::int64_t count) HWY_ATTR {
    HWY_ALIGN std::uint32_t words[3 * hn::MaxLanes(kWords)] = {};
    const Drawn drawn = philox.draw((first + static_cast<std::uint64_t>(at)) / 4);
    hn::Store(drawn.first, kWords, words);
    hn::Store(drawn.second, kWords, words + width);
    for_each_vector(count, [&](std::int64_t i, auto part) HWY_ATTR {
      pass_vector(hn::LoadU(kWords, words + skipped + i), at + i, part);
    });
  };
  std::int64_t at = 0;
  if (const auto skipped = static_cast<std::int64_t>(first % 4); skipped != 0) {
    at = std::min(n, 4 - skipped);
    pass_some(0, skipped, at);
  }
  for (; at + 2 * width <= n; at += 2 * width) {
    const Drawn drawn = philox.draw((first + static_cast<std::uint64_t>(at)) / 4);
    pass_vector(drawn.first, at, Whole());
    pass_vector(drawn.second, at + width, Whole());
  }
  if (at < n) pass_some(at, 0, n - at);
}

void dropout(const DropoutStream& stream, std::uint32_t threshold, std::uint64_t first,
             const float* x, float* y, std::int64_t n) {
  stream.negates ? pass<true>(stream, threshold, first, x, y, n)
                 : pass<false>(stream, threshold, first, x, y, n);
}

#else

void dropout(const DropoutStream& stream, std::uint32_t, std::uint64_t first, const float* x,
             float* y, std::int64_t n) {
  const RandomStream random(stream.seed, stream.stream, stream.step);
  const auto scale = static_cast<float>(1 / (1 - stream.rate));
  for (std::int64_t i = 0; i < n; ++i) {
    const bool passes = random.uniform(first + static_cast<std::uint64_t>(i)) >= stream.rate;
    if (stream.negates) {
      y[i] = passes ? x[i] : -x[i];
    } else {
      y[i] = passes ? x[i] * scale : 0;
    }
  }
}

#endif

void keep_positive(const float* x, float factor, float* y, std::int64_t n) {
  const V scale = number(factor);
  for_each_vector(n, [&](std::int64_t i, auto part) HWY_ATTR {
    const V v = part.load(x + i);
    part.store(hn::IfThenZeroElse(hn::Lt(v, zero()), hn::Mul(v, scale)), y + i);
  });
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(dropout);
HWY_EXPORT(keep_positive);

}  // namespace

DropoutStream dropout_stream(const Attributes& attributes) {
  return {.rate = attributes.real("rate"),
          .stream = static_cast<std::uint32_t>(attributes.integer("stream")),
          .negates = attributes.flag("negates")};
}

void dropout(const DropoutStream& stream, std::uint64_t first, const float* x, float* y,
             std::int64_t n) {
  const auto threshold = static_cast<std::uint32_t>(std::ceil(stream.rate * 0x1p24));
  HWY_DYNAMIC_DISPATCH(dropout)(stream, threshold, first, x, y, n);
}

void keep_positive(const float* x, float factor, float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(keep_positive)(x, factor, y, n);
}

}  // namespace rockmate::cpu
#endif
