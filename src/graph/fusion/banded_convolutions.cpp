#include "graph/fusion/banded_convolutions.h"

#include <algorithm>
#include <limits>

namespace rockmate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool lies(const TensorType& type, MemoryFormat format) {
  return type.shape.size() == 4 && type.dtype == DType::kFloat32 && type.format == format &&
         element_count(type.shape) > 0;
}
bool is_image(const TensorType& type) { return lies(type, MemoryFormat::kChannelsLast); }
bool is_in_planes(const TensorType& type) { return lies(type, MemoryFormat::kRowMajor); }

// One number for each channel of the image, or one for all.
bool is_per_channel(const TensorType& type, const Shape& image) {
  const std::size_t rank = type.shape.size();
  const std::int64_t count = element_count(type.shape);
  return type.dtype == DType::kFloat32 &&
         (count == 1 || (count == image[1] && rank >= 3 && type.shape[rank - 3] == count));
}

// Reads the parts one after the other; each but the first reads what the one before it made.
class Reader {
 public:
  Reader(const FusedParts& parts, const std::vector<const TensorType*>& inputs)
      : parts_(parts), inputs_(inputs) {}

  [[nodiscard]] std::optional<BandedConvolutions> read() {
    std::size_t next = parts_.inputs;
    for (std::size_t p = 0; p < parts_.parts.size(); ++p) {
      const FusedPart& part = parts_.parts[p];
      if (!is_image(part.outputs[0]) || part.attributes.flag("adds")) return std::nullopt;
      if (pool_ || !take(p)) return std::nullopt;
      current_ = next;
      next += part.outputs.size();  // a clamp's mask, too
    }
    return arranged();
  }

 private:
  bool take(std::size_t p) {
    const FusedPart& part = parts_.parts[p];
    if (part.kind == OpKind::kConv) return begin_stage(p);
    if (part.kind != OpKind::kMaxPool) return go_on(part);
    pool_ = p;
    return part.inputs == std::vector{current_};
  }

  [[nodiscard]] bool is_input(std::size_t slot) const { return slot < parts_.inputs; }
  [[nodiscard]] const FusedPart& conv(const BandStage& stage) const {
    return parts_.parts[stage.part];
  }

  bool begin_stage(std::size_t p) {
    const FusedPart& part = parts_.parts[p];
    const bool reads_on = p == 0 ? is_input(part.inputs[0]) : part.inputs[0] == current_;
    if (!reads_on || !std::all_of(part.inputs.begin() + 1, part.inputs.end(),
                                  [&](std::size_t slot) { return is_input(slot); })) {
      return false;
    }
    BandStage stage{.part = p, .weight = part.inputs[1], .low = -kInfinity, .high = kInfinity};
    if (part.inputs.size() > 2) stage.bias = part.inputs[2];
    stages_.push_back(stage);
    return true;
  }

  // Behind a convolution.
  bool go_on(const FusedPart& part) {
    if (stages_.empty() || stages_.back().is_clamped) return false;
    BandStage& stage = stages_.back();
    if (part.kind == OpKind::kRelu || part.kind == OpKind::kClip) {
      stage.is_clamped = true;
      const bool clips = part.kind == OpKind::kClip;
      stage.low = clips ? part.attributes.real("low") : 0;
      stage.high = clips ? part.attributes.real("high") : kInfinity;
      return part.inputs == std::vector{current_};
    }
    return part.inputs.size() == 2 && take_operand(part, stage);
  }

  bool take_operand(const FusedPart& part, BandStage& stage) const {
    const bool is_sum = part.kind == OpKind::kAdd;
    if (!is_sum && part.kind != OpKind::kMul && part.kind != OpKind::kSub) return false;
    const bool is_first = part.inputs[0] == current_;
    const std::size_t other = part.inputs[is_first ? 1 : 0];
    if (part.inputs[is_first ? 0 : 1] != current_ || !is_input(other) || stage.addend ||
        (part.kind == OpKind::kSub && !is_first)) {
      return false;
    }
    const TensorType& type = *inputs_[other];
    if (is_per_channel(type, part.outputs[0].shape)) {
      stage.line.push_back({part.kind, other, element_count(type.shape) == 1});
      return true;
    }
    stage.addend = other;
    return is_sum && type == part.outputs[0];
  }

