// The host interface of the emulated cards: what it does, and each of its errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "exec/vector/kernels/kernels.h"
#include "support/veda_fixture.h"

namespace rockmate {
namespace {

using testing::Veda;

TEST_F(Veda, TellsOfItsCards) {
  int count = 0;
  EXPECT_EQ(vedaDeviceGetCount(&count), VEDA_SUCCESS);
  EXPECT_EQ(count, 2);
  VEDAdevice device = -1;
  EXPECT_EQ(vedaDeviceGet(&device, 1), VEDA_SUCCESS);
  char name[8];
  EXPECT_EQ(vedaDeviceGetName(name, sizeof(name), device), VEDA_SUCCESS);
  EXPECT_STREQ(name, "ve10b");
  EXPECT_EQ(vedaDeviceGetName(name, 3, device), VEDA_SUCCESS);
  EXPECT_STREQ(name, "ve");
  EXPECT_EQ(vedaDeviceGetName(name, 0, device), VEDA_ERROR_INVALID_VALUE);
  std::size_t bytes = 0;
  EXPECT_EQ(vedaDeviceTotalMem(&bytes, 0), VEDA_SUCCESS);
  EXPECT_EQ(bytes, 48'000'000'000u);
  int value = 0;
  EXPECT_EQ(vedaDeviceGetAttribute(&value, VEDA_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0),
            VEDA_SUCCESS);
  EXPECT_EQ(value, 8);
  EXPECT_EQ(vedaDeviceGetAttribute(&value, VEDA_DEVICE_ATTRIBUTE_CLOCK_RATE, 1), VEDA_SUCCESS);
  EXPECT_EQ(value, 1400);
  EXPECT_EQ(vedaDeviceGetAttribute(&value, static_cast<VEDAdevice_attribute>(99), 0),
            VEDA_ERROR_UNKNOWN_ATTRIBUTE);
  EXPECT_EQ(vedaDeviceGet(&device, 2), VEDA_ERROR_INVALID_DEVICE);
  EXPECT_EQ(vedaDeviceTotalMem(&bytes, -1), VEDA_ERROR_INVALID_DEVICE);
}

TEST_F(Veda, NamesAllItsErrors) {
  const char* name = nullptr;
  const char* text = nullptr;
  for (int e = VEDA_SUCCESS; e <= VEDA_ERROR_VPTR_ALREADY_ALLOCATED; ++e) {
    ASSERT_EQ(vedaGetErrorName(static_cast<VEDAresult>(e), &name), VEDA_SUCCESS);
    ASSERT_EQ(vedaGetErrorString(static_cast<VEDAresult>(e), &text), VEDA_SUCCESS);
    EXPECT_EQ(std::string(name).substr(0, 5), "VEDA_");
    EXPECT_GT(std::strlen(text), 5u);
  }
  vedaGetErrorName(VEDA_ERROR_OUT_OF_BOUNDS, &name);
  EXPECT_STREQ(name, "VEDA_ERROR_OUT_OF_BOUNDS");
  vedaGetErrorName(VEDA_ERROR_VPTR_ALREADY_ALLOCATED, &name);
  EXPECT_STREQ(name, "VEDA_ERROR_VPTR_ALREADY_ALLOCATED");
  EXPECT_EQ(vedaGetErrorName(static_cast<VEDAresult>(999), &name), VEDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(vedaGetVersion(&text), VEDA_SUCCESS);
}

TEST_F(Veda, BeginsAndEnds) {
  EXPECT_EQ(vedaInit(0), VEDA_ERROR_ALREADY_INITIALIZED);
  EXPECT_EQ(vedaExit(), VEDA_SUCCESS);
  EXPECT_EQ(vedaExit(), VEDA_ERROR_NOT_INITIALIZED);
  VEDAdeviceptr p = nullptr;
  EXPECT_EQ(vedaMemAlloc(&p, 8), VEDA_ERROR_NOT_INITIALIZED);
  EXPECT_EQ(vedaInit(7), VEDA_ERROR_INVALID_VALUE);
  vector::set_cards({});
  EXPECT_EQ(vedaInit(0), VEDA_ERROR_NO_DEVICES_FOUND);
}

TEST_F(Veda, KeepsContexts) {
  int streams = 0;
  EXPECT_EQ(vedaCtxStreamCnt(&streams), VEDA_SUCCESS);
  EXPECT_EQ(streams, 1) << "OMP: one stream, nothing overlaps";
  VEDAcontext scalar = nullptr;
  EXPECT_EQ(vedaCtxCreate(&scalar, VEDA_CONTEXT_MODE_SCALAR, 1), VEDA_SUCCESS);
  EXPECT_EQ(vedaCtxStreamCnt(&streams), VEDA_SUCCESS);
  EXPECT_EQ(streams, 8) << "one for each core";
  VEDAdevice device = -1;
  EXPECT_EQ(vedaCtxGetDevice(&device), VEDA_SUCCESS);
  EXPECT_EQ(device, 1);
  VEDAcontext current = nullptr;
  EXPECT_EQ(vedaCtxPopCurrent(&current), VEDA_SUCCESS);
  EXPECT_EQ(current, scalar);
  EXPECT_EQ(vedaCtxGetCurrent(&current), VEDA_SUCCESS);
  EXPECT_EQ(current, context_);
  EXPECT_EQ(vedaCtxPushCurrent(scalar), VEDA_SUCCESS);
  EXPECT_EQ(vedaCtxSetCurrent(context_), VEDA_SUCCESS);
  EXPECT_EQ(vedaCtxDestroy(scalar), VEDA_SUCCESS);
  EXPECT_EQ(vedaCtxDestroy(scalar), VEDA_ERROR_UNKNOWN_CONTEXT);
  EXPECT_EQ(vedaCtxSetCurrent(scalar), VEDA_ERROR_UNKNOWN_CONTEXT);
  EXPECT_EQ(vedaCtxCreate(&scalar, 5, 0), VEDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(vedaCtxCreate(&scalar, VEDA_CONTEXT_MODE_OMP, 9), VEDA_ERROR_INVALID_DEVICE);
  while (vedaCtxPopCurrent(nullptr) == VEDA_SUCCESS) {
  }
  EXPECT_EQ(vedaCtxPopCurrent(nullptr), VEDA_ERROR_CANNOT_POP_CONTEXT);
  EXPECT_EQ(vedaCtxGetCurrent(&current), VEDA_ERROR_UNKNOWN_CONTEXT);
  EXPECT_EQ(vedaCtxSynchronize(), VEDA_ERROR_UNKNOWN_CONTEXT);
}

TEST_F(Veda, LetsKernelsDecideHowMuchTheyNeed) {
  VEDAdeviceptr p = nullptr;
  EXPECT_EQ(vedaMemAllocAsync(&p, 0, 0), VEDA_SUCCESS);
  char byte = 0;
  EXPECT_EQ(vedaMemcpyHtoD(p, &byte, 1), VEDA_ERROR_UNKNOWN_PPTR);
  vector::MemoryError again = vector::MemoryError::kNone;
  const VEDAfunction f = function([&](const vector::DeviceArguments& arguments) {
    EXPECT_EQ(arguments.allocate(0, 64), vector::MemoryError::kNone);
    again = arguments.allocate(0, 64);
    std::byte* place = nullptr;
    std::uint64_t size = 0;
    EXPECT_EQ(arguments.memory(0, place, size), vector::MemoryError::kNone);
    std::memset(place, 7, size);
    return size;
  });
  const VEDAargs args = arguments();
  EXPECT_EQ(vedaArgsSetVPtr(args, 0, p), VEDA_SUCCESS);
  std::uint64_t result = 0;
  EXPECT_EQ(vedaLaunchKernelEx(f, 0, args, 1, &result), VEDA_SUCCESS);
  EXPECT_EQ(vedaStreamSynchronize(0), VEDA_SUCCESS);
  EXPECT_EQ(result, 64u);
  EXPECT_EQ(again, vector::MemoryError::kAssigned);
  char bytes[64] = {};
  EXPECT_EQ(vedaMemcpyDtoH(bytes, p, 64), VEDA_SUCCESS);
  EXPECT_EQ(bytes[63], 7);
  EXPECT_EQ(vedaArgsDestroy(args), VEDA_ERROR_INVALID_ARGS) << "the launch destroyed them";
}

TEST_F(Veda, PassesArgumentsOfEveryWidth) {
  const VEDAargs args = arguments();
  int in = 5, inout = 6, out = 7;
  vedaArgsSetI8(args, 0, -8);
  vedaArgsSetI16(args, 1, -16);
  vedaArgsSetI32(args, 2, -32);
  vedaArgsSetI64(args, 3, -64);
  vedaArgsSetU8(args, 4, 200);
  vedaArgsSetU16(args, 5, 60000);
  vedaArgsSetU32(args, 6, 4000000000);
  vedaArgsSetU64(args, 7, ~0ULL);
  vedaArgsSetF32(args, 8, 1.5F);
  vedaArgsSetF64(args, 9, -2.25);
  vedaArgsSetStack(args, 10, &in, VEDA_ARGS_INTENT_IN, sizeof(in));
  vedaArgsSetStack(args, 11, &inout, VEDA_ARGS_INTENT_INOUT, sizeof(inout));
  vedaArgsSetStack(args, 12, &out, VEDA_ARGS_INTENT_OUT, sizeof(out));
  const VEDAdeviceptr p = allocate(4);
  vedaArgsSetPtr(args, 13, p);
  const VEDAfunction f = function([](const vector::DeviceArguments& a) -> std::uint64_t {
    EXPECT_EQ(a.i64(0), -8);
    EXPECT_EQ(a.i64(1), -16);
    EXPECT_EQ(a.i64(2), -32);
    EXPECT_EQ(a.i64(3), -64);
    EXPECT_EQ(a.u64(4), 200u);
    EXPECT_EQ(a.u64(5), 60000u);
    EXPECT_EQ(a.u64(6), 4000000000u);
    EXPECT_EQ(a.u64(7), ~0ULL);
    EXPECT_EQ(a.f32(8), 1.5F);
    EXPECT_EQ(a.f64(9), -2.25);
    auto* first = static_cast<int*>(a.address(10));
    auto* second = static_cast<int*>(a.address(11));
    auto* third = static_cast<int*>(a.address(12));
    EXPECT_EQ(*first, 5);
    EXPECT_EQ(*second, 6);
    *third = *first + *second;
    *second = 60;
    *first = 50;
    *static_cast<int*>(a.address(13)) = 77;
    return 42;
  });
  std::uint64_t result = 0;
  EXPECT_EQ(vedaLaunchKernelEx(f, 0, args, 0, &result), VEDA_SUCCESS);
  EXPECT_EQ(vedaStreamSynchronize(0), VEDA_SUCCESS);
  EXPECT_EQ(result, 42u);
  EXPECT_EQ(in, 5) << "goes in only";
  EXPECT_EQ(inout, 60);
  EXPECT_EQ(out, 11);
  int found = 0;
  EXPECT_EQ(vedaMemcpyDtoH(&found, p, 4), VEDA_SUCCESS);
  EXPECT_EQ(found, 77);
  EXPECT_EQ(vedaArgsSetU8(args, -1, 1), VEDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(vedaArgsSetStack(args, 0, nullptr, VEDA_ARGS_INTENT_IN, 4), VEDA_ERROR_INVALID_VALUE);
  std::vector<char> large((std::size_t{64} << 20) + 1);
  EXPECT_EQ(vedaArgsSetStack(args, 0, large.data(), VEDA_ARGS_INTENT_IN, large.size()),
            VEDA_ERROR_INVALID_ARGS)
      << "64 MB of arguments at most";
  EXPECT_EQ(vedaArgsDestroy(args), VEDA_SUCCESS);
  EXPECT_EQ(vedaArgsSetU8(args, 0, 1), VEDA_ERROR_INVALID_ARGS);
  EXPECT_EQ(vedaLaunchKernel(f, 0, args), VEDA_ERROR_INVALID_ARGS);
}

TEST_F(Veda, FindsModulesAndFunctions) {
  VEDAmodule module = nullptr;
  EXPECT_EQ(vedaModuleLoad(&module, "absent.vso"), VEDA_ERROR_MODULE_NOT_FOUND);
  ASSERT_EQ(vedaModuleLoad(&module, vector::kKernelModule), VEDA_SUCCESS);
  VEDAfunction f;
  EXPECT_EQ(vedaModuleGetFunction(&f, module, "absent"), VEDA_ERROR_FUNCTION_NOT_FOUND);
  EXPECT_EQ(vedaModuleGetFunction(&f, module, "ve_conv"), VEDA_SUCCESS);
  EXPECT_EQ(vedaModuleUnload(module), VEDA_SUCCESS);
  EXPECT_EQ(vedaModuleUnload(module), VEDA_ERROR_UNKNOWN_MODULE);
  EXPECT_EQ(vedaModuleGetFunction(&f, module, "ve_conv"), VEDA_ERROR_UNKNOWN_MODULE);
  EXPECT_EQ(vedaLaunchKernel(VEDAfunction(), 0, arguments()), VEDA_ERROR_UNKNOWN_KERNEL);
}

// A vector program on the card: it may touch what is allocated there, and no more.
TEST_F(Veda, RunsVectorPrograms) {
  VEDAmodule module = nullptr;
  VEDAfunction kernel;
  ASSERT_EQ(vedaModuleLoad(&module, vector::kKernelModule), VEDA_SUCCESS);
  ASSERT_EQ(vedaModuleGetFunction(&kernel, module, "ve_map"), VEDA_SUCCESS);
  std::vector<float> x(1000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) - 500;
  const VEDAdeviceptr p = allocate(4000);
  ASSERT_EQ(vedaMemcpyHtoD(p, x.data(), 4000), VEDA_SUCCESS);
  // Addresses inside structures are looked up on the device.
  std::uint64_t place = 0;
  const VEDAfunction look_up = function([](const vector::DeviceArguments& a) {
    return reinterpret_cast<std::uint64_t>(a.address(0));
  });
  const VEDAargs look = arguments();
  vedaArgsSetPtr(look, 0, p);
  ASSERT_EQ(vedaLaunchKernelEx(look_up, 0, look, 1, &place), VEDA_SUCCESS);
  ve::MapArguments map = {};
  map.function = ve::Function::kRelu;
  map.x = map.y = reinterpret_cast<void*>(place);
  map.count = 1000;
  const auto launch = [&] {
    const VEDAargs args = arguments();
    vedaArgsSetStack(args, 0, &map, VEDA_ARGS_INTENT_IN, sizeof(map));
    vedaArgsSetI64(args, 1, 0);
    vedaArgsSetI64(args, 2, 2);
    return vedaLaunchKernelEx(kernel, 0, args, 1, nullptr);
  };
  const double before = vector::modelled_time(0).count();
  EXPECT_EQ(launch(), VEDA_SUCCESS);
  // One task has work, on one core: as the cycle model has it, with the start-up.
  const VectorDevice card = vector_device("ve20b");
  const double taken = vector::modelled_time(0).count() - before;
  EXPECT_GT(taken, (card.launch + card.start_up).count());
  EXPECT_GT(taken, (card.launch + card.start_up).count() + 8000 / card.core_bytes_per_second);
  EXPECT_LT(taken, (card.launch + card.start_up).count() + 10e-6);
  EXPECT_EQ(vedaStreamSynchronize(0), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemcpyDtoH(x.data(), p, 4000), VEDA_SUCCESS);
  EXPECT_EQ(x[0], 0);
  EXPECT_EQ(x[999], 499);
  map.count = 1001;
  EXPECT_EQ(launch(), VEDA_SUCCESS) << "told later";
  EXPECT_EQ(vedaStreamQuery(0), VEDA_ERROR_VEO_COMMAND_EXCEPTION);
  EXPECT_EQ(vedaStreamSynchronize(0), VEDA_ERROR_VEO_COMMAND_EXCEPTION);
  EXPECT_EQ(vedaStreamSynchronize(0), VEDA_SUCCESS) << "told once";
  std::vector<float> host(1000);
  map.count = 1000;
  map.y = host.data();
  EXPECT_EQ(launch(), VEDA_SUCCESS);
  EXPECT_EQ(vedaCtxSynchronize(), VEDA_ERROR_VEO_COMMAND_EXCEPTION) << "a host address";
  EXPECT_TRUE(std::all_of(host.begin(), host.end(), [](float f) { return f == 0; }));
}

TEST_F(Veda, CallsTheHostBack) {
  const auto add = [](void* data) -> std::uint64_t { return ++*static_cast<int*>(data); };
  int number = 1;
  std::uint64_t result = 0;
  EXPECT_EQ(vedaLaunchHostFunc(0, add, &number), VEDA_SUCCESS);
  EXPECT_EQ(vedaLaunchHostFuncEx(0, add, &number, &result), VEDA_SUCCESS);
  EXPECT_EQ(result, 3u);
  EXPECT_EQ(vedaLaunchHostFunc(0, nullptr, nullptr), VEDA_ERROR_INVALID_VALUE);
  const auto note = [](VEDAstream, VEDAresult status, void* data) {
    *static_cast<VEDAresult*>(data) = status;
  };
  VEDAresult status = VEDA_ERROR_INVALID_VALUE;
  EXPECT_EQ(vedaStreamAddCallback(0, note, &status, 0), VEDA_SUCCESS);
  EXPECT_EQ(status, VEDA_SUCCESS);
  EXPECT_EQ(vedaStreamAddCallback(0, nullptr, nullptr, 0), VEDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(vedaStreamSynchronize(1), VEDA_ERROR_INVALID_STREAM);
  void* host = nullptr;
  EXPECT_EQ(vedaMemAllocHost(&host, 100), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemFreeHost(host), VEDA_SUCCESS);
  EXPECT_EQ(vedaMemFreeHost(host), VEDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(vedaMemAllocHost(&host, 0), VEDA_ERROR_INVALID_VALUE);
}

std::vector<std::pair<VEDAprofiler_type, int>>& requests() {
  static std::vector<std::pair<VEDAprofiler_type, int>> seen;
  return seen;
}

TEST_F(Veda, TellsTheProfiler) {
  requests().clear();
  EXPECT_EQ(vedaProfilerSetCallback([](VEDAprofiler_data* data, int enter) {
              requests().emplace_back(data->type, enter);
            }),
            VEDA_SUCCESS);
  const VEDAdeviceptr p = allocate(8);
  char bytes[8] = {};
  vedaMemcpyHtoD(p, bytes, 8);
  vedaMemFree(p);
  EXPECT_EQ(requests(),
            (std::vector<std::pair<VEDAprofiler_type, int>>{{VEDA_PROFILER_MEM_ALLOC, 1},
                                                            {VEDA_PROFILER_MEM_ALLOC, 0},
                                                            {VEDA_PROFILER_MEM_CPY_HTOD, 1},
                                                            {VEDA_PROFILER_MEM_CPY_HTOD, 0},
                                                            {VEDA_PROFILER_MEM_FREE, 1},
                                                            {VEDA_PROFILER_MEM_FREE, 0}}));
}

// The published figures, on the modelled clock.
TEST_F(Veda, TakesTheTimeOfLinkAndLaunch) {
  const VEDAfunction f = function([](const vector::DeviceArguments&) { return 0; });
  const VEDAargs args = arguments();
  const auto time = [] { return vector::modelled_time(0).count(); };
  ASSERT_EQ(vedaStreamSynchronize(0), VEDA_SUCCESS);
  double before = time();
  for (int i = 0; i < 1000; ++i) vedaLaunchKernel(f, 0, args);
  EXPECT_NEAR((time() - before) / 1000, 5.6e-6, 1e-9) << "in a queue";
  vedaStreamSynchronize(0);
  before = time();
  for (int i = 0; i < 1000; ++i) {
    vedaLaunchKernel(f, 0, args);
    vedaStreamSynchronize(0);
  }
  EXPECT_NEAR((time() - before) / 1000, 10e-6, 1e-9) << "waited for, one by one";
  const VEDAdeviceptr p = allocate(16'000'000);
  std::vector<char> host(16'000'000);
  const auto copy = [&](std::size_t size) {
    const double start = time();
    vedaMemcpyHtoDAsync(p, host.data(), size, 0);
    return time() - start;
  };
  EXPECT_NEAR(copy(1), 11.9e-6, 1e-9);
  EXPECT_NEAR(1e6 / copy(1'000'000), 4.4e9, 1e7);
  EXPECT_NEAR(16e6 / copy(16'000'000), 10e9, 1e7);
  // What the card does by itself is bound by its memory.
  const VectorDevice card = vector_device("ve20b");
  before = time();
  EXPECT_EQ(vedaMemsetD8(p, 1, 16'000'000), VEDA_SUCCESS);
  EXPECT_GT(time() - before, card.launch.count() + 16e6 / card.memory_bytes_per_second);
  EXPECT_LT(time() - before, 2 * (card.launch.count() + 16e6 / card.memory_bytes_per_second));
  before = time();
  EXPECT_EQ(vedaMemcpyDtoD(p + 8'000'000, p, 8'000'000), VEDA_SUCCESS);
  EXPECT_GT(time() - before, card.launch.count() + 16e6 / card.memory_bytes_per_second);
  EXPECT_LT(time() - before, 2 * (card.launch.count() + 16e6 / card.memory_bytes_per_second));
}

}  // namespace
}  // namespace rockmate
