// veda.h: memory of the device and of the host, copies, fills.

#include <algorithm>
#include <cstring>

#include "exec/vector/veda_state.h"

using namespace rockmate::vector;  // NOLINT: what follows is C, made of it

namespace {

using Stream = VEDAcontext_data::Stream;

void take(Stream& stream, rockmate::Seconds time) {
  stream.clock += time;
  stream.pending = true;
}

// Of a program of the card's own, bound by its memory.
rockmate::Seconds pass_over(const rockmate::VectorDevice& card, size_t moved) {
  return card.launch + card.start_up +
         rockmate::Seconds(static_cast<double>(moved) /
                           (card.sustained * card.memory_bytes_per_second));
}

// A pattern of `size` bytes, `count` times in each row.
VEDAresult fill(VEDAdeviceptr to, size_t pitch, const void* pattern, size_t size, size_t width,
                size_t height) {
  return on_stream(
      0, [&](Library& all, VEDAcontext_data& context, DeviceMemory& memory, Stream& stream) {
        if (width == 0 || height == 0) return VEDA_SUCCESS;
        if (height > 1 && pitch < width * size) return VEDA_ERROR_INVALID_VALUE;
        std::byte* place = nullptr;
        const size_t total = pitch * (height - 1) + width * size;
        const MemoryError error = memory.find(bits_of(to), total, place);
        if (error != MemoryError::kNone) return to_result(error);
        for (size_t row = 0; row < height; ++row) {
          for (size_t i = 0; i < width; ++i) {
            std::memcpy(place + row * pitch + i * size, pattern, size);
          }
        }
        take(stream,
             pass_over(all.cards[static_cast<std::size_t>(context.device)], width * height * size));
        return VEDA_SUCCESS;
      });
}
template <class T>
VEDAresult fill(VEDAdeviceptr to, T value, size_t count) {
  return fill(to, 0, &value, sizeof(value), count, 1);
}

}  // namespace

VEDAresult vedaMemAllocAsync(VEDAdeviceptr* pointer, size_t size, VEDAstream stream) {
  return on_stream(stream,
                   [&](Library& all, VEDAcontext_data& context, DeviceMemory& memory, Stream& on) {
                     const Profiled profiled(all, VEDA_PROFILER_MEM_ALLOC, context.device, stream);
                     VirtualPointer made = 0;
                     const MemoryError error = memory.allocate(size, made);
                     if (error != MemoryError::kNone) return to_result(error);
                     *pointer = pointer_of(made);
                     take(on, all.cards[static_cast<std::size_t>(context.device)].launch);
                     return VEDA_SUCCESS;
                   });
}
VEDAresult vedaMemAlloc(VEDAdeviceptr* pointer, size_t size) {
  return vedaMemAllocAsync(pointer, size, 0);
}
VEDAresult vedaMemFreeAsync(VEDAdeviceptr pointer, VEDAstream stream) {
  return on_stream(stream,
                   [&](Library& all, VEDAcontext_data& context, DeviceMemory& memory, Stream& on) {
                     const Profiled profiled(all, VEDA_PROFILER_MEM_FREE, context.device, stream);
                     take(on, all.cards[static_cast<std::size_t>(context.device)].launch);
                     return to_result(memory.free(bits_of(pointer)));
                   });
}
VEDAresult vedaMemFree(VEDAdeviceptr pointer) { return vedaMemFreeAsync(pointer, 0); }

