#include "exec/cpu/tiles.h"

#include <algorithm>
#include <array>

#include "exec/cpu/families.h"
#include "exec/cpu/line_spans.h"
#include "graph/fused_layout.h"

namespace rockmate::cpu {
namespace {

constexpr std::int64_t kTile = 2048;       // elements: 8 KiB
constexpr std::size_t kMostBuffers = 6;    // with operands and result within an L2 cache
constexpr std::size_t kNumbersOfLine = 3;  // per channel

Bytes line_bytes(const TileLine& line) {
  return aligned(Bytes(static_cast<std::int64_t>(kNumbersOfLine) * line.shape.channels * 4));
}

bool is_plain(const TensorType& type) { return type.dtype == DType::kFloat32; }

// More than one channel, side by side.
bool has_channels_inside(const TensorType& x) {
  return x.shape.size() >= 2 && x.shape[1] > 1 &&
         (x.format == MemoryFormat::kChannelsLast || extent(x.shape, 2, x.shape.size()) == 1);
}

// None: it is another part, or the rows are no spans that fit into a tile.
std::optional<SoftmaxLine> softmax_of(const FusedPart& part, const TensorType& result) {
  const auto rank = static_cast<std::int64_t>(result.shape.size());
  const bool has_rows = rank > 0 && result.format == MemoryFormat::kRowMajor &&
                        result.shape.back() > 1 && result.shape.back() <= kTile;
  if (!has_rows || part.attributes.integer("axis", -1) != rank - 1) return std::nullopt;
  switch (part.kind) {
    case OpKind::kSoftmax:
      return SoftmaxLine{.forward = softmax_line};
    case OpKind::kLogSoftmax:
      return SoftmaxLine{.forward = log_softmax_line};
    case OpKind::kSoftmaxGradient:
      return SoftmaxLine{.backward = softmax_gradient_line};
    case OpKind::kLogSoftmaxGradient:
      return SoftmaxLine{.backward = log_softmax_gradient_line};
    default:
      return std::nullopt;
  }
}

}  // namespace

// A piece of a panel: whole rows, or a part of one.
struct TileProgram::Tile {
  const Run& run;
  const Broadcast::Panel& panel;
  const Broadcast& space;
  std::int64_t row, rows, column, columns;
  std::array<float*, kMostBuffers> buffers;
  [[nodiscard]] std::int64_t first() const { return panel.first + row * panel.columns + column; }
  [[nodiscard]] std::int64_t count() const { return rows * columns; }
};

std::optional<TileProgram> TileProgram::of(const KernelView& kernel) {
  const FusedParts& parts = kernel.attributes.parts();
  TileProgram program;
  program.inputs_ = parts.inputs;
  std::size_t next = parts.inputs;
  for (const FusedPart& part : parts.parts) {
    if (!program.add_part(kernel, part, next)) return std::nullopt;
    next += part.outputs.size();
  }
  if (!program.place_slots(kernel)) return std::nullopt;
  return program;
}

bool TileProgram::add_part(const KernelView& kernel, const FusedPart& part, std::size_t out) {
  const TensorType& result = kernel.outputs.front();
  if (part.outputs.front() != result || !is_plain(result) || part.attributes.flag("adds")) {
    return false;
  }
  TilePart made;
  made.in = part.inputs;
  made.out = out;
  if (const auto unary = find_unary(part.kind, part.attributes); unary && made.in.size() == 1) {
    made.unary = *unary;
  } else if (const auto binary = find_binary(part.kind, part.attributes);
             binary && made.in.size() == 2) {
    made.does = TilePart::Does::kBinary;
    made.binary = *binary;
  } else if (part.kind == OpKind::kWhere) {
    made.does = TilePart::Does::kSelect;
  } else if (part.kind == OpKind::kDropout && result.format == MemoryFormat::kRowMajor) {
    made.does = TilePart::Does::kDropout;
    made.dropout = dropout_stream(part.attributes);
  } else if (part.kind == OpKind::kBatchNormApply && has_channels_inside(result)) {
    for (std::size_t i = 1; i < made.in.size(); ++i) {
      if (made.in[i] >= inputs_) return false;
    }
    made.does = TilePart::Does::kLine;
    made.line = lines_.size();
    lines_.push_back({{element_count(result.shape) / std::max<std::int64_t>(1, result.shape[1]),
                       result.shape[1], part.attributes.real("epsilon")},
                      {made.in.begin() + 1, made.in.end()},
                      workspace(),
                      0});
    made.in.resize(1);
  } else if (part.kind == OpKind::kConcat && part.attributes.integer("axis") == 1 &&
             has_channels_inside(result)) {
    auto pieces = Pieces::of(kernel, part.inputs);
    if (!pieces) return false;
    made.does = TilePart::Does::kGather;
    made.pieces = *std::move(pieces);
    made.in.clear();
  } else if (const auto softmax = softmax_of(part, result)) {
    made.does = TilePart::Does::kSoftmax;
    made.softmax = *softmax;
    needs_rows_ = true;
  } else {
    return false;
  }
  parts_.push_back(std::move(made));
  return true;
}

// Inputs that lie beside the result; outputs where they are written; the others in buffers, each
// free again behind the last part that reads it.
bool TileProgram::place_slots(const KernelView& kernel) {
  const FusedParts& parts = kernel.attributes.parts();
  std::vector<const TensorType*> types;
  for (const TensorType& type : kernel.inputs) types.push_back(&type);
  const FusedLayout layout(parts, types);
  places_.resize(layout.slots().size());
  std::vector<TensorType> beside;
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    for (std::size_t i = 0; i < parts_[p].in.size(); ++i) {
      const std::size_t slot = parts_[p].in[i];
      if (slot >= inputs_ || places_[slot].in == Place::In::kSpace) continue;
      const bool is_byte = parts_[p].does == TilePart::Does::kSelect && i == 0;
      if (kernel.inputs[slot].dtype != (is_byte ? DType::kBool : DType::kFloat32)) return false;
      places_[slot] = {Place::In::kSpace, space_inputs_.size()};
      space_inputs_.push_back(slot);
      beside.push_back(kernel.inputs[slot]);
    }
  }
  // A tile of a line is made of rows of all channels.
  for (TileLine& line : lines_) {
    line.beside = beside.size();
    Shape channels(kernel.out_shape().size() - 1, 1);
    channels.front() = line.shape.channels;
    beside.push_back({DType::kFloat32, channels});
  }
  if (needs_rows_) {  // a number for each row keeps them apart
    beside.push_back({DType::kFloat32, kernel.outputs.front().shape});
    beside.back().shape.back() = 1;
  }
  if (beside.size() > Broadcast::kMostOperands) return false;
  space_ = Broadcast::of(kernel.outputs.front(), beside);
  if (!space_) return false;
  std::vector<std::size_t> free_from(kMostBuffers, 0);  // part
  for (std::size_t s = inputs_; s < places_.size(); ++s) {
    const FusedSlot& slot = layout.slots()[s];
    if (slot.output) {
      if (!is_plain(*slot.type)) return false;
      places_[s] = {Place::In::kOutput, *slot.output};
    } else if (slot.last) {
      const auto free = std::find_if(free_from.begin(), free_from.end(),
                                     [&](std::size_t part) { return part <= *slot.maker; });
      if (free == free_from.end()) return false;
      *free = *slot.last + 1;
      places_[s] = {Place::In::kBuffer, static_cast<std::size_t>(free - free_from.begin())};
    }
  }
  return parts.optional.empty() && kernel.outputs.size() == parts.outputs.size();
}

