// Grouped convolutions of channels-last images, plain and transposed, tile by tile.

#include "exec/cpu/grouped.h"

#include "exec/cpu/families.h"
#include "rockmate/training_model.h"

#ifdef ROCKMATE_WITH_ONEDNN
#include "exec/cpu/onednn_conv_parts.h"
#endif

namespace rockmate::cpu {

bool is_grouped_image(const TensorType& type) {
  return type.shape.size() == 4 && type.format == MemoryFormat::kChannelsLast &&
         type.dtype == DType::kFloat32 && element_count(type.shape) > 0;
}

std::optional<GroupedPlanes> grouped_planes(const Attributes& attributes, const TensorType& source,
                                            const TensorType& result, const Shape& window,
                                            bool is_plain) {
  const auto axis = [&](std::size_t a) {
    const SourceAxis::Window along{window[a], attributes.integers("strides")[a],
                                   attributes.integers("pads")[a],
                                   attributes.integers("dilations")[a]};
    return (is_plain ? SourceAxis::plain : SourceAxis::transposed)(source.shape[a + 2],
                                                                   result.shape[a + 2], along);
  };
  return GroupedPlanes::of(source, result, attributes.integer("groups", 1), axis(0), axis(1));
}

std::vector<GroupTaps> grouped_taps(const GroupedPlanes& planes, const SourceAxis::Class& rows,
                                    const SourceAxis::Class& columns, std::int64_t window_columns) {
  const std::int64_t position = planes.entries * planes.lanes;
  std::vector<GroupTaps> list;
  for (const SourceAxis::Tap& row : rows.taps) {
    for (std::size_t c = 0; c < columns.taps.size();) {
      const SourceAxis::Tap& first = columns.taps[c];
      GroupTaps taps;
      taps.plane = (row.offset - planes.rows.low) * planes.row_step() +
                   (first.offset - planes.columns.low) * planes.lanes;
      taps.weight = (row.weight * window_columns + first.weight) * position;
      for (++c; c < columns.taps.size() && taps.count < kMostGroupTaps; ++c, ++taps.count) {
        if (columns.taps[c].offset - first.offset != taps.count) break;
        taps.weight_step = (columns.taps[c].weight - columns.taps[c - 1].weight) * position;
      }
      list.push_back(taps);
    }
  }
  return list;
}

namespace {

class GroupedConvolution {
 public:
  GroupedConvolution(GroupedPlanes planes, const Shape& window, bool is_plain);

  struct Operands {
    const float* x;
    const float* weight;  // as the user has it
    Clamp clamp;
    float* y;
  };
  [[nodiscard]] Bytes workspace() const { return Bytes(size_ * 4); }
  // Per channel of the result, to be written before a run.
  [[nodiscard]] float* shift(const Run& run) const { return floats(run) + shift_; }
  [[nodiscard]] float* scale(const Run& run) const { return floats(run) + scale_; }
  [[nodiscard]] std::int64_t channels() const { return planes_.channels; }
  void run(const Run& run, const Operands& operands) const;

 private:
  static float* floats(const Run& run) { return reinterpret_cast<float*>(run.workspace().data()); }
  std::int64_t place(std::int64_t count) {
    return std::exchange(size_, size_ + aligned(Bytes(count * 4)).count() / 4);
  }
  [[nodiscard]] std::int64_t block_size() const {
    return positions_ * planes_.entries * planes_.lanes;
  }
  void bring_weights(const Run& run, const float* given) const;
  void bring_block(std::int64_t block, const float* given, const float* factors, float* to) const;
  void convolve(const Run& run, const Operands& operands, const GroupTile& tile,
                float* memory) const;
  void convolve_block(const GroupTile& tile, GroupRow row, const float* plane, float* y) const;

