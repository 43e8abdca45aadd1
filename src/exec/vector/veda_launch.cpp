// veda.h: arguments and launches.

#include <algorithm>
#include <cstring>

#include "exec/vector/veda_state.h"
#include "rockmate/error.h"

using namespace rockmate::vector;  // NOLINT: what follows is C, made of it

namespace {

using Stream = VEDAcontext_data::Stream;

// f(arguments), which forget what was at the index.
template <class F>
VEDAresult set_argument(VEDAargs args, int index, const F& f) {
  return guarded([&](Library& all) {
    if (!all.arguments.contains(args)) return VEDA_ERROR_INVALID_ARGS;
    if (index < 0) return VEDA_ERROR_INVALID_VALUE;
    args->values.erase(index);
    args->places.erase(index);
    args->stacks.erase(index);
    f(*args);
    return VEDA_SUCCESS;
  });
}

// As registers hold it: floating-point numbers by their bits, whole ones by their value.
template <class T>
VEDAresult set_number(VEDAargs args, int index, T value) {
  return set_argument(args, index, [&](VEDAargs_data& to) {
    if constexpr (std::is_floating_point_v<T>) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &value, sizeof(value));
      to.values[index] = bits;
    } else {
      to.values[index] = static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
    }
  });
}

}  // namespace

