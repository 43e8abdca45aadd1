// veda.h: start and end, errors, devices, contexts, modules, streams, profiler.

#include <algorithm>
#include <array>
#include <cstring>

#include "exec/vector/counting.h"
#include "exec/vector/veda_state.h"

using namespace rockmate::vector;  // NOLINT: what follows is C, made of it

namespace {

struct ErrorText {
  const char* name;
  const char* text;
};
#define VEDA_ERROR_TEXT(name, text) \
  ErrorText { #name, text }
// In the order of VEDAresult.
constexpr std::array kErrors = {
    VEDA_ERROR_TEXT(VEDA_SUCCESS, "no error"),
    VEDA_ERROR_TEXT(VEDA_ERROR_ALREADY_INITIALIZED, "vedaInit was called before"),
    VEDA_ERROR_TEXT(VEDA_ERROR_CANNOT_POP_CONTEXT, "there is no context to pop"),
    VEDA_ERROR_TEXT(VEDA_ERROR_FUNCTION_NOT_FOUND, "the module has no function of that name"),
    VEDA_ERROR_TEXT(VEDA_ERROR_INVALID_ARGS, "the arguments do not exist, or take more than 64 MB"),
    VEDA_ERROR_TEXT(VEDA_ERROR_INVALID_DEVICE, "there is no such device"),
    VEDA_ERROR_TEXT(VEDA_ERROR_INVALID_STREAM, "the context has no such stream"),
    VEDA_ERROR_TEXT(VEDA_ERROR_INVALID_VALUE, "an argument has a value that is not allowed"),
    VEDA_ERROR_TEXT(VEDA_ERROR_MODULE_NOT_FOUND, "there is no module of that name"),
    VEDA_ERROR_TEXT(VEDA_ERROR_NOT_INITIALIZED, "vedaInit was not called"),
    VEDA_ERROR_TEXT(VEDA_ERROR_NO_DEVICES_FOUND, "there is no device"),
    VEDA_ERROR_TEXT(VEDA_ERROR_OFFSETTED_VPTR_NOT_ALLOWED,
                    "the pointer is not the start of its allocation"),
    VEDA_ERROR_TEXT(VEDA_ERROR_OUT_OF_BOUNDS, "more bytes than the allocation has"),
    VEDA_ERROR_TEXT(VEDA_ERROR_OUT_OF_MEMORY, "the device has less memory left"),
    VEDA_ERROR_TEXT(VEDA_ERROR_UNKNOWN_ATTRIBUTE, "the device has no such attribute"),
    VEDA_ERROR_TEXT(VEDA_ERROR_UNKNOWN_CONTEXT, "there is no such context, or none is current"),
    VEDA_ERROR_TEXT(VEDA_ERROR_UNKNOWN_KERNEL, "the function was not got from a module"),
    VEDA_ERROR_TEXT(VEDA_ERROR_UNKNOWN_MODULE, "the module is not loaded"),
    VEDA_ERROR_TEXT(VEDA_ERROR_UNKNOWN_PPTR, "the allocation has no memory yet"),
    VEDA_ERROR_TEXT(VEDA_ERROR_UNKNOWN_VPTR,
                    "no allocation of this device: freed, of another device, or a host address"),
    VEDA_ERROR_TEXT(VEDA_ERROR_VEO_COMMAND_EXCEPTION, "a function on the device failed"),
    VEDA_ERROR_TEXT(VEDA_ERROR_VPTR_ALREADY_ALLOCATED, "the allocation has memory already")};
#undef VEDA_ERROR_TEXT

VEDAresult error_text(VEDAresult error, const char* ErrorText::*member, const char** out) {
  if (out == nullptr || error < 0 || static_cast<std::size_t>(error) >= kErrors.size()) {
    return VEDA_ERROR_INVALID_VALUE;
  }
  *out = kErrors[static_cast<std::size_t>(error)].*member;
  return VEDA_SUCCESS;
}

// f(card), for a device that exists.
template <class F>
VEDAresult for_device(VEDAdevice device, const F& f) {
  return guarded([&](Library& all) {
    if (device < 0 || static_cast<std::size_t>(device) >= all.cards.size()) {
      return VEDA_ERROR_INVALID_DEVICE;
    }
    return f(all.cards[static_cast<std::size_t>(device)]);
  });
}

// Core after core, each with its share of the tasks. What a program touches is taken to fit the
// cache where it moves no more bytes than that holds.
std::uint64_t run_kernel(const char* name, rockmate::ve::Entry entry,
                         const DeviceArguments& arguments) {
  const std::vector<rockmate::ve::Range> ranges = arguments.ranges();
  const std::int64_t first = arguments.i64(1);
  const std::int64_t tasks = arguments.i64(2) - first;
  CountedLaunch launch{name, tasks, {}};
  std::uint64_t moved = 0;
  for (int core = 0; core < arguments.cores(); ++core) {
    const Share share = share_of(tasks, core, arguments.cores());
    rockmate::ve::core = {};
    rockmate::ve::core.checks = true;
    rockmate::ve::core.ranges = ranges.data();
    rockmate::ve::core.range_count = static_cast<int>(ranges.size());
    if (share.end > share.begin)
      entry(arguments.address(0), first + share.begin, first + share.end);
    launch.cores.push_back(rockmate::ve::core.counters);
    moved += rockmate::ve::core.counters.line_bytes;
  }
  rockmate::ve::core = {};
  const rockmate::VectorDevice& card = arguments.card();
  const bool fits_cache = moved <= static_cast<std::uint64_t>(card.cache.count());
  arguments.take(model_launch(launch, card, fits_cache).seconds - card.launch);
  return 0;
}

void register_kernels() {
  std::map<std::string, DeviceFunction> functions;
#define VE_REGISTER(kernel)                                      \
  functions[#kernel] = [](const DeviceArguments& arguments) {    \
    return run_kernel(#kernel, rockmate::ve::kernel, arguments); \
  };
  VE_KERNELS(VE_REGISTER)
#undef VE_REGISTER
  register_module(kKernelModule, std::move(functions));
}

}  // namespace

VEDAresult vedaInit(uint32_t flags) {
  const std::scoped_lock lock(library_mutex());
  Library& all = library();
  if (all.initialized) return VEDA_ERROR_ALREADY_INITIALIZED;
  if (flags != 0) return VEDA_ERROR_INVALID_VALUE;
  if (all.cards.empty()) return VEDA_ERROR_NO_DEVICES_FOUND;
  for (std::size_t d = 0; d < all.cards.size(); ++d) {
    all.memories.push_back(
        std::make_unique<DeviceMemory>(static_cast<int>(d), all.cards[d].memory));
  }
  register_kernels();
  all.initialized = true;
  return VEDA_SUCCESS;
}

VEDAresult vedaExit() {
  return guarded([](Library& all) {
    all.current.clear();
    all.contexts.clear();
    all.modules.clear();
    all.arguments.clear();
    all.host_memory.clear();
    all.memories.clear();
    all.profiler = nullptr;
    all.initialized = false;
    return VEDA_SUCCESS;
  });
}

VEDAresult vedaGetVersion(const char** text) {
  if (text == nullptr) return VEDA_ERROR_INVALID_VALUE;
  *text = "rockmate's emulation";
  return VEDA_SUCCESS;
}
VEDAresult vedaGetErrorName(VEDAresult error, const char** name) {
  return error_text(error, &ErrorText::name, name);
}
VEDAresult vedaGetErrorString(VEDAresult error, const char** text) {
  return error_text(error, &ErrorText::text, text);
}

VEDAresult vedaDeviceGetCount(int* count) {
  return guarded([&](Library& all) {
    *count = static_cast<int>(all.cards.size());
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaDeviceGet(VEDAdevice* device, int ordinal) {
  return for_device(ordinal, [&](const rockmate::VectorDevice&) {
    *device = ordinal;
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaDeviceGetName(char* name, int length, VEDAdevice device) {
  return for_device(device, [&](const rockmate::VectorDevice& card) {
    if (length < 1) return VEDA_ERROR_INVALID_VALUE;
    std::strncpy(name, card.name.c_str(), static_cast<std::size_t>(length) - 1);
    name[length - 1] = '\0';
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaDeviceTotalMem(size_t* bytes, VEDAdevice device) {
  return for_device(device, [&](const rockmate::VectorDevice& card) {
    *bytes = static_cast<size_t>(card.memory.count());
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaDeviceGetAttribute(int* value, VEDAdevice_attribute attribute, VEDAdevice device) {
  return for_device(device, [&](const rockmate::VectorDevice& card) {
    switch (attribute) {
      case VEDA_DEVICE_ATTRIBUTE_CLOCK_RATE:
        *value = static_cast<int>(card.hertz / 1e6);
        return VEDA_SUCCESS;
      case VEDA_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
        *value = card.cores;
        return VEDA_SUCCESS;
      case VEDA_DEVICE_ATTRIBUTE_LLC_CACHE_SIZE:
        *value = static_cast<int>(card.cache.count() / 1000);
        return VEDA_SUCCESS;
      case VEDA_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO:
        *value = 2;
        return VEDA_SUCCESS;
      default:
        return VEDA_ERROR_UNKNOWN_ATTRIBUTE;
    }
  });
}

VEDAresult vedaCtxCreate(VEDAcontext* context, int mode, VEDAdevice device) {
  return guarded([&](Library& all) {
    if (device < 0 || static_cast<std::size_t>(device) >= all.cards.size()) {
      return VEDA_ERROR_INVALID_DEVICE;
    }
    if (mode != VEDA_CONTEXT_MODE_OMP && mode != VEDA_CONTEXT_MODE_SCALAR) {
      return VEDA_ERROR_INVALID_VALUE;
    }
    auto made = std::make_unique<VEDAcontext_data>();
    made->device = device;
    const int cores = all.cards[static_cast<std::size_t>(device)].cores;
    made->streams.resize(mode == VEDA_CONTEXT_MODE_OMP ? std::size_t{1}
                                                       : static_cast<std::size_t>(cores));
    *context = made.get();
    all.contexts.emplace(made.get(), std::move(made));
    all.current.push_back(*context);
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaCtxDestroy(VEDAcontext context) {
  return guarded([&](Library& all) {
    if (!all.contexts.contains(context)) return VEDA_ERROR_UNKNOWN_CONTEXT;
    std::erase(all.current, context);
    all.contexts.erase(context);
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaCtxSetCurrent(VEDAcontext context) {
  return guarded([&](Library& all) {
    if (!all.contexts.contains(context)) return VEDA_ERROR_UNKNOWN_CONTEXT;
    if (all.current.empty()) all.current.push_back(context);
    all.current.back() = context;
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaCtxGetCurrent(VEDAcontext* context) {
  return guarded([&](Library& all) {
    if (all.current.empty()) return VEDA_ERROR_UNKNOWN_CONTEXT;
    *context = all.current.back();
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaCtxPushCurrent(VEDAcontext context) {
  return guarded([&](Library& all) {
    if (!all.contexts.contains(context)) return VEDA_ERROR_UNKNOWN_CONTEXT;
    all.current.push_back(context);
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaCtxPopCurrent(VEDAcontext* context) {
  return guarded([&](Library& all) {
    if (all.current.empty()) return VEDA_ERROR_CANNOT_POP_CONTEXT;
    if (context != nullptr) *context = all.current.back();
    all.current.pop_back();
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaCtxGetDevice(VEDAdevice* device) {
  return in_context([&](Library&, VEDAcontext_data& context, DeviceMemory&) {
    *device = context.device;
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaCtxStreamCnt(int* count) {
  return in_context([&](Library&, VEDAcontext_data& context, DeviceMemory&) {
    *count = static_cast<int>(context.streams.size());
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaCtxSynchronize() {
  return in_context([&](Library& all, VEDAcontext_data& context, DeviceMemory&) {
    VEDAresult first = VEDA_SUCCESS;
    for (VEDAcontext_data::Stream& stream : context.streams) {
      const VEDAresult result =
          synchronize(stream, all.cards[static_cast<std::size_t>(context.device)]);
      if (first == VEDA_SUCCESS) first = result;
    }
    return first;
  });
}

VEDAresult vedaModuleLoad(VEDAmodule* module, const char* name) {
  return in_context([&](Library& all, VEDAcontext_data&, DeviceMemory&) {
    if (!all.registered.contains(name)) return VEDA_ERROR_MODULE_NOT_FOUND;
    auto made = std::make_unique<VEDAmodule_data>();
    made->name = name;
    *module = made.get();
    all.modules.emplace(made.get(), std::move(made));
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaModuleUnload(VEDAmodule module) {
  return guarded([&](Library& all) {
    return all.modules.erase(module) == 1 ? VEDA_SUCCESS : VEDA_ERROR_UNKNOWN_MODULE;
  });
}
VEDAresult vedaModuleGetFunction(VEDAfunction* function, VEDAmodule module, const char* name) {
  return guarded([&](Library& all) {
    if (!all.modules.contains(module)) return VEDA_ERROR_UNKNOWN_MODULE;
    const auto& functions = all.registered.at(module->name);
    const auto found = functions.find(name);
    if (found == functions.end()) return VEDA_ERROR_FUNCTION_NOT_FOUND;
    function->ptr = reinterpret_cast<std::uint64_t>(&found->second);
    function->kernel = found->first.c_str();
    return VEDA_SUCCESS;
  });
}

VEDAresult vedaStreamSynchronize(VEDAstream stream) {
  return on_stream(stream, [&](Library& all, VEDAcontext_data& context, DeviceMemory&,
                               VEDAcontext_data::Stream& on) {
    return synchronize(on, all.cards[static_cast<std::size_t>(context.device)]);
  });
}
VEDAresult vedaStreamQuery(VEDAstream stream) {
  return on_stream(stream, [](Library&, VEDAcontext_data&, DeviceMemory&,
                              VEDAcontext_data::Stream& on) { return on.failure; });
}
VEDAresult vedaStreamAddCallback(VEDAstream stream, VEDAstream_callback callback, void* data,
                                 unsigned int flags) {
  return on_stream(stream,
                   [&](Library&, VEDAcontext_data&, DeviceMemory&, VEDAcontext_data::Stream& on) {
                     if (callback == nullptr || flags != 0) return VEDA_ERROR_INVALID_VALUE;
                     callback(stream, on.failure, data);
                     return VEDA_SUCCESS;
                   });
}
VEDAresult vedaProfilerSetCallback(VEDAprofiler_callback callback) {
  return guarded([&](Library& all) {
    all.profiler = callback;
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaProfilerGetCallback(VEDAprofiler_callback* callback) {
  return guarded([&](Library& all) {
    *callback = all.profiler;
    return VEDA_SUCCESS;
  });
}
