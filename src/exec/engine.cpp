#include "exec/engine.h"

namespace rockmate {

KernelSpec kernel_spec(const TrainingModel& model, OpId op) {
  const Kernel& kernel = model.kernels[op];
  KernelSpec spec{model.graph[op].name, kernel, {}, {}};
  for (const ValueId v : kernel.inputs) spec.inputs.push_back(model.types[v]);
  for (const ValueId v : kernel.outputs) spec.outputs.push_back(model.types[v]);
  return spec;
}

}  // namespace rockmate
