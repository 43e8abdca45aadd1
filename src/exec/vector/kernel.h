// The host's side of the vector engine: a family turns an op into a `Body`, which launches vector
// kernels. Who launches them decides what happens: cores that execute, or dry ones that count.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "exec/kernel.h"
#include "exec/vector/kernels/kernels.h"
#include "exec/vector/shim/core.h"

namespace rockmate::vector {

using namespace kernels;  // NOLINT: this room within the room is made of them

/// Runs all tasks of a kernel.
class Launcher {
 public:
  virtual ~Launcher() = default;
  virtual void launch(const char* kernel, ve::Entry entry, const void* arguments, long tasks) = 0;
  /// Whether data can be read after a launch: not when nothing is executed.
  [[nodiscard]] virtual bool executes() const = 0;
};

/// One run of an op.
class Call {
 public:
  Call(const Invocation& invocation, bool adds, Launcher& launcher)
      : run_(invocation, 1, adds), launcher_(launcher) {}

  [[nodiscard]] const void* in(std::size_t i = 0) const { return run_.in<std::byte>(i); }
  [[nodiscard]] void* updated(std::size_t i) const { return run_.updated<std::byte>(i); }
  /// Null: this run does not make it.
  [[nodiscard]] void* out(std::size_t i = 0) const { return run_.out<std::byte>(i); }
  [[nodiscard]] const void* addend() const { return run_.addend<std::byte>(); }
  [[nodiscard]] void* workspace() const { return run_.workspace().data(); }
  [[nodiscard]] std::uint64_t seed() const { return run_.seed(); }
  [[nodiscard]] std::uint64_t step() const { return run_.step(); }
  [[nodiscard]] double rate() const { return run_.rate(); }
  [[nodiscard]] bool executes() const { return launcher_.executes(); }

  template <class Arguments>
  void launch(const char* kernel, ve::Entry entry, const Arguments& arguments, long tasks) const {
    if (tasks > 0) launcher_.launch(kernel, entry, &arguments, tasks);
  }

 private:
  Run run_;
  Launcher& launcher_;
};

#define ROCKMATE_LAUNCH(call, kernel, arguments, tasks) \
  (call).launch(#kernel, ve::kernel, arguments, tasks)

using Body = std::function<void(const Call&)>;
struct Prepared {
  Body body;
  Bytes workspace = {};
};
using Maker = Prepared (*)(const KernelView& kernel);
using Makers = std::array<Maker, kOpKinds>;

void add_map_kernels(Makers& makers);
void add_update_kernels(Makers& makers);
void add_strided_kernels(Makers& makers);
void add_element_kernels(Makers& makers);
void add_resize_kernels(Makers& makers);
void add_part_kernels(Makers& makers);
void add_product_kernels(Makers& makers);
void add_convolution_kernels(Makers& makers);
void add_norm_kernels(Makers& makers);
void add_pooling_kernels(Makers& makers);
void add_line_kernels(Makers& makers);
void add_indexing_kernels(Makers& makers);
void add_reduction_kernels(Makers& makers);

inline void add(Makers& makers, std::initializer_list<OpKind> kinds, Maker maker) {
  for (const OpKind kind : kinds) makers[static_cast<std::size_t>(kind)] = maker;
}

/// float64, or float32; rejects other types.
[[nodiscard]] bool is_wide(const KernelView& kernel, DType dtype);

/// The makers' answer; throws InvalidInput that names the op where there is no kernel for it.
[[nodiscard]] Prepared prepare(const KernelSpec& spec);

/// A fused kernel that runs part by part, runs of point-wise parts as one: its parts as they run.
/// None: it has a kernel of its own, or is not fused.
[[nodiscard]] std::optional<Kernel> in_parts(const KernelSpec& spec);

/// Elements of a vector register.
inline constexpr long kVectorLength = 256;

constexpr long ceil_div(long count, long size) { return (count + size - 1) / size; }

}  // namespace rockmate::vector
