// The vector engine: ops as vector programs, which emulated cores execute. What it computes is
// real; time on the device is modelled elsewhere (cycle_model.h), from what the cores issue.

#include "exec/engine.h"

#include <algorithm>

#include "exec/parallel.h"
#include "exec/part_runner.h"
#include "exec/vector/launchers.h"
#include "rockmate/error.h"

namespace rockmate {
namespace vector {
namespace {

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
    if (spec.kernel.kind == OpKind::kFused) return parts_workspace(spec, *this);
    return vector::prepare(spec).workspace;
  }
  [[nodiscard]] std::unique_ptr<PreparedKernel> prepare(const KernelSpec& spec) const override {
    if (spec.kernel.kind == OpKind::kFused) return prepare_parts(spec, *this);
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