Bytes TileProgram::workspace() const {
  Bytes bytes;
  for (const TileLine& line : lines_) bytes += line_bytes(line);
  return bytes;
}

void TileProgram::set_lines(const Run& run) const {
  for (const TileLine& line : lines_) {
    BatchNormNumbers numbers = {run.in<float>(line.numbers[0]), run.in<float>(line.numbers[1])};
    if (line.numbers.size() > 2) numbers.scale = run.in<float>(line.numbers[2]);
    if (line.numbers.size() > 3) numbers.bias = run.in<float>(line.numbers[3]);
    auto* to = reinterpret_cast<float*>(run.workspace().data() + line.offset.count());
    const std::int64_t channels = line.shape.channels;
    batch_norm_line(line.shape, numbers, to, to + channels, to + 2 * channels);
  }
}

void TileProgram::run(const Run& run) const {
  set_lines(run);
  space_->for_each_panel(run.threads(),
                         [&](const Broadcast::Panel& panel) { run_panel(run, panel); });
}

void TileProgram::run_panel(const Run& run, const Broadcast::Panel& panel) const {
  alignas(64) std::array<std::array<float, kTile>, kMostBuffers> memory;
  Tile tile{run, panel, *space_, 0, 0, 0, 0, {}};
  for (std::size_t b = 0; b < kMostBuffers; ++b) tile.buffers[b] = memory[b].data();
  tile.columns = std::min(panel.columns, kTile);
  const std::int64_t height =
      tile.columns < panel.columns ? 1 : kTile / std::max<std::int64_t>(1, tile.columns);
  for (tile.row = 0; tile.row < panel.rows; tile.row += height) {
    tile.rows = std::min(height, panel.rows - tile.row);
    for (tile.column = 0; tile.column < panel.columns; tile.column += kTile) {
      tile.columns = std::min(panel.columns - tile.column, kTile);
      run_tile(tile);
    }
  }
}

