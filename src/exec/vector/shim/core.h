// One emulated core of a Vector Engine: what it may touch, and what it has issued. The intrinsics
// of velintrin.h work on the core of the thread that calls them.
//
// A dry core issues without executing: no data is read or written, so that the work of a kernel can
// be counted from its shapes alone. Loops whose rounds issue the same instructions are then run
// once, with a weight (`repeat` in kernels/vector_unit.h). What a kernel issues must not depend on
// data, and tests hold dry counts to those of real runs.
//
// Kernels are compiled for a newer processor than the rest, and no inline function of theirs may
// end up there: this header, which both sides see, uses none of the C++ library's, and expands its
// own.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VE_ALWAYS __attribute__((always_inline)) inline

namespace rockmate::ve {

enum Pipe : int { kFma, kAlu, kDivide, kMask, kLoad, kStore, kGather, kPipes };

/// What was issued. Cycles are those of one pipe of the kind: ceil(VL / 32) for an instruction.
struct Counters {
  uint64_t instructions[kPipes] = {};
  uint64_t cycles[kPipes] = {};
  uint64_t lengths = 0;       ///< sum of the vector lengths of all instructions
  uint64_t flops = 0;         ///< both halves of a packed element count, a fused step is two
  uint64_t loaded_bytes = 0;  ///< that vector instructions asked for
  uint64_t stored_bytes = 0;
  uint64_t line_bytes = 0;  ///< of the cache lines that they lie in, where they are not neighbours
  uint64_t scalars = 0;     ///< scalar loads, stores and transfers to and from vectors

  VE_ALWAYS Counters& operator+=(const Counters& other) {
    for (int p = 0; p < kPipes; ++p) {
      instructions[p] += other.instructions[p];
      cycles[p] += other.cycles[p];
    }
    lengths += other.lengths;
    flops += other.flops;
    loaded_bytes += other.loaded_bytes;
    stored_bytes += other.stored_bytes;
    line_bytes += other.line_bytes;
    scalars += other.scalars;
    return *this;
  }
  VE_ALWAYS friend bool operator==(const Counters&, const Counters&) = default;
};

/// Bytes [begin, end) that a kernel was given.
struct Range {
  uintptr_t begin = 0, end = 0;
  bool writable = false;
};

/// Thrown by an access outside of all ranges, and by a store to one that is read-only.
struct AccessViolation {
  uintptr_t begin, end;
  bool is_store;
};

struct Core {
  bool dry = false;
  bool checks = false;  ///< accesses against `ranges`
  uint64_t weight = 1;  ///< of each instruction, while dry
  Counters counters = {};
  const Range* ranges = nullptr;
  int range_count = 0;
  int last_range = 0;  ///< that an access hit: most hit it again

  VE_ALWAYS void access(uintptr_t begin, uintptr_t end, bool is_store) {
    if (!checks) return;
    if (allows(last_range, begin, end, is_store)) return;
    for (int r = 0; r < range_count; ++r) {
      if (!allows(r, begin, end, is_store)) continue;
      last_range = r;
      return;
    }
    throw AccessViolation{begin, end, is_store};
  }
  VE_ALWAYS bool allows(int r, uintptr_t begin, uintptr_t end, bool is_store) const {
    if (r >= range_count) return false;
    const Range& range = ranges[r];
    return begin >= range.begin && end <= range.end && (range.writable || !is_store);
  }
  VE_ALWAYS void issue(Pipe pipe, int vl, unsigned flops_per_lane = 0) {
    const auto length = static_cast<uint64_t>(vl);
    counters.instructions[pipe] += weight;
    counters.cycles[pipe] += weight * ((length + 31) / 32);
    counters.lengths += weight * length;
    counters.flops += weight * length * flops_per_lane;
  }
};

/// The core of this thread.
extern constinit thread_local Core core;

}  // namespace rockmate::ve
