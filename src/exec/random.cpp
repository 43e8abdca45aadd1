#include "exec/random.h"

#include <cmath>
#include <numbers>

namespace rockmate {

PhiloxBlock philox(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(second),
               static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(first)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

std::uint32_t RandomStream::bits(std::uint64_t element) const {
  const std::uint64_t block = element / 4;
  const PhiloxBlock counter = {static_cast<std::uint32_t>(block),
                               static_cast<std::uint32_t>(block >> 32), step_, stream_};
  return philox(counter, {static_cast<std::uint32_t>(seed_),
                          static_cast<std::uint32_t>(seed_ >> 32)})[element % 4];
}

double RandomStream::uniform(std::uint64_t element) const {
  return static_cast<double>(bits(element) >> 8) * 0x1p-24;
}

double RandomStream::normal(std::uint64_t element) const {
  const double radius = std::sqrt(-2 * std::log(1 - uniform(2 * element)));
  return radius * std::cos(2 * std::numbers::pi * uniform(2 * element + 1));
}

}  // namespace rockmate
