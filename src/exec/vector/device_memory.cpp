#include "exec/vector/device_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace rockmate::vector {
namespace {

std::uint64_t page_size() { return static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

DeviceMemory::~DeviceMemory() { clear(); }

void DeviceMemory::clear() {
  for (Allocation& allocation : allocations_) unmap(allocation);
  allocations_.resize(1);
  free_indices_.clear();
  used_ = {};
}

const DeviceMemory::Allocation* DeviceMemory::at(VirtualPointer p) const {
  if (device_of(p) != device_ + 1) return nullptr;
  const std::uint32_t index = index_of(p);
  if (index == 0 || index >= allocations_.size()) return nullptr;
  return allocations_[index].lives ? &allocations_[index] : nullptr;
}

bool DeviceMemory::map(Allocation& allocation, std::uint64_t size) {
  const std::uint64_t page = page_size();
  const std::uint64_t pages = (size + page - 1) / page * page;
  void* const start = mmap(nullptr, pages + 2 * page, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return false;
  allocation.mapping = {static_cast<std::byte*>(start), pages + 2 * page};
  std::byte* const first = allocation.mapping.data() + page;
  if (mprotect(first, pages, PROT_READ | PROT_WRITE) != 0) {
    unmap(allocation);
    return false;
  }
  // It ends where its pages end, as far as 64 bytes allow.
  allocation.data = first + (pages - size) / 64 * 64;
  allocation.size = size;
  return true;
}

void DeviceMemory::unmap(Allocation& allocation) {
  if (!allocation.mapping.empty()) munmap(allocation.mapping.data(), allocation.mapping.size());
  allocation.mapping = {};
  allocation.data = nullptr;
}

MemoryError DeviceMemory::allocate(std::uint64_t size, VirtualPointer& out) {
  std::uint32_t index = 0;
  if (!free_indices_.empty()) {
    index = free_indices_.back();
    free_indices_.pop_back();
  } else {
    if (allocations_.size() > kMostAllocations) return MemoryError::kTooMany;
    index = static_cast<std::uint32_t>(allocations_.size());
    allocations_.emplace_back();
  }
  allocations_[index] = {};
  allocations_[index].lives = true;
  const VirtualPointer p = static_cast<VirtualPointer>(device_ + 1) << (kOffsetBits + kIndexBits) |
                           static_cast<VirtualPointer>(index) << kOffsetBits;
  if (size > 0) {
    if (const MemoryError error = assign(p, size); error != MemoryError::kNone) {
      allocations_[index].lives = false;
      free_indices_.push_back(index);
      return error;
    }
  }
  out = p;
  return MemoryError::kNone;
}

MemoryError DeviceMemory::assign(VirtualPointer p, std::uint64_t size) {
  if (at(p) == nullptr) return MemoryError::kUnknown;
  if (offset_of(p) != 0) return MemoryError::kOffsetted;
  Allocation& allocation = allocations_[index_of(p)];
  if (allocation.data != nullptr) return MemoryError::kAssigned;
  const auto rest = static_cast<std::uint64_t>((capacity_ - used_).count());
  if (size == 0 || size > rest || size >> kOffsetBits != 0) return MemoryError::kOutOfMemory;
  if (!map(allocation, size)) return MemoryError::kOutOfMemory;
  used_ += Bytes(static_cast<std::int64_t>(size));
  return MemoryError::kNone;
}

MemoryError DeviceMemory::free(VirtualPointer p) {
  if (at(p) == nullptr) return MemoryError::kUnknown;
  if (offset_of(p) != 0) return MemoryError::kOffsetted;
  Allocation& allocation = allocations_[index_of(p)];
  used_ -= Bytes(static_cast<std::int64_t>(allocation.data == nullptr ? 0 : allocation.size));
  unmap(allocation);
  allocation.lives = false;
  free_indices_.push_back(index_of(p));
  return MemoryError::kNone;
}

MemoryError DeviceMemory::find(VirtualPointer p, std::uint64_t size, std::byte*& out) const {
  const Allocation* const allocation = at(p);
  if (allocation == nullptr) return MemoryError::kUnknown;
  if (allocation->data == nullptr) return MemoryError::kUnassigned;
  const std::uint64_t offset = offset_of(p);
  if (offset > allocation->size || size > allocation->size - offset) {
    return MemoryError::kOutOfBounds;
  }
  out = allocation->data + offset;
  return MemoryError::kNone;
}

MemoryError DeviceMemory::range(VirtualPointer p, VirtualPointer& base, std::uint64_t& size) const {
  const Allocation* const allocation = at(p);
  if (allocation == nullptr) return MemoryError::kUnknown;
  base = p - offset_of(p);
  size = allocation->size;
  return MemoryError::kNone;
}

bool DeviceMemory::holds(const void* begin, std::size_t size) const {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  return std::any_of(allocations_.begin(), allocations_.end(), [&](const Allocation& a) {
    const auto start = reinterpret_cast<std::uintptr_t>(a.data);
    return a.data != nullptr && address >= start && address + size <= start + a.size;
  });
}

std::vector<ve::Range> DeviceMemory::ranges() const {
  std::vector<ve::Range> all;
  for (const Allocation& allocation : allocations_) {
    if (allocation.data == nullptr) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(allocation.data);
    all.push_back({begin, begin + allocation.size, true});
  }
  return all;
}

MemoryError DeviceMemory::swap(VirtualPointer a, VirtualPointer b) {
  if (at(a) == nullptr || at(b) == nullptr) return MemoryError::kUnknown;
  if (offset_of(a) != 0 || offset_of(b) != 0) return MemoryError::kOffsetted;
  std::swap(allocations_[index_of(a)], allocations_[index_of(b)]);
  return MemoryError::kNone;
}

}  // namespace rockmate::vector
