// In one walk over the tape, convolutions want their images channels last; whatever can compute in
// either format follows the images that it gets; everything else gets row-major tensors. Where a
// tensor does not lie as an op wants it, it is transposed once, for all that want it so.
//
// A change of format is a transposition and a view (kReinterpret), so no kernel has to know of it:
//
//   row-major [N, C, H, W]  --transpose-->  row-major [N, H, W, C]  --reinterpret-->  channels last
//
// A tensor of which both formats are the same bytes (one channel, or one pixel) is called row-major
// and fits everywhere. A model's own transposition between the two orders of axes becomes the view
// that it is, and a channel shuffle works on rows of pixels (shuffle_rows.h).

#include "graph/memory_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "graph/channel_shuffle.h"
#include "graph/op_table.h"
#include "graph/shuffle_rows.h"

namespace rockmate {
namespace {

constexpr auto kRowMajor = MemoryFormat::kRowMajor;
constexpr auto kChannelsLast = MemoryFormat::kChannelsLast;

// What a kind of op makes of formats.
enum class Habit {
  kStays,    // row-major tensors alone
  kWants,    // channels last, for its images
  kFollows,  // all in one format: channels last if any image lies so
  kReduces,  // takes either format, makes a row-major tensor
  kSpreads   // channels last, where it makes an image of a row of channels
};

Habit habit(OpKind kind) {
  if (is_activation(kind)) return Habit::kFollows;
  using enum OpKind;
  switch (kind) {
    case kConv:
    case kConvTranspose:
    case kConvWeightGradient:
      return Habit::kWants;
    case kReduceSum:
    case kReduceMean:
      return Habit::kReduces;
    case kExpand:
      return Habit::kSpreads;
    case kBatchNorm:
    case kMaxPool:
    case kAveragePool:
    case kDropout:
    case kConcat:
    case kSplit:
    case kSlice:
    case kPad:
    case kResize:
    case kAdd:
    case kSub:
    case kMul:
    case kDiv:
    case kMaximum:
    case kMinimum:
    case kScale:
    case kBatchNormGradient:
    case kMaxPoolGradient:
    case kAveragePoolGradient:
    case kSliceGradient:
    case kResizeGradient:
      return Habit::kFollows;
    default:
      return Habit::kStays;
  }
}

class Pass {
 public:
  Pass(Tape& tape, const std::vector<TensorId>& row_major) : tape_(tape) {
    for (const TensorId t : row_major) row_major_.insert(t.index());
  }

  void run();

 private:
  // Whether the two formats are different orders of the elements.
  [[nodiscard]] bool is_image(TensorId t) const {
    const Shape& shape = tape_[t].tensor.type.shape;
    return shape.size() == 4 && shape[1] != 1 && shape[2] * shape[3] != 1 &&
           element_count(shape) != 0;
  }
  [[nodiscard]] MemoryFormat format(TensorId t) const { return tape_[t].tensor.type.format; }

  [[nodiscard]] bool may_lie_last(TensorId t) const { return !row_major_.contains(t.index()); }
  void lay(Step step);
  [[nodiscard]] bool views_transposition(const Step& step) const;
  // Whether what it reads lies channels last, and what it makes may.
  [[nodiscard]] bool lies_well(const ChannelShuffle& shuffle) const {
    return format(shuffle.image) == kChannelsLast && may_lie_last(shuffle.result);
  }
  [[nodiscard]] bool lies_well(const ShuffledConcatenation& found,
                               const std::vector<Step>& steps) const;
  [[nodiscard]] MemoryFormat wanted(const Step& step) const;
  // The tensor, or a copy of it, in that format.
  TensorId bring(TensorId t, MemoryFormat format, const Step& reader);
  // Runs the step with channels-last outputs.
  void append_channels_last(Step step);

