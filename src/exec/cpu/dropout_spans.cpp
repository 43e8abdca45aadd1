// Dropout of spans: Philox numbers of as many blocks at a time as there are lanes.

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

using Words = hn::Vec<hn::RebindToUnsigned<FloatTag>>;
constexpr hn::RebindToUnsigned<FloatTag> kWords = {};

#if HWY_TARGET != HWY_SCALAR
// The high halves of products of 32 bits.
HWY_INLINE Words multiply_high(Words a, Words b) {
  const hn::RepartitionToWide<decltype(kWords)> wide;
  const auto even = hn::MulEven(a, b);
  const auto odd = hn::MulEven(hn::BitCast(kWords, hn::ShiftRight<32>(hn::BitCast(wide, a))),
                               hn::BitCast(kWords, hn::ShiftRight<32>(hn::BitCast(wide, b))));
  return hn::OddEven(hn::BitCast(kWords, odd), hn::BitCast(kWords, hn::ShiftRight<32>(even)));
}

// The words of as many blocks as there are lanes, from `block` on; word w of lane j goes to
// words[4 * j + w].
void philox_blocks(const DropoutStream& stream, std::uint64_t block, std::uint32_t* words) {
  // Philox4x32's multipliers and Weyl steps (exec/random.h names the paper).
  const Words first_factor = hn::Set(kWords, 0xD2511F53U);
  const Words second_factor = hn::Set(kWords, 0xCD9E8D57U);
  HWY_ALIGN std::uint32_t low[hn::MaxLanes(kWords)];
  HWY_ALIGN std::uint32_t high[hn::MaxLanes(kWords)];
  for (std::int64_t j = 0; j < lanes(); ++j) {
    const std::uint64_t b = block + static_cast<std::uint64_t>(j);
    low[j] = static_cast<std::uint32_t>(b);
    high[j] = static_cast<std::uint32_t>(b >> 32);
  }
  Words c0 = hn::Load(kWords, low);
  Words c1 = hn::Load(kWords, high);
  Words c2 = hn::Set(kWords, stream.step);
  Words c3 = hn::Set(kWords, stream.stream);
  auto key0 = static_cast<std::uint32_t>(stream.seed);
  auto key1 = static_cast<std::uint32_t>(stream.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const Words first_high = multiply_high(first_factor, c0);
    const Words second_high = multiply_high(second_factor, c2);
    const Words first_low = hn::Mul(first_factor, c0);
    const Words second_low = hn::Mul(second_factor, c2);
    c0 = hn::Xor(second_high, hn::Xor(c1, hn::Set(kWords, key0)));
    c1 = second_low;
    c2 = hn::Xor(first_high, hn::Xor(c3, hn::Set(kWords, key1)));
    c3 = first_low;
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  hn::StoreInterleaved4(c0, c1, c2, c3, kWords, words);
}

#else
void philox_blocks(const DropoutStream& stream, std::uint64_t block, std::uint32_t* words) {
  const PhiloxBlock drawn = philox(
      {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), stream.step,
       stream.stream},
      {static_cast<std::uint32_t>(stream.seed), static_cast<std::uint32_t>(stream.seed >> 32)});
  std::copy(drawn.begin(), drawn.end(), words);
}
#endif

// The number of element e is its word / 2^8 / 2^24: it passes where word / 2^8 >= threshold.
void dropout(const DropoutStream& stream, std::uint32_t threshold, std::uint64_t first,
             const float* x, float* y, std::int64_t n) {
  const V scale = number(static_cast<float>(1 / (1 - stream.rate)));
  const Words least = hn::Set(kWords, threshold);
  HWY_ALIGN std::uint32_t words[4 * hn::MaxLanes(kWords) + hn::MaxLanes(kWords)] = {};
  for (std::int64_t done = 0; done < n;) {
    const std::uint64_t element = first + static_cast<std::uint64_t>(done);
    philox_blocks(stream, element / 4, words);
    const auto skipped = static_cast<std::int64_t>(element % 4);
    const std::int64_t count = std::min(n - done, 4 * lanes() - skipped);
    for_each_vector(count, [&](std::int64_t i, auto part) HWY_ATTR {
      const Words drawn = hn::ShiftRight<8>(hn::LoadU(kWords, words + skipped + i));
      // Numbers of 24 bits: a signed comparison will do.
      const hn::RebindToSigned<FloatTag> whole;
      const auto fails = hn::Lt(hn::BitCast(whole, drawn), hn::BitCast(whole, least));
      const M drops = hn::RebindMask(FloatTag(), fails);
      part.store(hn::IfThenZeroElse(drops, hn::Mul(part.load(x + done + i), scale)), y + done + i);
    });
    done += count;
  }
}

}  // namespace rockmate::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rockmate::cpu {
namespace {

HWY_EXPORT(dropout);

}  // namespace

void dropout(const DropoutStream& stream, std::uint64_t first, const float* x, float* y,
             std::int64_t n) {
  const auto threshold = static_cast<std::uint32_t>(std::ceil(stream.rate * 0x1p24));
  HWY_DYNAMIC_DISPATCH(dropout)(stream, threshold, first, x, y, n);
}

}  // namespace rockmate::cpu
#endif