Operand TileProgram::operand(const Tile& tile, std::size_t slot) const {
  const Place& place = places_[slot];
  if (place.in != Place::In::kSpace) return {target(tile, slot), tile.columns, false};
  Operand operand = tile.space.operand(place.index, nullptr, tile.panel);
  operand.data = tile.run.in<float>(space_inputs_[place.index]) + tile.panel.offsets[place.index] +
                 tile.row * operand.stride + (operand.is_scalar ? 0 : tile.column);
  return operand;
}

const std::uint8_t* TileProgram::condition(const Tile& tile, std::size_t slot,
                                           std::int64_t row) const {
  const std::size_t place = places_[slot].index;
  const Operand shape = tile.space.operand(place, nullptr, tile.panel);
  return tile.run.in<std::uint8_t>(space_inputs_[place]) + tile.panel.offsets[place] +
         (tile.row + row) * shape.stride + (shape.is_scalar ? 0 : tile.column);
}

float* TileProgram::target(const Tile& tile, std::size_t slot) const {
  const Place& place = places_[slot];
  return place.in == Place::In::kBuffer ? tile.buffers[place.index]
                                        : tile.run.out<float>(place.index) + tile.first();
}

void TileProgram::run_tile(const Tile& tile) const {
  for (const TilePart& part : parts_) {
    float* const y = target(tile, part.out);
    switch (part.does) {
      case TilePart::Does::kUnary:
        part.unary(span(tile, part.in[0], y), y, tile.count());
        break;
      case TilePart::Does::kBinary:
        part.binary(operand(tile, part.in[0]), operand(tile, part.in[1]), y, tile.rows,
                    tile.columns);
        break;
      case TilePart::Does::kSelect:
        run_select(tile, part, y);
        break;
      case TilePart::Does::kSoftmax:
        run_softmax(tile, part, y);
        break;
      case TilePart::Does::kGather:
        part.pieces.gather(tile.run, tile.first(), tile.count(), y);
        break;
      case TilePart::Does::kDropout: {
        DropoutStream drawn = part.dropout;
        drawn.seed = tile.run.seed();
        drawn.step = static_cast<std::uint32_t>(tile.run.step());
        dropout(drawn, static_cast<std::uint64_t>(tile.first()), span(tile, part.in[0], y), y,
                tile.count());
        break;
      }
      case TilePart::Does::kLine: {
        const TileLine& line = lines_[part.line];
        const float* numbers =
            reinterpret_cast<const float*>(tile.run.workspace().data() + line.offset.count()) +
            tile.panel.offsets[line.beside] + tile.column;
        const std::int64_t channels = line.shape.channels;
        channel_normalize(span(tile, part.in[0], y), nullptr,
                          {numbers, numbers + channels, numbers + 2 * channels}, {}, y, tile.rows,
                          tile.columns);
      }
    }
  }
}

// The operand side by side, as the functions of spans want it: where it lies, or copied to y.
const float* TileProgram::span(const Tile& tile, std::size_t slot, float* y) const {
  const Operand x = operand(tile, slot);
  if (!x.is_scalar && (x.stride == tile.columns || tile.rows == 1)) return x.data;
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    const float* row = x.data + r * x.stride;
    float* to = y + r * tile.columns;
    x.is_scalar ? std::fill_n(to, tile.columns, *row) : std::copy_n(row, tile.columns, to);
  }
  return y;
}

void TileProgram::run_softmax(const Tile& tile, const TilePart& part, float* y) const {
  const std::int64_t n = tile.columns;
  const float* const first = span(tile, part.in[0], y);
  if (part.softmax.forward != nullptr) {
    for (std::int64_t r = 0; r < tile.rows; ++r) part.softmax.forward(first + r * n, y + r * n, n);
    return;
  }
  const Operand second = operand(tile, part.in[1]);
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    part.softmax.backward(first + r * n, second.data + r * second.stride, y + r * n, n);
  }
}

void TileProgram::run_select(const Tile& tile, const TilePart& part, float* y) const {
  const std::size_t place = places_[part.in[0]].index;
  const bool is_one = tile.space.operand(place, nullptr, tile.panel).is_scalar;
  const std::array operands = {operand(tile, part.in[1]), operand(tile, part.in[2])};
  const auto row_of = [](Operand operand, std::int64_t row) {
    operand.data += row * operand.stride;
    return operand;
  };
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    const std::uint8_t* chosen = condition(tile, part.in[0], r);
    select(chosen, is_one, row_of(operands[0], r), row_of(operands[1], r), y + r * tile.columns,
           tile.columns);
  }
}

}  // namespace rockmate::cpu