  GroupedPlanes planes_;
  bool is_plain_;
  std::int64_t positions_;                    // of the window
  std::vector<std::vector<GroupTaps>> taps_;  // by class of rows and of columns
  std::int64_t chunks_ = 1, workers_ = 1;
  std::int64_t size_ = 0;  // of the workspace, in floats
  std::int64_t weights_, shift_, scale_, memory_, memory_size_;
};

GroupedConvolution::GroupedConvolution(GroupedPlanes planes, const Shape& window, bool is_plain)
    : planes_(std::move(planes)), is_plain_(is_plain), positions_(window[0] * window[1]) {
  for (const auto& rows : planes_.rows.classes) {
    for (const auto& columns : planes_.columns.classes) {
      taps_.push_back(grouped_taps(planes_, rows, columns, window[1]));
    }
  }
  chunks_ = std::clamp<std::int64_t>(kMostGroupWorkers / planes_.strips(), 1, planes_.blocks);
  workers_ = std::min(kMostGroupWorkers, planes_.strips() * chunks_);
  weights_ = place(planes_.blocks * block_size());
  shift_ = place(channels() + planes_.lanes);
  scale_ = place(channels());
  memory_size_ = aligned(Bytes((planes_.planes_size() + planes_.results_size()) * 4)).count() / 4;
  memory_ = place(workers_ * memory_size_);
}

void GroupedConvolution::bring_weights(const Run& run, const float* given) const {
  float* const weights = floats(run) + weights_;
  parallel_for(run.threads(), planes_.blocks, kGrain / block_size() + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t b = begin; b < end; ++b) {
                   bring_block(b, given, scale(run), weights + b * block_size());
                 }
               });
}

// Plain, weights lie as [result][entry][position]; else as [source][result of the group][position].
void GroupedConvolution::bring_block(std::int64_t block, const float* given, const float* factors,
                                     float* to) const {
  const std::int64_t size = planes_.entries;
  const std::int64_t count = planes_.channels_of(block);
  if (count < planes_.lanes) std::fill_n(to, block_size(), 0.0F);
  for (std::int64_t lane = 0; lane < count; ++lane) {
    const std::int64_t result = block * planes_.lanes + lane;
    for (std::int64_t e = 0; e < size; ++e) {
      const std::int64_t source = result / size * size + e;
      const float* const from =
          given + (is_plain_ ? result * size + e : source * size + result % size) * positions_;
      for (std::int64_t k = 0; k < positions_; ++k) {
        to[(k * size + e) * planes_.lanes + lane] = from[k] * factors[result];
      }
    }
  }
}

void GroupedConvolution::run(const Run& run, const Operands& operands) const {
  bring_weights(run, operands.weight);
  std::fill_n(shift(run) + channels(), planes_.lanes, 0.0F);
  const std::int64_t tiles = planes_.strips() * chunks_;
  parallel_for(run.threads(), workers_, 1, [&](std::int64_t begin, std::int64_t end) {
    float* const memory = floats(run) + memory_ + begin * memory_size_;
    for (std::int64_t t = tiles * begin / workers_; t < tiles * end / workers_; ++t) {
      convolve(run, operands, planes_.tile(t / chunks_, t % chunks_, chunks_), memory);
    }
  });
}

// Results are gathered before they are written: there are rows of them only when all blocks are
// done.
void GroupedConvolution::convolve(const Run& run, const Operands& operands, const GroupTile& tile,
                                  float* memory) const {
  planes_.fill(operands.x, tile, memory);
  float* const gathered = memory + planes_.planes_size();
  const GroupRange own = planes_.channels_of(tile);
  GroupRow row;
  row.entries = planes_.entries;
  row.pixels = planes_.columns.source_step;
  row.clamp = operands.clamp;
  row.y_step = planes_.columns.result_step * own.size();
  for (std::int64_t b = tile.blocks.begin; b < tile.blocks.end; ++b) {
    const std::int64_t first = b * planes_.lanes;
    row.weights = floats(run) + weights_ + b * block_size();
    row.shift = shift(run) + first;
    row.channels = planes_.channels_of(b);
    convolve_block(tile, row, memory + (b - tile.blocks.begin) * planes_.plane_step(),
                   gathered + first - own.begin);
  }
  const GroupRange rows = planes_.rows_of(tile);
  const std::int64_t width = planes_.columns.results;
  const std::int64_t first = (tile.image * planes_.rows.results + rows.begin) * width;
  const std::int64_t pixels = rows.size() * width;
  float* const y = operands.y + first * channels() + own.begin;
  if (own.size() == channels()) {
    std::copy_n(gathered, pixels * own.size(), y);
    return;
  }
  for (std::int64_t p = 0; p < pixels; ++p) {
    std::copy_n(gathered + p * own.size(), own.size(), y + p * channels());
  }
}

