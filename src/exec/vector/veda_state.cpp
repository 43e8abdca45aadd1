#include "exec/vector/veda_state.h"

namespace rockmate::vector {

Library& library() {
  static Library all;
  return all;
}

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

VEDAresult to_result(MemoryError error) {
  switch (error) {
    case MemoryError::kNone:
      return VEDA_SUCCESS;
    case MemoryError::kOutOfMemory:
    case MemoryError::kTooMany:
      return VEDA_ERROR_OUT_OF_MEMORY;
    case MemoryError::kUnknown:
      return VEDA_ERROR_UNKNOWN_VPTR;
    case MemoryError::kOutOfBounds:
      return VEDA_ERROR_OUT_OF_BOUNDS;
    case MemoryError::kUnassigned:
      return VEDA_ERROR_UNKNOWN_PPTR;
    case MemoryError::kAssigned:
      return VEDA_ERROR_VPTR_ALREADY_ALLOCATED;
    default:
      return VEDA_ERROR_OFFSETTED_VPTR_NOT_ALLOWED;
  }
}

VEDAresult synchronize(VEDAcontext_data::Stream& stream, const VectorDevice& card) {
  if (stream.pending) stream.clock += card.launch_and_wait - card.launch;
  stream.pending = false;
  const VEDAresult failure = stream.failure;
  stream.failure = VEDA_SUCCESS;
  return failure;
}

Profiled::Profiled(Library& all, VEDAprofiler_type type, int device, VEDAstream stream)
    : callback_(all.profiler), data_{type, device, stream, ++all.requests, nullptr} {
  if (callback_ != nullptr) callback_(&data_, 1);
}
Profiled::~Profiled() {
  if (callback_ != nullptr) callback_(&data_, 0);
}

void set_cards(std::vector<VectorDevice> cards) {
  const std::scoped_lock lock(library_mutex());
  library().cards = std::move(cards);
}

void register_module(const std::string& name, std::map<std::string, DeviceFunction> functions) {
  const std::scoped_lock lock(library_mutex());
  library().registered.insert_or_assign(name, std::move(functions));
}

Seconds modelled_time(VEDAstream stream) {
  Seconds time;
  static_cast<void>(on_stream(
      stream, [&](Library&, VEDAcontext_data&, DeviceMemory&, VEDAcontext_data::Stream& on) {
        time = on.clock;
        return VEDA_SUCCESS;
      }));
  return time;
}

}  // namespace rockmate::vector
