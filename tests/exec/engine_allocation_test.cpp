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

TEST(EngineAllocation, IsOfNoSizeInARun) {
  std::size_t largest_tensor = 0;
  const auto engine = make_reference_engine(2);
  for (const testing::OpExample& example : testing::large_examples()) {
    const TrainingModel model = make_training_model(testing::example_model(example));
    std::vector<std::vector<std::byte>> memory;
    for (const TensorType& type : model.types) {
      memory.emplace_back(static_cast<std::size_t>(type.bytes().count()));
      largest_tensor = std::max(largest_tensor, memory.back().size());
    }
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      const KernelSpec spec = kernel_spec(model, OpId(o));
      const auto kernel = engine->prepare(spec);
      ASSERT_EQ(engine->workspace(spec), Bytes(0));
      std::vector<TensorRef> inputs, outputs;
      const auto ref = [&](ValueId v) {
        return TensorRef{memory[v.index()].data(), &model.types[v]};
      };
      for (const ValueId v : spec.kernel.inputs) inputs.push_back(ref(v));
      for (const ValueId v : spec.kernel.outputs) outputs.push_back(ref(v));
      const std::size_t before = allocated;
      kernel->run({inputs, outputs, {}, 0, 0});
      EXPECT_LE(allocated - before, 1024U) << signature(model, OpId(o));
    }
  }
  EXPECT_GT(largest_tensor, std::size_t{64} << 10);
  EXPECT_GT(allocated, 0U) << "allocations are counted";
}

}  // namespace
}  // namespace rockmate
