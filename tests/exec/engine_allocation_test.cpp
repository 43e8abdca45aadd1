// A run allocates nothing that grows with the tensors: what an engine needs is its workspace. All
// allocations of this program are counted.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "support/engine_machine.h"
#include "support/large_examples.h"

namespace {

std::atomic<std::size_t> allocated = 0;

void* allocate(std::size_t size) {
  allocated += size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace rockmate {
namespace {

// What a run of `engine` allocates at most, for bookkeeping.
void expect_little(const Engine& engine, std::size_t most, const TrainingOptions& options = {}) {
  constexpr std::size_t kUnit = kAlignment.count();
  std::size_t largest_tensor = 0;
  for (const testing::OpExample& example : testing::large_examples()) {
    const TrainingModel model = make_training_model(testing::example_model(example), options);
    std::vector<std::vector<std::byte>> memory;
    for (const TensorType& type : model.types) {
      memory.emplace_back(static_cast<std::size_t>(type.bytes().count()));
      largest_tensor = std::max(largest_tensor, memory.back().size());
    }
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      const KernelSpec spec = kernel_spec(model, OpId(o));
      const auto kernel = engine.prepare(spec);
      std::vector<std::byte> workspace(static_cast<std::size_t>(engine.workspace(spec).count()) +
                                       kUnit);
      std::byte* const origin =
          workspace.data() + kUnit - reinterpret_cast<std::uintptr_t>(workspace.data()) % kUnit;
      std::vector<TensorRef> inputs, outputs;
      const auto ref = [&](ValueId v) {
        return TensorRef{memory[v.index()].data(), &model.types[v]};
      };
      for (const ValueId v : spec.kernel.inputs) inputs.push_back(ref(v));
      for (const ValueId v : spec.kernel.outputs) outputs.push_back(ref(v));
      // Code that is generated at the first run is of no size either.
      std::size_t before = 0;
      for (int r = 0; r < 2; ++r) {
        before = allocated;
        kernel->run({inputs, outputs, {origin, workspace.size() - kUnit}, 0, 0});
      }
      EXPECT_LE(allocated - before, most) << signature(model, OpId(o));
    }
  }
  EXPECT_GT(largest_tensor, std::size_t{64} << 10);
  EXPECT_GT(allocated, 0U) << "allocations are counted";
}

TEST(EngineAllocation, IsOfNoSizeInARun) { expect_little(*make_reference_engine(2), 1024); }

// Primitives tell each other their arguments in maps.
TEST(EngineAllocation, IsOfNoSizeInARunOfTheCpuEngine) {
  expect_little(*make_cpu_engine(2), std::size_t{32} << 10);
  TrainingOptions rounded;
  rounded.bf16 = true;
  expect_little(*make_cpu_engine(2), std::size_t{32} << 10, rounded);
}

}  // namespace
}  // namespace rockmate
