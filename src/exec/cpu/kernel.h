// The families of the cpu engine. A maker looks at a kernel, with the number of threads that will
// run it, and makes what runs it, or nothing: then the next maker of the kind is asked, and at last
// the reference engine. The number of threads must not show in the bits of a result.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <vector>

#include "exec/kernel.h"
#include "exec/parallel.h"

namespace rockmate::cpu {

using namespace kernels;

/// An operand that a kernel is given packed, and what packs it: a body with the inputs of the
/// kernel, of which it has those that the packing reads, and the operand as its one output.
struct PackedOperand {
  Packing packing;
  Body body;
  Bytes workspace = {};
};

struct Prepared {
  Body body;
  Bytes workspace = {};  ///< Run::workspace, on kAlignment
  std::vector<PackedOperand> packed = {};
};

using Maker = std::optional<Prepared> (*)(const KernelView& kernel, int threads);
/// Whether an operand is given packed. Those makers alone are asked then that can take it; of how
/// many bytes it is, they say.
[[nodiscard]] inline bool is_packed(const TensorType& type) {
  return type.format == MemoryFormat::kPacked;
}

/// By kind; in the order in which they are asked.
using Makers = std::array<std::vector<Maker>, kOpKinds>;

inline void add(Makers& makers, std::initializer_list<OpKind> kinds, Maker maker) {
  for (const OpKind kind : kinds) makers[static_cast<std::size_t>(kind)].push_back(maker);
}

}  // namespace rockmate::cpu