  // Each pixel from all channels of the same one.
  [[nodiscard]] bool is_pointwise(const BandStage& stage) const {
    const Shape& weight = inputs_[stage.weight]->shape;
    const auto is = [&](const char* name, std::int64_t number) {
      const auto& list = conv(stage).attributes.integers(name);
      return std::ranges::all_of(list, [=](std::int64_t n) { return n == number; });
    };
    return conv(stage).attributes.integer("groups", 1) == 1 && weight[2] * weight[3] == 1 &&
           is("pads", 0) && is("strides", 1);
  }
  // Weights of a channel so few that a row of windows may be laid out in the cache.
  [[nodiscard]] bool has_few_taps(const BandStage& stage) const {
    constexpr std::int64_t kFewTaps = 64;
    const Shape& weight = inputs_[stage.weight]->shape;
    return conv(stage).attributes.integer("groups", 1) == 1 &&
           inputs_[stage.weight]->format == MemoryFormat::kRowMajor &&
           element_count(weight) <= kFewTaps * weight[0];
  }
  [[nodiscard]] bool may_expand(const BandStage& stage) const {
    return !stage.addend && (is_pointwise(stage) || has_few_taps(stage));
  }
  [[nodiscard]] bool is_depthwise(const BandStage& stage) const {
    const Shape& weight = inputs_[stage.weight]->shape;
    return weight[1] == 1 && conv(stage).attributes.integer("groups", 1) == weight[0] &&
           conv(stage).outputs[0].shape[1] == weight[0] && !stage.addend;
  }

  [[nodiscard]] std::optional<BandedConvolutions> arranged() const {
    if (stages_.empty() || parts_.outputs != std::vector{current_} || !parts_.optional.empty()) {
      return std::nullopt;
    }
    const auto found = pool_ ? before_pool() : around_depthwise();
    if (!found) return std::nullopt;
    const TensorType& x = *inputs_[found->x];
    const bool reads_windows = found->expand && !found->expand->is_pointwise;
    return is_image(x) || (reads_windows && is_in_planes(x)) ? found : std::nullopt;
  }

  [[nodiscard]] std::optional<BandedConvolutions> before_pool() const {
    BandedConvolutions found{.x = parts_.parts[0].inputs[0], .expand = stages_[0], .pool = pool_};
    const bool fits = stages_.size() == 1 && may_expand(stages_[0]) && !is_pointwise(stages_[0]);
    return fits ? std::optional(found) : std::nullopt;
  }

  [[nodiscard]] std::optional<BandedConvolutions> around_depthwise() const {
    const std::size_t count = stages_.size();
    if (count < 2 || count > 3) return std::nullopt;
    const bool expands = count == 3 || may_expand(stages_[0]);
    const BandStage& depthwise = stages_[expands ? 1 : 0];
    if (!is_depthwise(depthwise)) return std::nullopt;
    BandedConvolutions found{.x = parts_.parts[0].inputs[0], .depthwise = depthwise};
    if (expands) {
      found.expand = stages_[0];
      found.expand->is_pointwise = is_pointwise(stages_[0]);
    }
    if (&depthwise != &stages_.back()) found.project = stages_.back();
    const bool fits = (!found.expand || may_expand(*found.expand)) &&
                      (!found.project || is_pointwise(*found.project));
    return fits ? std::optional(found) : std::nullopt;
  }

  const FusedParts& parts_;
  const std::vector<const TensorType*>& inputs_;
  std::size_t current_ = 0;  // the slot that the part before made
  std::vector<BandStage> stages_;
  std::optional<std::size_t> pool_ = std::nullopt;
};

}  // namespace

std::optional<BandedConvolutions> banded_convolutions(
    const FusedParts& parts, const std::vector<const TensorType*>& inputs) {
  return Reader(parts, inputs).read();
}

Bytes bytes_between(const FusedParts& parts, const BandedConvolutions& found) {
  Bytes bytes;
  if (found.expand) bytes += parts.parts[found.expand->part].outputs[0].bytes();
  if (found.project) bytes += parts.parts[found.middle()].outputs[0].bytes();
  return bytes;
}

}  // namespace rockmate
