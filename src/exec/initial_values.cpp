#include "exec/initial_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/check.h"
#include "exec/parallel.h"
#include "exec/random.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

// Streams of dropout count from 0.
constexpr std::uint32_t kSourceStreams = std::uint32_t{1} << 31;

RandomStream stream_of(const SourceMemory& memory, std::uint64_t seed, std::uint64_t step) {
  return {seed, kSourceStreams | static_cast<std::uint32_t>(memory.position),
          static_cast<std::uint32_t>(step)};
}

template <class T, class Element>
void write_as(std::span<std::byte> bytes, int threads, const Element& element) {
  const auto write_one = [&](std::size_t e) {
    T converted{};
    if constexpr (std::is_same_v<T, bool>) {
      converted = element(e) != 0;
    } else {
      converted = static_cast<T>(element(e));
    }
    std::memcpy(bytes.data() + e * sizeof(T), &converted, sizeof(T));
  };
  const auto count = static_cast<std::int64_t>(bytes.size() / sizeof(T));
  kernels::parallel_for(kernels::thread_count(threads), count, kernels::kGrain,
                        [&](std::int64_t begin, std::int64_t end) {
                          for (std::int64_t e = begin; e < end; ++e) {
                            write_one(static_cast<std::size_t>(e));
                          }
                        });
}

// `element(e)` is a double.
template <class Element>
void write(const SourceMemory& memory, int threads, const Element& element_of) {
  const auto element = [&](std::size_t e) { return element_of(memory.first + e); };
  switch (memory.type.dtype) {
    case DType::kFloat64:
      return write_as<double>(memory.bytes, threads, element);
    case DType::kFloat32:
      return write_as<float>(memory.bytes, threads, element);
    case DType::kInt64:
      return write_as<std::int64_t>(memory.bytes, threads, element);
    case DType::kInt32:
      return write_as<std::int32_t>(memory.bytes, threads, element);
    case DType::kUInt8:
      return write_as<std::uint8_t>(memory.bytes, threads, element);
    case DType::kBool:
      return write_as<bool>(memory.bytes, threads, element);
    case DType::kFloat16:
    case DType::kBFloat16:
    case DType::kBit:
      break;
  }
  throw InvalidInput(
      fmt::format("{} cannot be given initial values; expected float32, float64, "
                  "int64, int32, uint8 or bool",
                  to_string(memory.type)));
}

void write_fill(const SourceMemory& memory, const RandomStream& stream, const Fill& fill,
                int threads) {
  const double value = fill.value;
  switch (fill.kind) {
    case Fill::Kind::kConstant:
      return write(memory, threads, [=](std::size_t) { return value; });
    case Fill::Kind::kUniform:
      return write(memory, threads,
                   [=](std::size_t e) { return (2 * stream.uniform(e) - 1) * value; });
    case Fill::Kind::kNormal:
      return write(memory, threads, [=](std::size_t e) { return stream.normal(e) * value; });
  }
  ROCKMATE_CHECK(false, "a kind of fill without values");
}

}  // namespace

void write_initial_values(const SourceMemory& memory, std::uint64_t seed, int threads) {
  if (memory.source.data != nullptr) {
    const std::vector<double>& data = *memory.source.data;
    ROCKMATE_CHECK(static_cast<std::int64_t>(data.size()) == element_count(memory.type.shape));
    return write(memory, threads, [&](std::size_t e) { return data[e]; });
  }
  write_fill(memory, stream_of(memory, seed, 0), memory.source.fill, threads);
}

void write_synthetic_data(const SourceMemory& memory, std::uint64_t seed, std::uint64_t step,
                          int threads) {
  const RandomStream stream = stream_of(memory, seed, step);
  if (is_floating(memory.type.dtype) && !memory.source.indices) {
    return write_fill(memory, stream, {Fill::Kind::kNormal, 1}, threads);
  }
  const auto below =
      static_cast<std::uint64_t>(memory.source.indices.value_or(IndexRange{2}).below);
  write(memory, threads,
        [=](std::size_t e) { return static_cast<double>((stream.bits(e) * below) >> 32); });
}

}  // namespace rockmate
