// The memory of one emulated card: an address space of its own, with hard capacity. What the host
// holds are virtual pointers, which name a place and cannot be followed:
//
//   63        59 58             37 36                                  0
//   [ device 5 ] [   index 22    ] [            offset 37             ]
//
// Each allocation lies on pages of its own between pages that cannot be touched. An allocation may
// have no memory yet (a size of 0): a kernel gives it some, once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "exec/vector/shim/core.h"
#include "rockmate/units.h"

namespace rockmate::vector {

using VirtualPointer = std::uint64_t;

inline constexpr int kOffsetBits = 37;
inline constexpr int kIndexBits = 22;
/// Fewer than 2^22: some indices are kept back, as the maker's driver does.
inline constexpr std::uint32_t kMostAllocations = 4'194'204;

[[nodiscard]] constexpr int device_of(VirtualPointer p) {
  return static_cast<int>(p >> (kOffsetBits + kIndexBits));
}
[[nodiscard]] constexpr std::uint32_t index_of(VirtualPointer p) {
  return static_cast<std::uint32_t>(p >> kOffsetBits & ((1U << kIndexBits) - 1));
}
[[nodiscard]] constexpr std::uint64_t offset_of(VirtualPointer p) {
  return p & ((std::uint64_t{1} << kOffsetBits) - 1);
}

enum class MemoryError : std::uint8_t {
  kNone,
  kOutOfMemory,
  kTooMany,      ///< allocations
  kUnknown,      ///< no such allocation on this device: freed, of another one, or a host address
  kOutOfBounds,  ///< behind the end of the allocation
  kUnassigned,   ///< it has no memory yet
  kAssigned,     ///< it has memory already
  kOffsetted     ///< not the start of the allocation
};

class DeviceMemory {
 public:
  /// `device` from 0 to 30: pointers name device + 1, so that no host address of a process looks
  /// like one of ours by chance, and null is none.
  DeviceMemory(int device, Bytes capacity) : device_(device), capacity_(capacity) {}
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  /// A size of 0: no memory yet.
  [[nodiscard]] MemoryError allocate(std::uint64_t size, VirtualPointer& out);
  /// Gives memory to an allocation that has none.
  [[nodiscard]] MemoryError assign(VirtualPointer p, std::uint64_t size);
  [[nodiscard]] MemoryError free(VirtualPointer p);
  /// The bytes at a pointer, of which there must be `size`.
  [[nodiscard]] MemoryError find(VirtualPointer p, std::uint64_t size, std::byte*& out) const;
  /// Start and size of the allocation that a pointer lies in.
  [[nodiscard]] MemoryError range(VirtualPointer p, VirtualPointer& base,
                                  std::uint64_t& size) const;
  /// Exchanges what two pointers name.
  [[nodiscard]] MemoryError swap(VirtualPointer a, VirtualPointer b);
  void clear();
  /// Whether bytes lie within one allocation.
  [[nodiscard]] bool holds(const void* begin, std::size_t size) const;
  /// What kernels may touch: all that is allocated.
  [[nodiscard]] std::vector<ve::Range> ranges() const;

  [[nodiscard]] Bytes capacity() const { return capacity_; }
  [[nodiscard]] Bytes used() const { return used_; }

 private:
  struct Allocation {
    std::span<std::byte> mapping;  // with the pages that cannot be touched
    std::byte* data = nullptr;
    std::uint64_t size = 0;
    bool lives = false;
  };
  [[nodiscard]] const Allocation* at(VirtualPointer p) const;
  [[nodiscard]] bool map(Allocation& allocation, std::uint64_t size);
  void unmap(Allocation& allocation);

  int device_;
  Bytes capacity_;
  Bytes used_;
  std::vector<Allocation> allocations_ = std::vector<Allocation>(1);  // index 0 is none
  std::vector<std::uint32_t> free_indices_;
};

}  // namespace rockmate::vector
