// The host interface of the emulated cards, with the names and the meaning of VEDA (the driver
// interface of NEC's Vector Engines, shaped like CUDA's), as far as an executor needs it: a program
// written against this header compiles against NEC's veda.h. What differs is told here:
//
// - Calls that end in Async, and launches, are carried out when they are made; what goes wrong in
//   them is told by the next synchronization of their stream, as there.
// - A module is a set of functions that was registered under a name (veda_device.h), not a .vso.
// - Pointers of a device are opaque; host addresses are never among them (UNKNOWN_VPTR).
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

enum VEDAresult : int {
  VEDA_SUCCESS = 0,
  VEDA_ERROR_ALREADY_INITIALIZED,
  VEDA_ERROR_CANNOT_POP_CONTEXT,
  VEDA_ERROR_FUNCTION_NOT_FOUND,
  VEDA_ERROR_INVALID_ARGS,
  VEDA_ERROR_INVALID_DEVICE,
  VEDA_ERROR_INVALID_STREAM,
  VEDA_ERROR_INVALID_VALUE,
  VEDA_ERROR_MODULE_NOT_FOUND,
  VEDA_ERROR_NOT_INITIALIZED,
  VEDA_ERROR_NO_DEVICES_FOUND,
  VEDA_ERROR_OFFSETTED_VPTR_NOT_ALLOWED,
  VEDA_ERROR_OUT_OF_BOUNDS,
  VEDA_ERROR_OUT_OF_MEMORY,
  VEDA_ERROR_UNKNOWN_ATTRIBUTE,
  VEDA_ERROR_UNKNOWN_CONTEXT,
  VEDA_ERROR_UNKNOWN_KERNEL,
  VEDA_ERROR_UNKNOWN_MODULE,
  VEDA_ERROR_UNKNOWN_PPTR,
  VEDA_ERROR_UNKNOWN_VPTR,
  VEDA_ERROR_VEO_COMMAND_EXCEPTION,
  VEDA_ERROR_VPTR_ALREADY_ALLOCATED
};

enum VEDAdevice_attribute : int {
  VEDA_DEVICE_ATTRIBUTE_CLOCK_RATE,            ///< MHz
  VEDA_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,  ///< cores
  VEDA_DEVICE_ATTRIBUTE_LLC_CACHE_SIZE,        ///< kB
  VEDA_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO
};
enum VEDAargs_intent { VEDA_ARGS_INTENT_IN, VEDA_ARGS_INTENT_INOUT, VEDA_ARGS_INTENT_OUT };
enum VEDAcontext_mode {
  VEDA_CONTEXT_MODE_OMP,    ///< one stream, a kernel has all cores
  VEDA_CONTEXT_MODE_SCALAR  ///< a stream for each core
};
enum VEDAprofiler_type {
  VEDA_PROFILER_MEM_ALLOC,
  VEDA_PROFILER_MEM_FREE,
  VEDA_PROFILER_MEM_CPY_HTOD,
  VEDA_PROFILER_MEM_CPY_DTOH,
  VEDA_PROFILER_LAUNCH_KERNEL,
  VEDA_PROFILER_LAUNCH_HOST
};

typedef int VEDAdevice;
typedef int VEDAstream;
typedef struct VEDAcontext_data* VEDAcontext;
typedef struct VEDAmodule_data* VEDAmodule;
typedef struct VEDAargs_data* VEDAargs;
struct VEDAdevicebyte {
  char byte;
};
typedef VEDAdevicebyte* VEDAdeviceptr;
struct VEDAfunction {
  uint64_t ptr = 0;
  const char* kernel = nullptr;
};
struct VEDAprofiler_data {
  VEDAprofiler_type type;
  int device_id;
  int stream_id;
  uint64_t req_id;
  void* user_data;
};
typedef uint64_t (*VEDAhost_function)(void*);
typedef void (*VEDAstream_callback)(VEDAstream, VEDAresult, void*);
typedef void (*VEDAprofiler_callback)(VEDAprofiler_data* data, int enter);

VEDAresult vedaInit(uint32_t flags);
VEDAresult vedaExit(void);
VEDAresult vedaGetVersion(const char** text);
VEDAresult vedaGetErrorName(VEDAresult error, const char** name);
VEDAresult vedaGetErrorString(VEDAresult error, const char** text);

VEDAresult vedaDeviceGetCount(int* count);
VEDAresult vedaDeviceGet(VEDAdevice* device, int ordinal);
VEDAresult vedaDeviceGetName(char* name, int length, VEDAdevice device);
VEDAresult vedaDeviceGetAttribute(int* value, VEDAdevice_attribute attribute, VEDAdevice device);
VEDAresult vedaDeviceTotalMem(size_t* bytes, VEDAdevice device);

VEDAresult vedaCtxCreate(VEDAcontext* context, int mode, VEDAdevice device);
VEDAresult vedaCtxDestroy(VEDAcontext context);
VEDAresult vedaCtxSetCurrent(VEDAcontext context);
VEDAresult vedaCtxGetCurrent(VEDAcontext* context);
VEDAresult vedaCtxPushCurrent(VEDAcontext context);
VEDAresult vedaCtxPopCurrent(VEDAcontext* context);
VEDAresult vedaCtxGetDevice(VEDAdevice* device);
VEDAresult vedaCtxStreamCnt(int* count);
VEDAresult vedaCtxSynchronize(void);