void GroupedConvolution::convolve_block(const GroupTile& tile, GroupRow row, const float* plane,
                                        float* y) const {
  const SourceAxis& rows = planes_.rows;
  const SourceAxis& columns = planes_.columns;
  const std::int64_t pixel = row.y_step / columns.result_step;
  auto taps = taps_.begin();
  for (const SourceAxis::Class& of_rows : rows.classes) {
    for (const SourceAxis::Class& of_columns : columns.classes) {
      row.taps = *taps++;
      for (std::int64_t j = tile.strip.begin; j < std::min(tile.strip.end, of_rows.count); ++j) {
        const std::int64_t at = j - tile.strip.begin;
        const std::int64_t line = of_rows.first + at * rows.result_step;
        convolve_groups(row, plane + at * rows.source_step * planes_.row_step(), of_columns.count,
                        y + (line * columns.results + of_columns.first) * pixel);
      }
    }
  }
}

std::optional<Prepared> make_grouped(const KernelView& kernel, int) {
  const TensorType& x = kernel.inputs[0];
  const TensorType& y = kernel.outputs[0];
  if (!is_grouped_image(x) || !is_grouped_image(y) || !is_float32(kernel)) return std::nullopt;
  const bool is_plain = kernel.kind == OpKind::kConv;
  const Shape window(kernel.shape(1).begin() + 2, kernel.shape(1).end());
  auto planes = grouped_planes(kernel.attributes, x, y, window, is_plain);
  if (!planes) return std::nullopt;
  const GroupedConvolution conv(*std::move(planes), window, is_plain);
  const auto body = [conv, has_bias = kernel.inputs.size() > 2](const Run& run) {
    std::fill_n(conv.scale(run), conv.channels(), 1.0F);
    if (has_bias) {
      std::copy_n(run.in<float>(2), conv.channels(), conv.shift(run));
    } else {
      std::fill_n(conv.shift(run), conv.channels(), 0.0F);
    }
    conv.run(run, {run.in<float>(0), run.in<float>(1), {}, run.out<float>()});
  };
  return Prepared{body, conv.workspace()};
}

#ifdef ROCKMATE_WITH_ONEDNN
// With factors and shifts per channel and a clamp behind it.
std::optional<Prepared> make_fused_grouped(const KernelView& kernel, int) {
  const auto fused = onednn::fused_convolution(kernel);
  if (!fused || !fused->has_groups() || !fused->epilogue.is_clamp() || fused->epilogue.addend() ||
      !is_grouped_image(*fused->x.type) || !is_grouped_image(*fused->y.type)) {
    return std::nullopt;
  }
  const Shape& weight = fused->weight.type->shape;
  const Shape window(weight.begin() + 2, weight.end());
  auto planes = grouped_planes(kernel.attributes.parts().parts.front().attributes, *fused->x.type,
                               *fused->y.type, window, true);
  if (!planes) return std::nullopt;
  const GroupedConvolution conv(*std::move(planes), window, true);
  const auto body = [conv, x = fused->x.index, w = fused->weight.index, bias = fused->bias,
                     epilogue = fused->epilogue](const Run& run) {
    epilogue.write_line(run, bias ? run.in<float>(*bias) : nullptr, conv.channels(),
                        conv.scale(run), conv.shift(run));
    conv.run(run, {run.in<float>(x), run.in<float>(w), epilogue.clamp(), run.out<float>()});
  };
  return Prepared{body, conv.workspace()};
}
#endif

}  // namespace

void add_grouped_convolutions(Makers& makers) {
  using enum OpKind;
  add(makers, {kConv, kConvTranspose}, make_grouped);
#ifdef ROCKMATE_WITH_ONEDNN
  add(makers, {kFused}, make_fused_grouped);
#endif
}

}  // namespace rockmate::cpu
