#include "exec/vector/card_link.h"

#include <cstring>

#include "rockmate/vector_engine.h"

namespace rockmate::vector {
namespace {

Bytes bytes_of(std::size_t size) { return Bytes(static_cast<std::int64_t>(size)); }

}  // namespace

Seconds CardLink::copy_down(std::byte* to, const void* from, std::size_t size) {
  if (size > 0) std::memcpy(to, from, size);
  const Seconds seconds = rockmate::copy_down(bytes_of(size));
  traffic_.down += bytes_of(size);
  ++traffic_.copies;
  traffic_.seconds += seconds;
  return seconds;
}

Seconds CardLink::copy_up(void* to, const std::byte* from, std::size_t size) {
  if (size > 0) std::memcpy(to, from, size);
  const Seconds seconds = rockmate::copy_up(bytes_of(size));
  traffic_.up += bytes_of(size);
  ++traffic_.copies;
  traffic_.seconds += seconds;
  return seconds;
}

}  // namespace rockmate::vector
