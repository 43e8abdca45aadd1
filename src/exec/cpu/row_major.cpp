#include "exec/cpu/row_major.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "exec/kernel.h"
#include "exec/parallel.h"

namespace rockmate::cpu {
namespace {

// to[c][r] = from[r][c], image by image.
template <class T>
void transpose(int threads, std::int64_t images, std::int64_t rows, std::int64_t columns,
               const T* from, T* to) {
  constexpr std::int64_t kTile = 16;
  const std::int64_t tiles = (rows + kTile - 1) / kTile;
  const std::int64_t grain = kernels::kGrain / std::max<std::int64_t>(1, kTile * columns);
  kernels::parallel_for(threads, images * tiles, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const T* source = from + t / tiles * rows * columns;
      T* target = to + t / tiles * rows * columns;
      const std::int64_t first = t % tiles * kTile;
      const std::int64_t last = std::min(rows, first + kTile);
      for (std::int64_t c = 0; c < columns; ++c) {
        for (std::int64_t r = first; r < last; ++r) {
          target[c * rows + r] = source[r * columns + c];
        }
      }
    }
  });
}

void transpose_bits(std::int64_t images, std::int64_t rows, std::int64_t columns,
                    const std::byte* from, std::byte* to) {
  const std::int64_t count = images * rows * columns;
  std::fill_n(to, (count + 7) / 8, std::byte{0});
  for (std::int64_t e = 0; e < count; ++e) {
    if (std::to_integer<int>(from[e / 8] >> (e % 8) & std::byte{1}) == 0) continue;
    const std::int64_t within = e % (rows * columns);
    const std::int64_t at = e - within + within % columns * rows + within / columns;
    to[at / 8] |= std::byte{1} << (at % 8);
  }
}

// Moves a tensor from one format into the other; `type` says from which one.
void change_format(int threads, const TensorType& type, const std::byte* from, std::byte* to) {
  const std::int64_t images = type.shape[0];
  std::int64_t rows = type.shape[1];
  std::int64_t columns = kernels::extent(type.shape, 2, type.shape.size());
  if (type.format == MemoryFormat::kChannelsLast) std::swap(rows, columns);
  if (type.dtype == DType::kBit) return transpose_bits(images, rows, columns, from, to);
  const std::int64_t count = images * rows * columns;
  if (count == 0) return;
  const auto run = [&](auto element) {
    using T = decltype(element);
    transpose(threads, images, rows, columns, reinterpret_cast<const T*>(from),
              reinterpret_cast<T*>(to));
  };
  switch (type.bytes().count() / count) {
    case 1:
      return run(std::uint8_t{});
    case 2:
      return run(std::uint16_t{});
    case 4:
      return run(std::uint32_t{});
    default:
      ROCKMATE_CHECK(type.bytes().count() / count == 8);
      return run(std::uint64_t{});
  }
}

TensorType row_major(TensorType type) {
  type.format = MemoryFormat::kRowMajor;
  return type;
}

// An operand in both formats.
struct Operand {
  TensorType given;
  TensorType inner;
  std::optional<std::size_t> copy;  // where in the workspace
  bool is_updated = false;
};

// The operands with their copies, which lie behind the workspace of the inner kernel.
struct Copies {
  Copies(const KernelSpec& spec, const Engine& engine) {
    const KernelSpec inner = row_major_spec(spec);
    workspace = aligned(engine.workspace(inner));
    for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
      inputs.push_back(operand(spec.inputs[i]));
      const auto& updates = spec.kernel.updates;
      inputs.back().is_updated =
          std::find(updates.begin(), updates.end(), spec.kernel.inputs[i]) != updates.end();
    }
    for (const TensorType& type : spec.outputs) outputs.push_back(operand(type));
  }

  static KernelSpec row_major_spec(const KernelSpec& spec) {
    KernelSpec inner{spec.op, spec.kernel, {}, {}};
    for (const TensorType& type : spec.inputs) inner.inputs.push_back(row_major(type));
    for (const TensorType& type : spec.outputs) inner.outputs.push_back(row_major(type));
    return inner;
  }

  Operand operand(const TensorType& type) {
    Operand made{type, row_major(type), std::nullopt};
    if (type.format == MemoryFormat::kRowMajor) return made;
    made.copy = static_cast<std::size_t>(workspace.count());
    workspace += aligned(type.bytes());
    return made;
  }

  std::vector<Operand> inputs, outputs;
  Bytes workspace;
};

class RowMajorKernel : public PreparedKernel {
 public:
  RowMajorKernel(const KernelSpec& spec, const Engine& engine, int threads)
      : copies_(spec, engine),
        inner_(engine.prepare(Copies::row_major_spec(spec))),
        inner_workspace_(
            static_cast<std::size_t>(engine.workspace(Copies::row_major_spec(spec)).count())),
        threads_(threads) {}

  void run(const Invocation& call) override {
    const auto ref = [&](const Operand& operand, const TensorRef& given) {
      const bool moves = operand.copy && given.data != nullptr;
      return TensorRef{moves ? call.workspace.data() + *operand.copy : given.data, &operand.inner};
    };
    std::vector<TensorRef> inputs, outputs;
    for (std::size_t i = 0; i < copies_.inputs.size(); ++i) {
      const Operand& operand = copies_.inputs[i];
      inputs.push_back(ref(operand, call.inputs[i]));
      if (operand.copy) {
        change_format(threads_, operand.given, call.inputs[i].data, inputs.back().data);
      }
    }
    for (std::size_t o = 0; o < copies_.outputs.size(); ++o) {
      outputs.push_back(ref(copies_.outputs[o], call.outputs[o]));
    }
    inner_->run({inputs, outputs, call.workspace.first(inner_workspace_), call.seed, call.step});
    for (std::size_t i = 0; i < copies_.inputs.size(); ++i) {
      const Operand& operand = copies_.inputs[i];
      if (!operand.copy || !operand.is_updated) continue;
      change_format(threads_, operand.inner, inputs[i].data, call.inputs[i].data);
    }
    for (std::size_t o = 0; o < copies_.outputs.size(); ++o) {
      if (!copies_.outputs[o].copy || call.outputs[o].data == nullptr) continue;
      change_format(threads_, copies_.outputs[o].inner, outputs[o].data, call.outputs[o].data);
    }
  }

 private:
  Copies copies_;
  std::unique_ptr<PreparedKernel> inner_;
  std::size_t inner_workspace_;
  int threads_;
};

}  // namespace

bool needs_row_major(const KernelSpec& spec) {
  if (spec.kernel.kind == OpKind::kReinterpret) return false;
  const auto lies_otherwise = [](const TensorType& type) {
    return type.format != MemoryFormat::kRowMajor;
  };
  return std::any_of(spec.inputs.begin(), spec.inputs.end(), lies_otherwise) ||
         std::any_of(spec.outputs.begin(), spec.outputs.end(), lies_otherwise);
}

Bytes row_major_workspace(const KernelSpec& spec, const Engine& engine) {
  return Copies(spec, engine).workspace;
}

std::unique_ptr<PreparedKernel> prepare_row_major(const KernelSpec& spec, const Engine& engine,
                                                  int threads) {
  return std::make_unique<RowMajorKernel>(spec, engine, threads);
}

}  // namespace rockmate::cpu
