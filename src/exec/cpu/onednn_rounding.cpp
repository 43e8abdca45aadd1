// The operands of a product are rounded once, as they lie, slices side by side; then each tile of
// the result is one matrix product of oneDNN's, on a result that holds what is added to it. Tiles
// that run one after another share a scratchpad.

#include "exec/cpu/onednn_rounding.h"

#include <algorithm>

#include "base/check.h"

namespace rockmate::cpu::onednn {
namespace {

using dnnl::matmul;
using Type = dnnl::memory::data_type;

constexpr std::int64_t kFloat = 4;    // bytes
constexpr std::int64_t kRounded = 2;  // bytes

struct TilePrimitive {
  std::int64_t rows, columns;
  matmul::primitive_desc desc;
  matmul primitive;
};

Desc matrix_desc(const Matrix& matrix, std::int64_t rows, std::int64_t columns, Type type) {
  const Dims strides = matrix.transposed ? Dims{1, matrix.columns} : Dims{matrix.columns, 1};
  return {{rows, columns}, type, strides};
}

Desc flat_desc(std::int64_t count, Type type) { return {{count}, type, Dims{1}}; }

class Writer {
 public:
  Writer(const Product& product, const ProductOperands& operands, bool adds)
      : tiles_(product), operands_(operands), adds_(adds || operands.bias) {}

  std::optional<Prepared> write() &&;

 private:
  [[nodiscard]] const Product& product() const { return tiles_.product(); }
  const TilePrimitive& primitive_for(const Multiplication::Tile& tile);
  // Rounds an input, of which so many numbers take part from each of the starts on.
  dnnl::memory bring(std::size_t input, const std::vector<std::int64_t>& starts,
                     std::int64_t count);
  void begin_with_sums();
  void add_tiles(const dnnl::memory& a, const dnnl::memory& b);

  Multiplication tiles_;
  ProductOperands operands_;
  bool adds_;
  std::vector<TilePrimitive> primitives_;
  Sequence sequence_;
  Sequence::Stage roundings_;
};

// Throws dnnl::error where there is none.
const TilePrimitive& Writer::primitive_for(const Multiplication::Tile& tile) {
  for (const TilePrimitive& each : primitives_) {
    if (each.rows == tile.rows && each.columns == tile.columns) return each;
  }
  const std::int64_t inner = product().inner;
  dnnl::primitive_attr how = attributes();
  dnnl::post_ops sum;
  if (adds_) sum.append_sum(1);
  how.set_post_ops(sum);
  const matmul::primitive_desc made(
      {matrix_desc(product().a, tile.rows, inner, Type::bf16),
       matrix_desc(product().b, inner, tile.columns, Type::bf16),
       matrix_desc({product().columns, false}, tile.rows, tile.columns, Type::f32)},
      how, engine());
  return primitives_.emplace_back(TilePrimitive{tile.rows, tile.columns, made, matmul(made)});
}

dnnl::memory Writer::bring(std::size_t input, const std::vector<std::int64_t>& starts,
                           std::int64_t count) {
  constexpr std::int64_t kLeastSlice = 1 << 14;  // numbers
  const std::int64_t end = *std::max_element(starts.begin(), starts.end()) + count;
  const dnnl::memory all = sequence_.scratch(flat_desc(end, Type::bf16));
  const std::int64_t slices = std::clamp<std::int64_t>(end / kLeastSlice, 1, kMostParts);
  for (std::int64_t s = 0; s < slices; ++s) {
    const std::int64_t first = end * s / slices;
    const std::int64_t size = end * (s + 1) / slices - first;
    roundings_.push_back({sequence_.reorder(
        sequence_.input(input, flat_desc(size, Type::f32), Bytes(first * kFloat)),
        sequence_.seen_as(all, flat_desc(size, Type::bf16), Bytes(first * kRounded)))});
  }
  return all;
}

void Writer::begin_with_sums() {
  sequence_.begin_with([tiles = tiles_, bias = operands_.bias](const Run& run) {
    const Multiplication::Addresses to = {nullptr, nullptr, bias ? run.in<float>(*bias) : nullptr,
                                          run.addend<float>(), run.out<float>()};
    parallel_for(run.threads(), tiles.tile_count(), 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        ROCKMATE_CHECK(tiles.begin(to, tiles.tile(i)));
      }
    });
  });
}

void Writer::add_tiles(const dnnl::memory& a, const dnnl::memory& b) {
  const std::int64_t count = tiles_.tile_count();
  const std::int64_t strands = std::min(count, kMostParts);
  std::size_t pad_bytes = 0;
  for (const TilePrimitive& each : primitives_) {
    pad_bytes = std::max(pad_bytes, each.desc.scratchpad_desc().get_size());
  }
  const auto part = [&](const dnnl::memory& whole, const Desc& desc, std::int64_t first) {
    return sequence_.seen_as(whole, desc, Bytes(first * kRounded));
  };
  Sequence::Stage stage;
  for (std::int64_t s = 0; s < strands; ++s) {
    std::optional<dnnl::memory> pad;
    if (pad_bytes > 0) {
      pad = sequence_.scratch(flat_desc(static_cast<std::int64_t>(pad_bytes), Type::u8));
    }
    Sequence::Strand strand;
    for (std::int64_t i = count * s / strands; i < count * (s + 1) / strands; ++i) {
      const Multiplication::Tile tile = tiles_.tile(i);
      const TilePrimitive& by = primitive_for(tile);
      Sequence::Call call{by.primitive, {}};
      call.arguments = {
          {DNNL_ARG_SRC, part(a, by.desc.src_desc(),
                              product().a_starts[tile.product] + product().a.at(tile.row, 0))},
          {DNNL_ARG_WEIGHTS,
           part(b, by.desc.weights_desc(),
                product().b_starts[tile.product] + product().b.at(0, tile.column))},
          {DNNL_ARG_DST, sequence_.output(0, by.desc.dst_desc(), Bytes(tiles_.at(tile) * kFloat))}};
      if (pad) {
        call.arguments[DNNL_ARG_SCRATCHPAD] = sequence_.seen_as(*pad, by.desc.scratchpad_desc());
      }
      strand.push_back(std::move(call));
    }
    stage.push_back(std::move(strand));
  }
  sequence_.then(std::move(stage));
}

std::optional<Prepared> Writer::write() && {
  try {
    for (std::int64_t i = 0; i < tiles_.tile_count(); ++i) {
      if (is_poor(primitive_for(tiles_.tile(i)).desc)) return std::nullopt;
    }
  } catch (const dnnl::error&) {  // there is none
    return std::nullopt;
  }
  if (adds_) begin_with_sums();
  const dnnl::memory a = bring(operands_.a, product().a_starts, product().rows * product().inner);
  const dnnl::memory b =
      bring(operands_.b, product().b_starts, product().inner * product().columns);
  sequence_.then(std::move(roundings_));
  add_tiles(a, b);
  return std::move(sequence_).prepared();
}

}  // namespace

bool rounds(const Attributes& attributes) {
  constexpr auto kHasBf16 = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);  // a set
  static const bool has_bf16 =
      (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & kHasBf16) == kHasBf16;
  return has_bf16 && attributes.flag("bf16");
}

Desc rounded(Desc desc) {
  desc.data.data_type = dnnl_bf16;
  return desc;
}

std::optional<Prepared> prepare_rounded(const Product& product, const ProductOperands& operands,
                                        bool adds) {
  const OneThread one_thread;
  return Writer(product, operands, adds).write();
}

}  // namespace rockmate::cpu::onednn
