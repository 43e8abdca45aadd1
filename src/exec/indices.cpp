#include "exec/indices.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

template <class T>
void check(std::string_view name, std::span<const std::byte> bytes, const IndexRange& range) {
  for (std::size_t e = 0; e < bytes.size() / sizeof(T); ++e) {
    T element{};
    std::memcpy(&element, bytes.data() + e * sizeof(T), sizeof(T));
    const auto index = static_cast<std::int64_t>(element);
    if ((0 <= index && index < range.below) || index == range.ignored) continue;
    const std::string ignored = range.ignored ? fmt::format(" (or {})", *range.ignored) : "";
    throw InvalidInput(fmt::format("'{}': element {} is {}, expected 0 to {}{}", shown(name), e,
                                   index, range.below - 1, ignored));
  }
}

}  // namespace

void check_elements(std::string_view name, const SourceMemory& memory,
                    std::span<const std::byte> bytes) {
  const std::optional<IndexRange>& range = memory.source.indices;
  switch (memory.type.dtype) {
    case DType::kBool:
      return check<std::uint8_t>(name, bytes, {2, std::nullopt});
    case DType::kInt64:
      if (range) check<std::int64_t>(name, bytes, *range);
      return;
    case DType::kInt32:
      if (range) check<std::int32_t>(name, bytes, *range);
      return;
    default:
      return;
  }
}

}  // namespace rockmate