namespace rockmate::vector {

// Puts arguments together, and brings back what their buffers hold afterwards.
struct LaunchAccess {
  static Seconds taken(const DeviceArguments& arguments) { return arguments.taken_; }
  static MemoryError prepare(const VEDAargs_data& from, DeviceMemory& memory,
                             const VectorDevice& card, int cores, DeviceArguments& to) {
    to.memory_ = &memory;
    to.card_ = &card;
    to.cores_ = cores;
    to.values_ = from.values;
    for (const auto& [index, pointer] : from.places) {
      std::byte* place = nullptr;
      const MemoryError error = memory.find(bits_of(pointer), 0, place);
      if (error != MemoryError::kNone) return error;
      to.values_[index] = reinterpret_cast<std::uint64_t>(place);
    }
    for (const auto& [index, stack] : from.stacks) {
      std::vector<std::byte>& buffer = to.buffers_[index];
      buffer.resize(stack.size);
      if (stack.intent != VEDA_ARGS_INTENT_OUT) {
        std::memcpy(buffer.data(), stack.buffer, stack.size);
      }
      to.values_[index] = reinterpret_cast<std::uint64_t>(buffer.data());
    }
    return MemoryError::kNone;
  }
  static void bring_back(const VEDAargs_data& from, const DeviceArguments& arguments) {
    for (const auto& [index, stack] : from.stacks) {
      if (stack.intent == VEDA_ARGS_INTENT_IN) continue;
      std::memcpy(stack.buffer, arguments.buffers_.at(index).data(), stack.size);
    }
  }
};

std::uint64_t DeviceArguments::u64(int index) const {
  const auto found = values_.find(index);
  if (found == values_.end()) throw InvalidInput("a function reads an argument that was not set");
  return found->second;
}
double DeviceArguments::f64(int index) const {
  const std::uint64_t bits = u64(index);
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
float DeviceArguments::f32(int index) const {
  const std::uint64_t bits = u64(index);
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
MemoryError DeviceArguments::memory(int index, std::byte*& out, std::uint64_t& size) const {
  VirtualPointer base = 0;
  const VirtualPointer p = u64(index);
  if (const MemoryError error = memory_->range(p, base, size); error != MemoryError::kNone) {
    return error;
  }
  size -= std::min(size, offset_of(p));
  return memory_->find(p, 0, out);
}
MemoryError DeviceArguments::allocate(int index, std::uint64_t size) const {
  return memory_->assign(u64(index), size);
}
std::vector<ve::Range> DeviceArguments::ranges() const {
  std::vector<ve::Range> all = memory_->ranges();
  for (const auto& [index, buffer] : buffers_) {
    const auto begin = reinterpret_cast<std::uintptr_t>(buffer.data());
    all.push_back({begin, begin + buffer.size(), true});
  }
  return all;
}

}  // namespace rockmate::vector

VEDAresult vedaArgsCreate(VEDAargs* args) {
  return guarded([&](Library& all) {
    auto made = std::make_unique<VEDAargs_data>();
    *args = made.get();
    all.arguments.emplace(made.get(), std::move(made));
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaArgsDestroy(VEDAargs args) {
  return guarded([&](Library& all) {
    return all.arguments.erase(args) == 1 ? VEDA_SUCCESS : VEDA_ERROR_INVALID_ARGS;
  });
}
VEDAresult vedaArgsSetI8(VEDAargs args, int i, int8_t value) { return set_number(args, i, value); }
VEDAresult vedaArgsSetI16(VEDAargs args, int i, int16_t value) {
  return set_number(args, i, value);
}
VEDAresult vedaArgsSetI32(VEDAargs args, int i, int32_t value) {
  return set_number(args, i, value);
}
VEDAresult vedaArgsSetI64(VEDAargs args, int i, int64_t value) {
  return set_number(args, i, value);
}
VEDAresult vedaArgsSetU8(VEDAargs args, int i, uint8_t value) { return set_number(args, i, value); }
VEDAresult vedaArgsSetU16(VEDAargs args, int i, uint16_t value) {
  return set_number(args, i, value);
}
VEDAresult vedaArgsSetU32(VEDAargs args, int i, uint32_t value) {
  return set_number(args, i, value);
}
VEDAresult vedaArgsSetU64(VEDAargs args, int i, uint64_t value) {
  return set_number(args, i, value);
}
VEDAresult vedaArgsSetF32(VEDAargs args, int i, float value) { return set_number(args, i, value); }
VEDAresult vedaArgsSetF64(VEDAargs args, int i, double value) { return set_number(args, i, value); }
VEDAresult vedaArgsSetVPtr(VEDAargs args, int index, VEDAdeviceptr value) {
  return set_number(args, index, bits_of(value));
}
VEDAresult vedaArgsSetPtr(VEDAargs args, int index, VEDAdeviceptr value) {
  return set_argument(args, index, [&](VEDAargs_data& to) { to.places[index] = value; });
}
VEDAresult vedaArgsSetStack(VEDAargs args, int index, void* buffer, VEDAargs_intent intent,
                            size_t size) {
  if (buffer == nullptr || size == 0) return VEDA_ERROR_INVALID_VALUE;
  return guarded([&](Library& all) {
    if (!all.arguments.contains(args)) return VEDA_ERROR_INVALID_ARGS;
    size_t total = size;
    for (const auto& [i, stack] : args->stacks) total += i == index ? 0 : stack.size;
    if (total > kMostArgumentBytes) return VEDA_ERROR_INVALID_ARGS;
    return set_argument(args, index, [&](VEDAargs_data& to) {
      to.stacks[index] = {buffer, intent, size};
    });
  });
}

VEDAresult vedaLaunchKernelEx(VEDAfunction function, VEDAstream stream, VEDAargs args,
                              int destroy_args, uint64_t* result) {
  return on_stream(stream, [&](Library& all, VEDAcontext_data& context, DeviceMemory& memory,
                               Stream& on) {
    if (function.ptr == 0) return VEDA_ERROR_UNKNOWN_KERNEL;
    const auto found = all.arguments.find(args);
    if (found == all.arguments.end()) return VEDA_ERROR_INVALID_ARGS;
    const Profiled profiled(all, VEDA_PROFILER_LAUNCH_KERNEL, context.device, stream);
    const auto& card = all.cards[static_cast<std::size_t>(context.device)];
    DeviceArguments arguments;
    const int cores = context.streams.size() == 1 ? card.cores : 1;
    const MemoryError error = LaunchAccess::prepare(*found->second, memory, card, cores, arguments);
    if (error != MemoryError::kNone) return to_result(error);
    try {
      const std::uint64_t value =
          (*reinterpret_cast<const DeviceFunction*>(function.ptr))(arguments);
      if (result != nullptr) *result = value;
      LaunchAccess::bring_back(*found->second, arguments);
    } catch (const rockmate::ve::AccessViolation&) {
      on.failure = VEDA_ERROR_VEO_COMMAND_EXCEPTION;
    } catch (const std::exception&) {
      on.failure = VEDA_ERROR_VEO_COMMAND_EXCEPTION;
    }
    on.clock += card.launch + LaunchAccess::taken(arguments);
    on.pending = true;
    if (destroy_args != 0) all.arguments.erase(found);
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaLaunchKernel(VEDAfunction function, VEDAstream stream, VEDAargs args) {
  return vedaLaunchKernelEx(function, stream, args, 0, nullptr);
}

VEDAresult vedaLaunchHostFuncEx(VEDAstream stream, VEDAhost_function function, void* data,
                                uint64_t* result) {
  return on_stream(stream, [&](Library& all, VEDAcontext_data& context, DeviceMemory&, Stream&) {
    if (function == nullptr) return VEDA_ERROR_INVALID_VALUE;
    const Profiled profiled(all, VEDA_PROFILER_LAUNCH_HOST, context.device, stream);
    const std::uint64_t value = function(data);
    if (result != nullptr) *result = value;
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaLaunchHostFunc(VEDAstream stream, VEDAhost_function function, void* data) {
  return vedaLaunchHostFuncEx(stream, function, data, nullptr);
}
