// A program that knows VEDA's names alone, as it would be written against NEC's header: it adds
// rows of numbers on two cards and brings them back.
#include "exec/vector/veda.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace {

#define CHECK_VEDA(call) ASSERT_EQ(call, VEDA_SUCCESS)

// Doubled by copies within the card, rows behind one another.
std::vector<int> repeated_on_card(VEDAdevice device, const std::vector<int>& row) {
  const size_t bytes = row.size() * sizeof(int);
  std::vector<int> result(2 * row.size());
  [&] {
    VEDAcontext context = nullptr;
    CHECK_VEDA(vedaCtxCreate(&context, VEDA_CONTEXT_MODE_OMP, device));
    size_t free = 0, total = 0;
    CHECK_VEDA(vedaMemGetInfo(&free, &total));
    EXPECT_EQ(free, total);
    VEDAdeviceptr place = nullptr;
    CHECK_VEDA(vedaMemAllocAsync(&place, 2 * bytes, 0));
    CHECK_VEDA(vedaMemsetD8(place, 0xff, 2 * bytes));
    CHECK_VEDA(vedaMemcpyHtoDAsync(place, row.data(), bytes, 0));
    CHECK_VEDA(vedaMemcpyDtoDAsync(place + bytes, place, bytes, 0));
    CHECK_VEDA(vedaStreamSynchronize(0));
    CHECK_VEDA(vedaMemcpyDtoH(result.data(), place, 2 * bytes));
    const auto add_one = [](void* data) -> uint64_t { return ++*static_cast<int*>(data); };
    uint64_t answer = 0;
    CHECK_VEDA(vedaLaunchHostFuncEx(0, add_one, &result[0], &answer));
    CHECK_VEDA(vedaCtxSynchronize());
    EXPECT_EQ(answer, static_cast<uint64_t>(row[0]) + 1);
    EXPECT_EQ(vedaMemcpyDtoH(result.data(), place, 2 * bytes + 1), VEDA_ERROR_OUT_OF_BOUNDS);
    CHECK_VEDA(vedaMemFree(place));
    EXPECT_EQ(vedaMemFree(place), VEDA_ERROR_UNKNOWN_VPTR);
    CHECK_VEDA(vedaCtxDestroy(context));
  }();
  return result;
}

TEST(VedaProgram, RunsWithItsNamesAlone) {
  CHECK_VEDA(vedaInit(0));
  int count = 0;
  CHECK_VEDA(vedaDeviceGetCount(&count));
  EXPECT_GE(count, 1);
  std::vector<int> row(1000);
  std::iota(row.begin(), row.end(), 7);
  for (VEDAdevice device = 0; device < count; ++device) {
    const std::vector<int> result = repeated_on_card(device, row);
    EXPECT_EQ(result[0], 8);
    EXPECT_EQ(result[999], 1006);
    EXPECT_EQ(result[1000], 7);
    EXPECT_EQ(result[1999], 1006);
  }
  CHECK_VEDA(vedaExit());
}

}  // namespace
