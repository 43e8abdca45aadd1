#include "exec/slice_runner.h"

#include "exec/part_runner.h"

namespace rockmate {
namespace {

Kernel kernel_of(const KernelSpec& sliced, const BatchSlice& slice) {
  Kernel kernel = sliced.kernel;
  kernel.attributes = {{"parts", slice.parts}};
  return kernel;
}

std::vector<TensorType> outputs_of(const KernelSpec& sliced, const BatchSlice& slice) {
  std::vector<TensorType> types = sliced.outputs;
  for (TensorType& type : types) type.shape.front() = slice.samples;
  return types;
}

class SliceRunner : public PreparedKernel {
 public:
  SliceRunner(const KernelSpec& spec, const Engine& engine)
      : slice_(spec), parts_(prepare_parts(slice_.spec(), engine)) {}

  void run(const Invocation& call) override {
    const BatchSlice& slice = slice_.slice();
    std::vector<TensorRef> inputs(call.inputs.size()), outputs(call.outputs.size());
    for (std::int64_t s = 0; s < slice.count(); ++s) {
      const auto part_of = [&](const TensorRef& whole, const TensorType& type) -> TensorRef {
        if (whole.data == nullptr) return {nullptr, &type};
        return {whole.data + type.bytes().count() / slice.samples * slice.first(s), &type};
      };
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        const TensorRef& given = call.inputs[i];
        inputs[i] = slice.is_cut[i] != 0 ? part_of(given, slice.inputs[i]) : given;
      }
      for (std::size_t o = 0; o < outputs.size(); ++o) {
        outputs[o] = part_of(call.outputs[o], slice_.spec().outputs[o]);
      }
      parts_->run({inputs, outputs, call.workspace, call.seed, call.step, call.rate});
    }
  }

 private:
  SliceKernel slice_;
  std::unique_ptr<PreparedKernel> parts_;
};

}  // namespace

SliceKernel::SliceKernel(const KernelSpec& sliced)
    : slice_(sliced.kernel.attributes, pointers(sliced.inputs)),
      kernel_(kernel_of(sliced, slice_)),
      spec_{sliced.op, kernel_, slice_.inputs, outputs_of(sliced, slice_)} {}

std::unique_ptr<PreparedKernel> prepare_slices(const KernelSpec& spec, const Engine& engine) {
  return std::make_unique<SliceRunner>(spec, engine);
}

}  // namespace rockmate
