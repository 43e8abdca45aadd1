#include "support/tape_machine.h"

#include <cstring>
#include <map>
#include <memory>
#include <random>

#include "graph/op_table.h"

namespace rockmate::testing {
namespace {

class TapeMachine {
 public:
  TapeMachine(const Tape& tape, const Engine& engine) : tape_(tape), engine_(engine) {}

  void run(const Step& step) {
    const Node& node = step.node;
    if (definition(node.kind).is_view) {
      memory_[node.outputs.front()] = memory(node.inputs.front());
      return;
    }
    Kernel kernel{node.kind, node.attributes, {}, {}, {}, std::nullopt};
    KernelSpec spec{node.name, kernel, {}, {}};
    std::vector<TensorRef> inputs, outputs;
    for (const TensorId t : node.inputs) {
      kernel.inputs.emplace_back(t.index());
      spec.inputs.push_back(tape_[t].tensor.type);
      inputs.push_back({memory(t)->data(), &tape_[t].tensor.type});
    }
    for (const TensorId t : node.outputs) {
      kernel.outputs.emplace_back(t.index());
      spec.outputs.push_back(tape_[t].tensor.type);
      outputs.push_back({memory(t)->data(), &tape_[t].tensor.type});
    }
    const auto size = static_cast<std::size_t>(engine_.workspace(spec).count());
    const auto workspace = buffer(size);
    engine_.prepare(spec)->run({inputs, outputs, {workspace->data(), size}});
  }

  [[nodiscard]] std::vector<float> floats(TensorId t) {
    std::vector<float> list(static_cast<std::size_t>(element_count(tape_[t].tensor.type.shape)));
    std::memcpy(list.data(), memory(t)->data(), list.size() * sizeof(float));
    return list;
  }

 private:
  struct Line {
    alignas(64) std::byte bytes[64];
  };
  // Garbage, on 64 bytes.
  struct Buffer {
    std::unique_ptr<Line[]> lines;
    [[nodiscard]] std::byte* data() const { return lines[0].bytes; }
  };

  static std::shared_ptr<Buffer> buffer(std::size_t bytes) {
    auto made = std::make_shared<Buffer>(Buffer{std::make_unique<Line[]>(bytes / 64 + 1)});
    std::memset(made->data(), 0xff, (bytes / 64 + 1) * 64);
    return made;
  }

  const std::shared_ptr<Buffer>& memory(TensorId t) {
    auto& known = memory_[t];
    if (known) return known;
    const Tensor& tensor = tape_[t].tensor;
    known = buffer(static_cast<std::size_t>(tensor.type.bytes().count()));
    if (tensor.type.dtype != DType::kFloat32) return known;
    std::mt19937_64 random(t.index());
    std::uniform_real_distribution<float> uniform(0.25F, 1);
    auto* const to = reinterpret_cast<float*>(known->data());
    const auto count = static_cast<std::size_t>(element_count(tensor.type.shape));
    for (std::size_t e = 0; e < count; ++e) {
      to[e] = tensor.data ? static_cast<float>((*tensor.data)[e]) : uniform(random);
    }
    return known;
  }

  const Tape& tape_;
  const Engine& engine_;
  std::map<TensorId, std::shared_ptr<Buffer>> memory_;
};

}  // namespace

std::vector<std::vector<float>> run_tape(const Tape& tape, const Engine& engine,
                                         const std::vector<TensorId>& wanted) {
  TapeMachine machine(tape, engine);
  for (const Step& step : tape.steps()) machine.run(step);
  std::vector<std::vector<float>> results;
  for (const TensorId t : wanted) results.push_back(machine.floats(t));
  return results;
}

}  // namespace rockmate::testing
