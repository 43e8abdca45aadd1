// The vector engine: ops as vector programs, which emulated cores execute. What it computes is
// real; time on the device is modelled elsewhere (cycle_model.h), from what the cores issue.

#include "exec/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <mutex>

#include "exec/parallel.h"
#include "exec/vector/kernel.h"
#include "rockmate/error.h"

namespace rockmate {
namespace vector {
namespace {

// Runs tasks on host threads, each of which is a core. A core may touch what the op was given.
class ExecutingLauncher : public Launcher {
 public:
  ExecutingLauncher(std::string_view op, int threads) : op_(op), threads_(threads) {}

  void allow(const void* begin, Bytes bytes, bool writable) {
    if (begin == nullptr || bytes.count() == 0) return;
    const auto address = reinterpret_cast<std::uintptr_t>(begin);
    // Reads are of whole words, and storages of whole words.
    const auto size = static_cast<std::uintptr_t>(bytes.count());
    ranges_.push_back({address, address + (writable ? size : (size + 7) / 8 * 8), writable});
  }
  [[nodiscard]] bool executes() const override { return true; }

  void launch(const char* kernel, ve::Entry entry, const void* arguments, long tasks) override {
    std::exception_ptr failure;
    std::mutex guards_failure;
    parallel_for(threads_, tasks, 1, [&](std::int64_t begin, std::int64_t end) {
      try {
        enter();
        entry(arguments, begin, end);
      } catch (const ve::AccessViolation& violation) {
        const std::scoped_lock lock(guards_failure);
        failure = std::make_exception_ptr(InternalError(fmt::format(
            "op '{}': kernel {} {} bytes {:#x} to {:#x}, which it was not given", op_, kernel,
            violation.is_store ? "stores to" : "loads", violation.begin, violation.end)));
      }
    });
    if (failure) std::rethrow_exception(failure);
  }

 private:
  void enter() const {
    ve::core = {};
    ve::core.checks = true;
    ve::core.ranges = ranges_.data();
    ve::core.range_count = static_cast<int>(ranges_.size());
  }

  std::string op_;
  int threads_;
  std::vector<ve::Range> ranges_;
};

class VectorKernel : public PreparedKernel {
 public:
  VectorKernel(const KernelSpec& spec, Prepared prepared, int threads)
      : op_(spec.op), kernel_(spec.kernel), prepared_(std::move(prepared)), threads_(threads) {}

  void run(const Invocation& call) override {
    ExecutingLauncher launcher(op_, threads_);
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      const auto& updates = kernel_.updates;
      const bool updated =
          std::find(updates.begin(), updates.end(), kernel_.inputs[i]) != updates.end();
      launcher.allow(call.inputs[i].data, call.inputs[i].type->bytes(), updated);
    }
    for (const TensorRef& output : call.outputs) {
      launcher.allow(output.data, output.type->bytes(), true);
    }
    launcher.allow(call.workspace.data(), Bytes(static_cast<std::int64_t>(call.workspace.size())),
                   true);
    prepared_.body(Call(call, kernel_.attributes.flag("adds"), launcher));
  }

 private:
  std::string op_;
  const Kernel& kernel_;
  Prepared prepared_;
  int threads_;
};

class VectorEngine : public Engine {
 public:
  explicit VectorEngine(int threads) : threads_(threads) {}
  [[nodiscard]] std::string_view name() const override { return "vector"; }
  [[nodiscard]] Bytes workspace(const KernelSpec& spec) const override {
    return vector::prepare(spec).workspace;
  }
  [[nodiscard]] std::unique_ptr<PreparedKernel> prepare(const KernelSpec& spec) const override {
    return std::make_unique<VectorKernel>(spec, vector::prepare(spec), threads_);
  }

 private:
  int threads_;
};

}  // namespace
}  // namespace vector

std::unique_ptr<Engine> make_vector_engine(int threads) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    throw InvalidInput("the vector engine needs a processor with AVX2 and FMA");
  }
#endif
  return std::make_unique<vector::VectorEngine>(kernels::thread_count(threads));
}

}  // namespace rockmate