VEDAresult vedaModuleLoad(VEDAmodule* module, const char* name);
VEDAresult vedaModuleUnload(VEDAmodule module);
VEDAresult vedaModuleGetFunction(VEDAfunction* function, VEDAmodule module, const char* name);

VEDAresult vedaArgsCreate(VEDAargs* args);
VEDAresult vedaArgsDestroy(VEDAargs args);
VEDAresult vedaArgsSetI8(VEDAargs args, int index, int8_t value);
VEDAresult vedaArgsSetI16(VEDAargs args, int index, int16_t value);
VEDAresult vedaArgsSetI32(VEDAargs args, int index, int32_t value);
VEDAresult vedaArgsSetI64(VEDAargs args, int index, int64_t value);
VEDAresult vedaArgsSetU8(VEDAargs args, int index, uint8_t value);
VEDAresult vedaArgsSetU16(VEDAargs args, int index, uint16_t value);
VEDAresult vedaArgsSetU32(VEDAargs args, int index, uint32_t value);
VEDAresult vedaArgsSetU64(VEDAargs args, int index, uint64_t value);
VEDAresult vedaArgsSetF32(VEDAargs args, int index, float value);
VEDAresult vedaArgsSetF64(VEDAargs args, int index, double value);
VEDAresult vedaArgsSetVPtr(VEDAargs args, int index, VEDAdeviceptr value);  ///< as it is
VEDAresult vedaArgsSetPtr(VEDAargs args, int index, VEDAdeviceptr value);   ///< where it lies
VEDAresult vedaArgsSetStack(VEDAargs args, int index, void* buffer, VEDAargs_intent intent,
                            size_t size);

VEDAresult vedaLaunchKernel(VEDAfunction function, VEDAstream stream, VEDAargs args);
VEDAresult vedaLaunchKernelEx(VEDAfunction function, VEDAstream stream, VEDAargs args,
                              int destroy_args, uint64_t* result);
VEDAresult vedaLaunchHostFunc(VEDAstream stream, VEDAhost_function function, void* data);
VEDAresult vedaLaunchHostFuncEx(VEDAstream stream, VEDAhost_function function, void* data,
                                uint64_t* result);

VEDAresult vedaMemAlloc(VEDAdeviceptr* pointer, size_t size);
VEDAresult vedaMemAllocAsync(VEDAdeviceptr* pointer, size_t size, VEDAstream stream);
VEDAresult vedaMemFree(VEDAdeviceptr pointer);
VEDAresult vedaMemFreeAsync(VEDAdeviceptr pointer, VEDAstream stream);
VEDAresult vedaMemAllocHost(void** pointer, size_t size);
VEDAresult vedaMemFreeHost(void* pointer);
VEDAresult vedaMemGetInfo(size_t* free, size_t* total);
VEDAresult vedaMemGetAddressRange(VEDAdeviceptr* base, size_t* size, VEDAdeviceptr pointer);
VEDAresult vedaMemSwap(VEDAdeviceptr a, VEDAdeviceptr b);

VEDAresult vedaMemcpyHtoD(VEDAdeviceptr to, const void* from, size_t size);
VEDAresult vedaMemcpyHtoDAsync(VEDAdeviceptr to, const void* from, size_t size, VEDAstream stream);
VEDAresult vedaMemcpyDtoH(void* to, VEDAdeviceptr from, size_t size);
VEDAresult vedaMemcpyDtoHAsync(void* to, VEDAdeviceptr from, size_t size, VEDAstream stream);
VEDAresult vedaMemcpyDtoD(VEDAdeviceptr to, VEDAdeviceptr from, size_t size);
VEDAresult vedaMemcpyDtoDAsync(VEDAdeviceptr to, VEDAdeviceptr from, size_t size,
                               VEDAstream stream);

// Counts, widths and heights are in elements, pitches in bytes.
VEDAresult vedaMemsetD8(VEDAdeviceptr to, uint8_t value, size_t count);
VEDAresult vedaMemsetD16(VEDAdeviceptr to, uint16_t value, size_t count);
VEDAresult vedaMemsetD32(VEDAdeviceptr to, uint32_t value, size_t count);
VEDAresult vedaMemsetD64(VEDAdeviceptr to, uint64_t value, size_t count);
VEDAresult vedaMemsetD128(VEDAdeviceptr to, uint64_t x, uint64_t y, size_t count);
VEDAresult vedaMemsetD2D8(VEDAdeviceptr to, size_t pitch, uint8_t value, size_t width,
                          size_t height);
VEDAresult vedaMemsetD2D16(VEDAdeviceptr to, size_t pitch, uint16_t value, size_t width,
                           size_t height);
VEDAresult vedaMemsetD2D64(VEDAdeviceptr to, size_t pitch, uint64_t value, size_t width,
                           size_t height);
VEDAresult vedaMemsetD2D128(VEDAdeviceptr to, size_t pitch, uint64_t x, uint64_t y, size_t width,
                            size_t height);
VEDAresult vedaMemsetD2D32(VEDAdeviceptr to, size_t pitch, uint32_t value, size_t width,
                           size_t height);

VEDAresult vedaStreamSynchronize(VEDAstream stream);
VEDAresult vedaStreamQuery(VEDAstream stream);
VEDAresult vedaStreamAddCallback(VEDAstream stream, VEDAstream_callback callback, void* data,
                                 unsigned int flags);
VEDAresult vedaProfilerSetCallback(VEDAprofiler_callback callback);
VEDAresult vedaProfilerGetCallback(VEDAprofiler_callback* callback);
}