VEDAresult vedaMemAllocHost(void** pointer, size_t size) {
  return guarded([&](Library& all) {
    if (size == 0) return VEDA_ERROR_INVALID_VALUE;
    auto made = std::make_unique<std::byte[]>(size);
    *pointer = made.get();
    all.host_memory.emplace(*pointer, std::move(made));
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaMemFreeHost(void* pointer) {
  return guarded([&](Library& all) {
    return all.host_memory.erase(pointer) == 1 ? VEDA_SUCCESS : VEDA_ERROR_INVALID_VALUE;
  });
}
VEDAresult vedaMemGetInfo(size_t* free, size_t* total) {
  return in_context([&](Library&, VEDAcontext_data&, DeviceMemory& memory) {
    *total = static_cast<size_t>(memory.capacity().count());
    *free = static_cast<size_t>((memory.capacity() - memory.used()).count());
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaMemGetAddressRange(VEDAdeviceptr* base, size_t* size, VEDAdeviceptr pointer) {
  return in_context([&](Library&, VEDAcontext_data&, DeviceMemory& memory) {
    VirtualPointer start = 0;
    std::uint64_t bytes = 0;
    const MemoryError error = memory.range(bits_of(pointer), start, bytes);
    if (error != MemoryError::kNone) return to_result(error);
    if (base != nullptr) *base = pointer_of(start);
    if (size != nullptr) *size = bytes;
    return VEDA_SUCCESS;
  });
}
VEDAresult vedaMemSwap(VEDAdeviceptr a, VEDAdeviceptr b) {
  return in_context([&](Library&, VEDAcontext_data&, DeviceMemory& memory) {
    return to_result(memory.swap(bits_of(a), bits_of(b)));
  });
}

VEDAresult vedaMemcpyHtoDAsync(VEDAdeviceptr to, const void* from, size_t size, VEDAstream stream) {
  return on_stream(
      stream, [&](Library& all, VEDAcontext_data& context, DeviceMemory& memory, Stream& on) {
        const Profiled profiled(all, VEDA_PROFILER_MEM_CPY_HTOD, context.device, stream);
        std::byte* place = nullptr;
        const MemoryError error = memory.find(bits_of(to), size, place);
        if (error != MemoryError::kNone) return to_result(error);
        take(on, context.link.copy_down(place, from, size));
        return VEDA_SUCCESS;
      });
}
VEDAresult vedaMemcpyHtoD(VEDAdeviceptr to, const void* from, size_t size) {
  return vedaMemcpyHtoDAsync(to, from, size, 0);
}
VEDAresult vedaMemcpyDtoHAsync(void* to, VEDAdeviceptr from, size_t size, VEDAstream stream) {
  return on_stream(
      stream, [&](Library& all, VEDAcontext_data& context, DeviceMemory& memory, Stream& on) {
        const Profiled profiled(all, VEDA_PROFILER_MEM_CPY_DTOH, context.device, stream);
        std::byte* place = nullptr;
        const MemoryError error = memory.find(bits_of(from), size, place);
        if (error != MemoryError::kNone) return to_result(error);
        take(on, context.link.copy_up(to, place, size));
        return VEDA_SUCCESS;
      });
}
VEDAresult vedaMemcpyDtoH(void* to, VEDAdeviceptr from, size_t size) {
  return vedaMemcpyDtoHAsync(to, from, size, 0);
}
VEDAresult vedaMemcpyDtoDAsync(VEDAdeviceptr to, VEDAdeviceptr from, size_t size,
                               VEDAstream stream) {
  return on_stream(stream,
                   [&](Library& all, VEDAcontext_data& context, DeviceMemory& memory, Stream& on) {
                     std::byte* target = nullptr;
                     std::byte* source = nullptr;
                     MemoryError error = memory.find(bits_of(to), size, target);
                     if (error == MemoryError::kNone)
                       error = memory.find(bits_of(from), size, source);
                     if (error != MemoryError::kNone) return to_result(error);
                     std::memmove(target, source, size);
                     const auto& card = all.cards[static_cast<std::size_t>(context.device)];
                     take(on, pass_over(card, 2 * size));
                     return VEDA_SUCCESS;
                   });
}
VEDAresult vedaMemcpyDtoD(VEDAdeviceptr to, VEDAdeviceptr from, size_t size) {
  return vedaMemcpyDtoDAsync(to, from, size, 0);
}

VEDAresult vedaMemsetD8(VEDAdeviceptr to, uint8_t value, size_t count) {
  return fill(to, value, count);
}
VEDAresult vedaMemsetD16(VEDAdeviceptr to, uint16_t value, size_t count) {
  return fill(to, value, count);
}
VEDAresult vedaMemsetD32(VEDAdeviceptr to, uint32_t value, size_t count) {
  return fill(to, value, count);
}
VEDAresult vedaMemsetD64(VEDAdeviceptr to, uint64_t value, size_t count) {
  return fill(to, value, count);
}
VEDAresult vedaMemsetD128(VEDAdeviceptr to, uint64_t x, uint64_t y, size_t count) {
  const std::uint64_t pattern[2] = {x, y};
  return fill(to, 0, pattern, sizeof(pattern), count, 1);
}
VEDAresult vedaMemsetD2D8(VEDAdeviceptr to, size_t pitch, uint8_t value, size_t width,
                          size_t height) {
  return fill(to, pitch, &value, sizeof(value), width, height);
}
VEDAresult vedaMemsetD2D16(VEDAdeviceptr to, size_t pitch, uint16_t value, size_t width,
                           size_t height) {
  return fill(to, pitch, &value, sizeof(value), width, height);
}
VEDAresult vedaMemsetD2D64(VEDAdeviceptr to, size_t pitch, uint64_t value, size_t width,
                           size_t height) {
  return fill(to, pitch, &value, sizeof(value), width, height);
}
VEDAresult vedaMemsetD2D128(VEDAdeviceptr to, size_t pitch, uint64_t x, uint64_t y, size_t width,
                            size_t height) {
  const std::uint64_t pattern[2] = {x, y};
  return fill(to, pitch, pattern, sizeof(pattern), width, height);
}
VEDAresult vedaMemsetD2D32(VEDAdeviceptr to, size_t pitch, uint32_t value, size_t width,
                           size_t height) {
  return fill(to, pitch, &value, sizeof(value), width, height);
}
