// Memory of the emulated cards, by VEDA's host interface: copies, fills, bounds, capacity.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "support/veda_fixture.h"

namespace rockmate {
namespace {

using testing::Veda;

TEST_F(Veda, CopiesBothWaysAndWithin) {
  std::vector<int> numbers(1000), back(1000);
  std::iota(numbers.begin(), numbers.end(), 0);
  const std::size_t bytes = numbers.size() * sizeof(int);
  const VEDAdeviceptr a = allocate(bytes);
  const VEDAdeviceptr b = allocate(bytes);
  EXPECT_EQ(vedaMemcpyHtoD(a, numbers.data(), bytes), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemcpyDtoD(b + 400, a, bytes - 400), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemcpyDtoHAsync(back.data(), b, bytes, 0), VEDA_SUCCESS);
  EXPECT_EQ(vedaStreamSynchronize(0), VEDA_SUCCESS);
  EXPECT_EQ(back[99], 0);
  EXPECT_EQ(back[100], 0);
  EXPECT_EQ(back[999], 899);
  VEDAdeviceptr base = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(vedaMemGetAddressRange(&base, &size, b + 123), VEDA_SUCCESS);
  EXPECT_EQ(base, b);
  EXPECT_EQ(size, bytes);
  EXPECT_EQ(vedaMemSwap(a, b), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemcpyDtoH(back.data(), a, bytes), VEDA_SUCCESS);
  EXPECT_EQ(back[999], 899);
  EXPECT_EQ(vedaMemSwap(a, b + 4), VEDA_ERROR_OFFSETTED_VPTR_NOT_ALLOWED);
}

TEST_F(Veda, KeepsAddressSpacesApart) {
  std::vector<char> host(100);
  const VEDAdeviceptr p = allocate(100);
  const auto wrong = reinterpret_cast<VEDAdeviceptr>(host.data());
  EXPECT_EQ(vedaMemcpyHtoD(wrong, host.data(), 100), VEDA_ERROR_UNKNOWN_VPTR);
  EXPECT_EQ(vedaMemcpyDtoH(host.data(), wrong, 100), VEDA_ERROR_UNKNOWN_VPTR);
  EXPECT_EQ(vedaMemFree(wrong), VEDA_ERROR_UNKNOWN_VPTR);
  EXPECT_EQ(vedaMemFree(nullptr), VEDA_ERROR_UNKNOWN_VPTR);
  EXPECT_EQ(vedaMemcpyHtoD(p, host.data(), 101), VEDA_ERROR_OUT_OF_BOUNDS);
  EXPECT_EQ(vedaMemcpyDtoH(host.data(), p + 60, 41), VEDA_ERROR_OUT_OF_BOUNDS);
  EXPECT_EQ(vedaMemcpyHtoD(p + 60, host.data(), 40), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemFree(p + 1), VEDA_ERROR_OFFSETTED_VPTR_NOT_ALLOWED);
  EXPECT_EQ(vedaMemFree(p), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemFree(p), VEDA_ERROR_UNKNOWN_VPTR);
  EXPECT_EQ(vedaMemcpyHtoD(p, host.data(), 1), VEDA_ERROR_UNKNOWN_VPTR);
  // A pointer of another card.
  const VEDAdeviceptr q = allocate(100);
  VEDAcontext other = nullptr;
  EXPECT_EQ(vedaCtxCreate(&other, VEDA_CONTEXT_MODE_OMP, 1), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemcpyHtoD(q, host.data(), 10), VEDA_ERROR_UNKNOWN_VPTR);
}

TEST_F(Veda, HasNoMoreMemoryThanTheCard) {
  VEDAcontext small = nullptr;
  ASSERT_EQ(vedaCtxCreate(&small, VEDA_CONTEXT_MODE_OMP, 1), VEDA_SUCCESS);
  std::size_t free = 0, total = 0;
  const VEDAdeviceptr p = allocate(600'000);
  EXPECT_EQ(vedaMemGetInfo(&free, &total), VEDA_SUCCESS);
  EXPECT_EQ(total, std::size_t{1} << 20);
  EXPECT_EQ(free, total - 600'000);
  VEDAdeviceptr q = nullptr;
  EXPECT_EQ(vedaMemAlloc(&q, 600'000), VEDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(vedaMemFree(p), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemAlloc(&q, 600'000), VEDA_SUCCESS);
}

TEST_F(Veda, Fills) {
  const VEDAdeviceptr p = allocate(256);
  std::vector<unsigned char> bytes(256);
  const auto read = [&] { return vedaMemcpyDtoH(bytes.data(), p, 256); };
  EXPECT_EQ(vedaMemsetD8(p, 0x11, 256), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemsetD16(p + 2, 0x2233, 1), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemsetD32(p + 4, 0x44556677, 1), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemsetD64(p + 8, 0x8899aabbccddeeff, 1), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemsetD128(p + 16, 1, 2, 2), VEDA_SUCCESS);
  EXPECT_EQ(read(), VEDA_SUCCESS);
  EXPECT_EQ(bytes[1], 0x11);
  EXPECT_EQ(bytes[2], 0x33);
  EXPECT_EQ(bytes[7], 0x44);
  EXPECT_EQ(bytes[8], 0xff);
  EXPECT_EQ(bytes[16], 1);
  EXPECT_EQ(bytes[24], 2);
  EXPECT_EQ(bytes[40], 2);
  EXPECT_EQ(vedaMemsetD2D8(p, 16, 9, 3, 4), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemsetD2D32(p + 128, 32, 5, 2, 2), VEDA_SUCCESS);
  EXPECT_EQ(read(), VEDA_SUCCESS);
  EXPECT_EQ(bytes[48], 9);
  EXPECT_EQ(bytes[50], 9);
  EXPECT_EQ(bytes[51], 0x11);
  EXPECT_EQ(bytes[128 + 32 + 4], 5);
  EXPECT_EQ(vedaMemsetD2D16(p + 192, 8, 0x0102, 2, 2), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemsetD2D64(p + 208, 16, 0x0304, 1, 2), VEDA_SUCCESS);
  EXPECT_EQ(read(), VEDA_SUCCESS);
  EXPECT_EQ(bytes[192 + 8 + 2], 2);
  EXPECT_EQ(bytes[192 + 8 + 3], 1);
  EXPECT_EQ(bytes[192 + 4], 0x11) << "between rows";
  EXPECT_EQ(bytes[208 + 16], 4);
  EXPECT_EQ(bytes[208 + 17], 3);
  EXPECT_EQ(bytes[208 + 8], 0x11);
  EXPECT_EQ(vedaMemsetD2D128(p, 32, 5, 6, 1, 2), VEDA_SUCCESS);
  EXPECT_EQ(read(), VEDA_SUCCESS);
  EXPECT_EQ(bytes[32], 5);
  EXPECT_EQ(bytes[40], 6);
  EXPECT_EQ(vedaMemsetD2D64(p, 128, 1, 1, 3), VEDA_ERROR_OUT_OF_BOUNDS);
  EXPECT_EQ(vedaMemsetD8(p, 0, 257), VEDA_ERROR_OUT_OF_BOUNDS);
  EXPECT_EQ(vedaMemsetD2D8(p, 2, 9, 3, 4), VEDA_ERROR_INVALID_VALUE);
}

// Allocations beyond the number of indices that a pointer has.
TEST(DeviceMemory, HasSoManyAllocationsAndNoMore) {
  vector::DeviceMemory memory(0, Bytes(1 << 20));
  vector::VirtualPointer p = 0;
  for (std::uint32_t i = 0; i < vector::kMostAllocations; ++i) {
    ASSERT_EQ(memory.allocate(0, p), vector::MemoryError::kNone);
  }
  EXPECT_EQ(vector::index_of(p), vector::kMostAllocations);
  vector::VirtualPointer q = 0;
  EXPECT_EQ(memory.allocate(0, q), vector::MemoryError::kTooMany);
  EXPECT_EQ(memory.free(p), vector::MemoryError::kNone);
  EXPECT_EQ(memory.allocate(0, q), vector::MemoryError::kNone);
  EXPECT_EQ(q, p);
}

}  // namespace
}  // namespace rockmate
