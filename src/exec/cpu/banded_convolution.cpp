// A depthwise convolution with the 1x1 convolutions around it, or a convolution and a max pooling,
// in bands of rows: the rows of the wide image that a band of results needs are made, convolved and
// multiplied, or pooled, while they are in the cache. They lie in a ring, so that the next band
// makes only those that are new.
//
// Strips of rows, of all images, are dealt to lanes, each with a ring of its own. How many there
// are follows from the shapes alone; at the border of two strips rows are made twice.

#include <algorithm>

#include "exec/cpu/band_rows.h"
#include "exec/cpu/band_taps.h"
#include "exec/cpu/depthwise_band.h"
#include "exec/cpu/families.h"
#include "exec/cpu/pool_rows.h"
#include "exec/cpu/windows.h"
#include "graph/fusion/banded_convolutions.h"

namespace rockmate::cpu {
namespace {

constexpr std::int64_t kMostLanes = 8;
constexpr std::int64_t kBandBytes = 256 << 10;  // of a ring, where that is a few rows
constexpr std::int64_t kLeastStrip = 14;        // rows
constexpr std::int64_t kEnoughStrips = 4;       // of all images

// Where things lie in the workspace.
class Places {
 public:
  std::int64_t add(std::int64_t floats) {
    return std::exchange(size_, size_ + aligned(Bytes(floats * 4)).count());
  }
  [[nodiscard]] Bytes size() const { return Bytes(size_); }

 private:
  std::int64_t size_ = 0;
};

float* place(const Run& run, std::int64_t at) {
  return reinterpret_cast<float*>(run.workspace().data() + at);
}

// A stage with its factors in the weights, and its shifts.
struct Stage {
  Stage(const BandStage& stage, const KernelView& kernel, Places& places)
      : is(stage),
        out(kernel.inputs[stage.weight].shape[0]),
        in(kernel.inputs[stage.weight].shape[1]),
        taps(element_count(kernel.inputs[stage.weight].shape) / out),
        clamp{static_cast<float>(stage.low), static_cast<float>(stage.high)},
        weights(places.add(whole_blocks(out) * taps)),
        scale(places.add(whole_blocks(out))),
        shift(places.add(whole_blocks(out))) {}

  void write_line(const Run& run) const;
  [[nodiscard]] PixelProduct product(const Run& run) const {
    return {taps, out, place(run, weights), place(run, shift), clamp};
  }

  BandStage is;
  std::int64_t out, in, taps;  // channels; weights of a result
  Clamp clamp;
  std::int64_t weights, scale, shift;  // in the workspace
};

void Stage::write_line(const Run& run) const {
  float* const factors = place(run, scale);
  float* const offsets = place(run, shift);
  std::fill_n(factors, whole_blocks(out), 1.0F);
  std::fill_n(offsets, whole_blocks(out), 0.0F);
  if (is.bias) std::copy_n(run.in<float>(*is.bias), out, offsets);
  for (const BandStage::Step& step : is.line) {
    const float* const numbers = run.in<float>(step.operand);
    for (std::int64_t c = 0; c < out; ++c) {
      const float number = numbers[step.is_scalar ? 0 : c];
      if (step.kind == OpKind::kMul) {
        factors[c] *= number;
        offsets[c] *= number;
      } else {
        offsets[c] += step.kind == OpKind::kSub ? -number : number;
      }
    }
  }
}

class BandedKernel {
 public:
  BandedKernel(const KernelView& kernel, const BandedConvolutions& found);
  [[nodiscard]] Bytes workspace() const { return places_.size(); }
  void run(const Run& run) const;

 private:
  struct Lane {
    const Run& run;
    float* ring;
    float* hidden;  // a band of what the depthwise convolution makes
    float* lines;   // of a row
  };
  struct Range {
    std::int64_t begin, end;
  };
  void choose_bands(std::int64_t stride, std::int64_t span);
  void bring_weights(const Run& run) const;
  void run_strip(const Lane& lane, std::int64_t strip) const;
  [[nodiscard]] Range needed_rows(std::int64_t begin, std::int64_t end) const;
  void make_rows(const Lane& lane, std::int64_t image, std::int64_t begin, std::int64_t end) const;
  void make_result(const Lane& lane, std::int64_t image, std::int64_t row, float* y) const;

