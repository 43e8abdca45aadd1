// What the functions of veda.h share: cards, contexts, modules, and one lock around all of them.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "exec/vector/card_link.h"
#include "exec/vector/veda_device.h"

/// Arguments of a launch that is being put together.
struct VEDAargs_data {
  struct Stack {
    void* buffer;
    VEDAargs_intent intent;
    size_t size;
  };
  std::map<int, std::uint64_t> values;
  std::map<int, VEDAdeviceptr> places;  // of SetPtr: looked up when it is launched
  std::map<int, Stack> stacks;
};

struct VEDAmodule_data {
  std::string name;
};

struct VEDAcontext_data {
  struct Stream {
    rockmate::Seconds clock;
    bool pending = false;               // a call since the last synchronization
    VEDAresult failure = VEDA_SUCCESS;  // told by the next one
  };
  int device;
  std::vector<Stream> streams;
  rockmate::vector::CardLink link;
};

namespace rockmate::vector {

inline constexpr std::size_t kMostArgumentBytes = std::size_t{64} << 20;

struct Library {
  bool initialized = false;
  std::vector<VectorDevice> cards = {vector_device("ve20b")};
  std::vector<std::unique_ptr<DeviceMemory>> memories;
  std::map<VEDAcontext, std::unique_ptr<VEDAcontext_data>> contexts;
  std::vector<VEDAcontext> current;  // the last one is
  std::map<std::string, std::map<std::string, DeviceFunction>> registered;
  std::map<VEDAmodule, std::unique_ptr<VEDAmodule_data>> modules;
  std::map<VEDAargs, std::unique_ptr<VEDAargs_data>> arguments;
  std::map<void*, std::unique_ptr<std::byte[]>> host_memory;
  VEDAprofiler_callback profiler = nullptr;
  std::uint64_t requests = 0;
};

[[nodiscard]] Library& library();
[[nodiscard]] std::recursive_mutex& library_mutex();

[[nodiscard]] VEDAresult to_result(MemoryError error);
[[nodiscard]] inline VirtualPointer bits_of(VEDAdeviceptr p) {
  return reinterpret_cast<VirtualPointer>(p);
}
[[nodiscard]] inline VEDAdeviceptr pointer_of(VirtualPointer bits) {
  return reinterpret_cast<VEDAdeviceptr>(bits);
}

/// f(library), once there is one.
template <class F>
VEDAresult guarded(const F& f) {
  const std::scoped_lock lock(library_mutex());
  Library& all = library();
  return all.initialized ? f(all) : VEDA_ERROR_NOT_INITIALIZED;
}

/// f(library, the current context, its memory)
template <class F>
VEDAresult in_context(const F& f) {
  return guarded([&](Library& all) {
    if (all.current.empty()) return VEDA_ERROR_UNKNOWN_CONTEXT;
    VEDAcontext_data& context = *all.current.back();
    return f(all, context, *all.memories[static_cast<std::size_t>(context.device)]);
  });
}

/// f(library, context, memory, stream)
template <class F>
VEDAresult on_stream(VEDAstream stream, const F& f) {
  return in_context([&](Library& all, VEDAcontext_data& context, DeviceMemory& memory) {
    if (stream < 0 || static_cast<std::size_t>(stream) >= context.streams.size()) {
      return VEDA_ERROR_INVALID_STREAM;
    }
    return f(all, context, memory, context.streams[static_cast<std::size_t>(stream)]);
  });
}

/// Waits, on the modelled clock, and tells what went wrong since the last time.
VEDAresult synchronize(VEDAcontext_data::Stream& stream, const VectorDevice& card);

/// Tells the profiler of the start of a request, and of its end.
class Profiled {
 public:
  Profiled(Library& all, VEDAprofiler_type type, int device, VEDAstream stream);
  ~Profiled();
  Profiled(const Profiled&) = delete;
  Profiled& operator=(const Profiled&) = delete;

 private:
  VEDAprofiler_callback callback_;
  VEDAprofiler_data data_;
};

}  // namespace rockmate::vector
