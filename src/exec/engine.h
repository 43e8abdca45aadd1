// What runs ops: an engine turns a kernel into something that can be called with addresses.
//
// The contract; tests/exec/engine_conformance_slow_test.cpp holds every engine to it:
// - A run reads nothing but its inputs, and writes every byte of the outputs that it is asked for,
//   the inputs that the kernel updates, its workspace, and nothing else. It allocates nothing that
//   grows with the tensors: what it needs besides is its workspace.
// - An output may lie exactly where an input lies, where the op table allows it (`in_place`).
//   Otherwise buffers do not overlap, but for inputs that are given twice.
// - The bits of a result are a function of the inputs' bits, the kernel, the seed, the step and
//   the rate: not of addresses, of the number of threads, of what is in place, or of outputs left
//   out.
// - Tensors lie in the memory formats of their types, without gaps, on 64 bytes (kAlignment); kBit
//   has element e in bit e % 8 of byte e / 8, and its spare bits are zero. An engine may reject
//   formats other than row-major.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rockmate/graph.h"
#include "rockmate/training_model.h"
#include "rockmate/units.h"

namespace rockmate {

/// A tensor where it lies.
struct TensorRef {
  std::byte* data = nullptr;  ///< null: an optional output that this run does not make
  const TensorType* type = nullptr;
};

/// What changes from run to run.
struct Invocation {
  std::span<const TensorRef> inputs;   ///< in the order of the kernel
  std::span<const TensorRef> outputs;  ///< in the order of the kernel
  std::span<std::byte> workspace;      ///< as many bytes as Engine::workspace said
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  double rate = 1;  ///< what an optimizer multiplies its learning rate by
};

/// A kernel that is ready to run; not for two threads at once.
class PreparedKernel {
 public:
  virtual ~PreparedKernel() = default;
  virtual void run(const Invocation& call) = 0;
};

/// A kernel that packs an operand, and its workspace.
struct Packer {
  std::unique_ptr<PreparedKernel> kernel;
  Bytes workspace = {};
};

/// Memory in which kernels can work. Its address is a multiple of kAlignment.
class Memory {
 public:
  virtual ~Memory() = default;
  [[nodiscard]] virtual std::span<std::byte> bytes() const = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Memory of the engine's device, for all tensors and workspaces of its runs; it may outlive the
  /// engine. Null: that of the host will do. Throws InvalidInput where there is not as much.
  [[nodiscard]] virtual std::unique_ptr<Memory> memory(Bytes /*size*/) const { return nullptr; }
  /// The workspace of a run. Throws InvalidInput that names the op where the engine has no kernel
  /// for it.
  [[nodiscard]] virtual Bytes workspace(const KernelSpec& spec) const = 0;
  /// Throws as `workspace` does. Whatever takes time or memory is done here, once. `spec` may die
  /// before what is returned, its kernel may not.
  [[nodiscard]] virtual std::unique_ptr<PreparedKernel> prepare(const KernelSpec& spec) const = 0;

  /// What the kernel would rather be given packed, if its operands never change. A kernel whose
  /// types say that they are packed, of as many bytes, gives results within the engine's
  /// tolerances of those that it gives otherwise.
  [[nodiscard]] virtual std::vector<Packing> packings(const KernelSpec& /*spec*/) const {
    return {};
  }
  /// What packs an operand for a kernel whose types say that it is packed: it has the inputs of
  /// that, of which it reads those that its Packing names, and one output.
  [[nodiscard]] virtual Packer packer(const KernelSpec& spec, std::size_t operand) const;
};

/// Plain loops, obviously right, for every op of the table in float32 and float64. `threads` of 0
/// stands for all cores.
[[nodiscard]] std::unique_ptr<Engine> make_reference_engine(int threads = 0);

/// oneDNN and vectorized kernels for float32 where it has them, else the reference engine's.
/// `threads` as there.
[[nodiscard]] std::unique_ptr<Engine> make_cpu_engine(int threads = 0);

/// Vector programs for an emulated Vector Engine, in float32 and float64, for the ops that its
/// kernels take; it has no others. Works in its card's memory alone, of 48 GB. `threads` of the
/// host as above: they stand for cores.
[[nodiscard]] std::unique_ptr<Engine> make_vector_engine(int threads = 0);

/// An engine by name. Throws InvalidInput that lists those there are.
[[nodiscard]] std::unique_ptr<Engine> make_engine(std::string_view name, int threads = 0);

}  // namespace rockmate