  std::size_t x_;
  Places places_;
  std::optional<Stage> expand_, project_;
  std::optional<TapRows> taps_;  // of `expand_`, where it is no 1x1 convolution
  WindowAxis rows_, columns_;
  std::int64_t stride_, pad_, dilation_;  // of columns
  std::int64_t wide_;                     // channels of the wide image
  std::optional<Stage> depthwise_;        // none: a max pooling stands there
  std::int64_t batch_, in_;
  std::int64_t strips_;  // of an image
  std::int64_t lanes_;
  std::int64_t band_ = 1;  // rows of results
  std::int64_t ring_rows_ = 0;
  // Of the first lane, in the workspace; and floats of a lane.
  std::int64_t ring_ = 0, hidden_ = 0, lines_ = 0;
  std::int64_t ring_size_ = 0, hidden_size_ = 0, lines_size_ = 0;
};

// The depthwise convolution, or the pooling.
const FusedPart& middle_part(const KernelView& kernel, const BandedConvolutions& found) {
  return kernel.attributes.parts().parts[found.middle()];
}

WindowAxis middle_axis(const KernelView& kernel, const BandedConvolutions& found, std::size_t a) {
  const FusedPart& part = middle_part(kernel, found);
  const Shape& x = found.expand
                       ? kernel.attributes.parts().parts[found.expand->part].outputs[0].shape
                       : kernel.inputs[found.x].shape;
  return found.pool
             ? window_axis(part, x, part.attributes.integers("kernel"), a)
             : window_axis(part, x,
                           std::span(kernel.inputs[found.depthwise->weight].shape).subspan(2), a);
}

BandedKernel::BandedKernel(const KernelView& kernel, const BandedConvolutions& found)
    : x_(found.x),
      rows_(middle_axis(kernel, found, 0)),
      columns_(middle_axis(kernel, found, 1)),
      stride_(middle_part(kernel, found).attributes.integers("strides")[1]),
      pad_(middle_part(kernel, found).attributes.integers("pads")[1]),
      dilation_(middle_part(kernel, found).attributes.integers("dilations")[1]),
      wide_(middle_part(kernel, found).outputs[0].shape[1]),
      batch_(kernel.inputs[found.x].shape[0]),
      in_(kernel.inputs[found.x].shape[1]),
      strips_(std::clamp<std::int64_t>(kEnoughStrips / batch_, 1,
                                       std::max<std::int64_t>(1, rows_.results / kLeastStrip))),
      lanes_(std::min(kMostLanes, batch_ * strips_)) {
  if (found.expand) {
    const FusedPart& conv = kernel.attributes.parts().parts[found.expand->part];
    expand_.emplace(*found.expand, kernel, places_);
    if (!found.expand->is_pointwise) {
      taps_.emplace(conv, kernel.inputs[found.x], kernel.inputs[found.expand->weight].shape);
    }
  }
  if (found.depthwise) depthwise_.emplace(*found.depthwise, kernel, places_);
  if (found.project) project_.emplace(*found.project, kernel, places_);
  const Attributes& attributes = middle_part(kernel, found).attributes;
  choose_bands(attributes.integers("strides")[0],
               (rows_.kernel - 1) * attributes.integers("dilations")[0] + 1);
}

// `span`: rows from the first to the last that a row of results needs.
void BandedKernel::choose_bands(std::int64_t stride, std::int64_t span) {
  const std::int64_t row = columns_.image * wide_;
  const std::int64_t fit = kBandBytes / 4 / row;
  band_ = std::clamp<std::int64_t>((fit - span) / stride + 1, 1, rows_.results);
  if (expand_) {
    ring_rows_ = std::min(rows_.image, (band_ - 1) * stride + span);
    ring_size_ = aligned(Bytes(ring_rows_ * row * 4)).count() / 4;
    ring_ = places_.add(lanes_ * ring_size_);
  }
  if (taps_) {
    lines_size_ = aligned(Bytes(taps_->lines_size() * 4)).count() / 4;
    lines_ = places_.add(lanes_ * lines_size_);
  }
  if (project_) {
    hidden_size_ = aligned(Bytes(band_ * columns_.results * wide_ * 4)).count() / 4;
    hidden_ = places_.add(lanes_ * hidden_size_);
  }
}

void BandedKernel::bring_weights(const Run& run) const {
  for (const Stage* stage : {expand_ ? &*expand_ : nullptr, project_ ? &*project_ : nullptr}) {
    if (stage == nullptr) continue;
    stage->write_line(run);
    const float* const given = run.in<float>(stage->is.weight);
    const std::int64_t blocks = whole_blocks(stage->out) / kChannelBlock;
    parallel_for(run.threads(), blocks, kGrain / (kChannelBlock * stage->taps) + 1,
                 [&](std::int64_t begin, std::int64_t end) {
                   const std::int64_t first = begin * kChannelBlock;
                   pack_blocks(given + first * stage->taps, place(run, stage->scale) + first,
                               std::min(stage->out, end * kChannelBlock) - first, stage->in,
                               stage->taps / stage->in,
                               place(run, stage->weights) + first * stage->taps);
                 });
  }
  if (!depthwise_) return;
  depthwise_->write_line(run);
  const float* const given = run.in<float>(depthwise_->is.weight);
  const float* const factors = place(run, depthwise_->scale);
  float* const positions = place(run, depthwise_->weights);
  for (std::int64_t c = 0; c < wide_; ++c) {
    for (std::int64_t k = 0; k < depthwise_->taps; ++k) {
      positions[k * wide_ + c] = given[c * depthwise_->taps + k] * factors[c];
    }
  }
}

void BandedKernel::run(const Run& run) const {
  bring_weights(run);
  const std::int64_t strips = batch_ * strips_;
  parallel_for(run.threads(), lanes_, 1, [&](std::int64_t begin, std::int64_t end) {
    const Lane lane{run, place(run, ring_) + begin * ring_size_,
                    place(run, hidden_) + begin * hidden_size_,
                    place(run, lines_) + begin * lines_size_};
    for (std::int64_t s = strips * begin / lanes_; s < strips * end / lanes_; ++s) {
      run_strip(lane, s);
    }
  });
}

void BandedKernel::run_strip(const Lane& lane, std::int64_t strip) const {
  const std::int64_t image = strip / strips_;
  const std::int64_t end = rows_.results * (strip % strips_ + 1) / strips_;
  const std::int64_t width = columns_.results;
  std::int64_t made = 0;  // rows of the wide image before this one are in the ring, or not needed
  for (std::int64_t row = rows_.results * (strip % strips_) / strips_; row < end;) {
    const std::int64_t count = std::min(band_, end - row);
    if (expand_) {
      const Range needed = needed_rows(row, row + count);
      make_rows(lane, image, std::max(made, needed.begin), needed.end);
      made = std::max(made, needed.end);
    }
    const std::int64_t pixel = (image * rows_.results + row) * width;
    float* const hidden = project_ ? lane.hidden : lane.run.out<float>() + pixel * wide_;
    for (std::int64_t r = 0; r < count; ++r) {
      make_result(lane, image, row + r, hidden + r * width * wide_);
    }
    if (project_) {
      const std::int64_t at = pixel * project_->out;
      const auto addend = project_->is.addend;
      multiply_pixels(project_->product(lane.run), hidden, count * width,
                      addend ? lane.run.in<float>(*addend) + at : nullptr,
                      lane.run.out<float>() + at);
    }
    row += count;
  }
}

// Of the wide image, for rows [begin, end) of results.
BandedKernel::Range BandedKernel::needed_rows(std::int64_t begin, std::int64_t end) const {
  Range needed{rows_.image, 0};
  for (std::int64_t r = begin; r < end; ++r) {
    for (const Meeting& meeting : rows_.forward[static_cast<std::size_t>(r)]) {
      needed.begin = std::min(needed.begin, meeting.at);
      needed.end = std::max(needed.end, meeting.at + 1);
    }
  }
  return needed;
}

// Rows [begin, end) of the wide image.
void BandedKernel::make_rows(const Lane& lane, std::int64_t image, std::int64_t begin,
                             std::int64_t end) const {
  const PixelProduct product = expand_->product(lane.run);
  const std::int64_t width = columns_.image;
  const float* const x = lane.run.in<float>(x_);
  while (begin < end) {
    const std::int64_t at = begin % ring_rows_;
    float* const rows = lane.ring + at * width * wide_;
    if (taps_) {
      taps_->lay(x + image * taps_->image_size(), begin++, lane.lines);
      multiply_lines(product, lane.lines, taps_->offsets().data(), width, rows);
      continue;
    }
    const std::int64_t count = std::min(end - begin, ring_rows_ - at);
    multiply_pixels(product, x + (image * rows_.image + begin) * width * in_, count * width,
                    nullptr, rows);
    begin += count;
  }
}

// A row that the depthwise convolution makes, or the pooling.
void BandedKernel::make_result(const Lane& lane, std::int64_t image, std::int64_t row,
                               float* y) const {
  const std::int64_t line = columns_.image * wide_;
  const float* const x = expand_ ? lane.ring : lane.run.in<float>(x_) + image * rows_.image * line;
  std::vector<const float*> lines, weights;
  std::vector<std::int64_t> positions;
  for (const Meeting& meeting : rows_.forward[static_cast<std::size_t>(row)]) {
    lines.push_back(x + (expand_ ? meeting.at % ring_rows_ : meeting.at) * line);
    positions.push_back(meeting.weight);
  }
  if (!depthwise_) return max_row({lines, positions, columns_, wide_, wide_}, y, nullptr);
  for (const std::int64_t position : positions) {
    weights.push_back(place(lane.run, depthwise_->weights) + position * columns_.kernel * wide_);
  }
  depthwise_row({lines, weights, place(lane.run, depthwise_->shift), columns_, stride_, pad_,
                 dilation_, wide_, depthwise_->clamp},
                y);
}

std::optional<Prepared> make_banded(const KernelView& kernel, int) {
  std::vector<const TensorType*> inputs;
  for (const TensorType& type : kernel.inputs) inputs.push_back(&type);
  const auto found = banded_convolutions(kernel.attributes.parts(), inputs);
  if (!found || !is_float32(kernel)) return std::nullopt;
  const BandedKernel made(kernel, *found);
  return Prepared{[made](const Run& run) { made.run(run); }, made.workspace()};
}

}  // namespace

void add_banded_convolutions(Makers& makers) { add(makers, {OpKind::kFused}, make_banded); }

}  // namespace rockmate::cpu
