#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rockmate/error.h"
#include "rockmate/graph.h"

namespace rockmate {
namespace {

struct DTypeEntry {
  DType dtype;
  std::string_view word;
  std::int64_t bits;
};
constexpr DTypeEntry kDTypes[] = {
    {DType::kFloat64, "float64", 64}, {DType::kFloat32, "float32", 32},
    {DType::kFloat16, "float16", 16}, {DType::kBFloat16, "bfloat16", 16},
    {DType::kInt64, "int64", 64},     {DType::kInt32, "int32", 32},
    {DType::kUInt8, "uint8", 8},      {DType::kBool, "bool", 8},
    {DType::kBit, "bit", 1}};

const DTypeEntry& entry(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::string_view to_string(DType dtype) { return entry(dtype).word; }

std::optional<DType> parse_dtype(std::string_view word) {
  for (const DTypeEntry& e : kDTypes) {
    if (e.word == word) return e.dtype;
  }
  return std::nullopt;
}

bool is_floating(DType dtype) { return dtype <= DType::kBFloat16; }

std::string_view to_string(MemoryFormat format) {
  switch (format) {
    case MemoryFormat::kRowMajor:
      return "row_major";
    case MemoryFormat::kChannelsLast:
      return "channels_last";
    case MemoryFormat::kPacked:
      break;
  }
  return "packed";
}

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || extent > kLargestExtent) {
      throw InvalidInput(
          fmt::format("shape {}: expected extents from 0 to {}", to_string(shape), kLargestExtent));
    }
    if (__builtin_mul_overflow(count, extent, &count)) {
      throw InvalidInput(fmt::format("shape {}: more than 2^63 - 1 elements", to_string(shape)));
    }
  }
  return count;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

Bytes TensorType::bytes() const {
  if (format == MemoryFormat::kPacked) return packed;
  const std::int64_t elements = element_count(shape);
  const std::int64_t bits = entry(dtype).bits;
  if (bits < 8) return Bytes(elements / 8 + (elements % 8 != 0 ? 1 : 0));
  if (elements > kLargestTensor.count() / (bits / 8)) {
    throw InvalidInput(
        fmt::format("{}: more than {} bytes", to_string(*this), kLargestTensor.count()));
  }
  return Bytes(elements * (bits / 8));
}

std::string to_string(const TensorType& type) {
  std::string text = fmt::format("{}{}", to_string(type.dtype), to_string(type.shape));
  if (type.format != MemoryFormat::kRowMajor) text += fmt::format("@{}", to_string(type.format));
  return text;
}

}  // namespace rockmate