  Tape& tape_;
  std::unordered_set<std::size_t> row_major_;
  bool has_images_ = false;  // so far
  std::map<std::pair<TensorId, MemoryFormat>, TensorId> brought_;
};

MemoryFormat Pass::wanted(const Step& step) const {
  const Node& node = step.node;
  const bool is_float32 =
      !node.inputs.empty() && tape_[node.inputs.front()].tensor.type.dtype == DType::kFloat32;
  switch (habit(node.kind)) {
    case Habit::kWants:
      return is_float32 ? kChannelsLast : kRowMajor;
    case Habit::kFollows:
    case Habit::kReduces:
      return std::any_of(node.inputs.begin(), node.inputs.end(),
                         [&](TensorId t) { return format(t) == kChannelsLast; })
                 ? kChannelsLast
                 : kRowMajor;
    case Habit::kSpreads: {
      const Shape& x = tape_[node.inputs.front()].tensor.type.shape;
      const bool is_row_of_channels = x.size() == 4 && x[1] > 1 && x[2] * x[3] == 1;
      return has_images_ && is_float32 && is_row_of_channels ? kChannelsLast : kRowMajor;
    }
    case Habit::kStays:
      break;
  }
  return kRowMajor;
}

void Pass::run() {
  std::vector<Step> steps = tape_.take_steps();
  const ChannelShuffles shuffles(tape_, steps);
  std::unordered_set<std::size_t> done;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    if (done.contains(s)) continue;
    if (const auto found = shuffles.behind(s); found && lies_well(*found, steps)) {
      append_in_rows(tape_, *found, steps);
      done.insert({found->shuffle_at, found->shuffle.transpose, found->shuffle.join});
      if (found->split) done.insert(*found->split);
    } else if (const auto shuffle = shuffles.at(s); shuffle && lies_well(*shuffle)) {
      append_in_rows(tape_, *shuffle, steps[s]);
      done.insert({shuffle->transpose, shuffle->join});
    } else {
      lay(Step(steps[s]));
    }
  }
}

bool Pass::lies_well(const ShuffledConcatenation& found, const std::vector<Step>& steps) const {
  const auto is_last = [&](TensorId t) { return format(t) == kChannelsLast; };
  const auto may_be_last = [&](TensorId t) { return is_image(t) && may_lie_last(t); };
  const auto& [pieces, at, shuffle, split] = found;
  return std::ranges::all_of(pieces, is_last) && may_lie_last(shuffle.image) &&
         may_lie_last(shuffle.result) &&
         (!split || std::ranges::all_of(steps[*split].node.outputs, may_be_last));
}

// A transposition that nothing has to move for: between rows of pixels, row-major, and an image.
bool Pass::views_transposition(const Step& step) const {
  if (step.node.kind != OpKind::kTranspose) return false;
  const TensorId x = step.node.inputs.front();
  const TensorId y = step.node.outputs.front();
  using Integers = std::vector<std::int64_t>;
  const auto& permutation = step.node.attributes.integers("permutation");
  if (row_major_.contains(y.index())) return false;
  if (format(x) == kChannelsLast) return permutation == Integers{0, 2, 3, 1};
  return has_images_ && is_image(y) && permutation == Integers{0, 3, 1, 2};
}

void Pass::lay(Step step) {
  if (views_transposition(step)) {
    step.node.kind = OpKind::kReinterpret;
    step.node.attributes = {};
    if (format(step.node.inputs.front()) == kRowMajor) {
      tape_.set_format(step.node.outputs.front(), kChannelsLast);
    }
    return tape_.append(std::move(step));
  }
  const MemoryFormat format = wanted(step);
  Node& node = step.node;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const bool is_weight =
        i == 1 && (node.kind == OpKind::kConv || node.kind == OpKind::kConvTranspose);
    if (is_weight || !is_image(node.inputs[i])) continue;
    node.inputs[i] = bring(node.inputs[i], format, step);
  }
  const bool makes_images =
      habit(node.kind) != Habit::kReduces && node.kind != OpKind::kConvWeightGradient;
  if (format == kChannelsLast && makes_images) {
    append_channels_last(std::move(step));
  } else {
    tape_.append(std::move(step));
  }
}

TensorId Pass::bring(TensorId t, MemoryFormat to, const Step& reader) {
  if (format(t) == to) return t;
  const auto known = brought_.find({t, to});
  if (known != brought_.end()) return known->second;
  const Phase phase = reader.phase == Phase::kForward ? Phase::kForward : Phase::kBackward;
  const std::string name = tape_[t].tensor.name;
  const auto emit = [&](const char* role, OpKind kind, TensorId input, Attributes attributes) {
    return tape_
        .emit(fmt::format("{}.{}", name, role), kind, {input}, std::move(attributes), phase,
              reader.origin)
        .front();
  };
  TensorId made;
  if (to == kChannelsLast) {
    const TensorId rows = emit("rows", OpKind::kTranspose, t,
                               {{"permutation", std::vector<std::int64_t>{0, 2, 3, 1}}});
    made = emit("channels_last", OpKind::kReinterpret, rows, {});
  } else {
    const TensorId rows = emit("rows", OpKind::kReinterpret, t, {});
    made = emit("row_major", OpKind::kTranspose, rows,
                {{"permutation", std::vector<std::int64_t>{0, 3, 1, 2}}});
  }
  brought_.emplace(std::pair{t, to}, made);
  return made;
}

void Pass::append_channels_last(Step step) {
  std::vector<std::pair<TensorId, TensorId>> back;  // image, the row-major tensor to make of it
  for (TensorId& t : step.node.outputs) {
    if (!is_image(t)) continue;
    if (row_major_.contains(t.index())) {
      const TensorId image = tape_.add_like(t, tape_[t].tensor.name + ".image");
      back.emplace_back(image, std::exchange(t, image));
    }
    tape_.set_format(t, kChannelsLast);
    has_images_ = true;
  }
  const Phase phase = step.phase;
  const std::optional<NodeId> origin = step.origin;
  tape_.append(std::move(step));
  for (const auto& [image, t] : back) {
    const std::string name = tape_[t].tensor.name;  // emitting moves tensors
    const TensorId rows =
        tape_.emit(name + ".rows", OpKind::kReinterpret, {image}, {}, phase, origin).front();
    Node transpose{tape_.unique(name + ".row_major"),
                   OpKind::kTranspose,
                   {{"permutation", std::vector<std::int64_t>{0, 3, 1, 2}}},
                   {rows},
                   {t}};
    tape_.append({std::move(transpose), phase, origin});
    brought_.emplace(std::pair{t, kChannelsLast}, image);
  }
}

}  // namespace

void lay_channels_last(Tape& tape, const std::vector<TensorId>& row_major) {
  Pass(tape, row_major).run();
}

}  // namespace rockmate
