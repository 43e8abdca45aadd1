// How a tree of point-wise parts becomes a chain: from the result backward, each part has at most
// one operand that other parts make, which is what the chain hands on. A batch norm's application
// to an input counts as an operand: it is made where it is read.
//
// How operands move follows from their shapes: the result is taken as rows, so that an operand that
// is broadcast is one number for each row, or one row of numbers. Operands that want rows of
// different lengths make no chain.

#include "exec/vector/chains.h"

#include <algorithm>

#include "exec/vector/named_functions.h"

namespace rockmate::vector {
namespace {

// Inputs of the kernel; none: absent.
using Source = std::optional<std::size_t>;
struct OperandSources {
  Source data, mean, variance, scale, bias;
};
struct Operand {
  ve::ChainOperand arguments = {};
  OperandSources sources;
};

// The rows of a result, as operands ask for them.
class Rows {
 public:
  explicit Rows(const Shape& result) : result_(result), count_(element_count(result)) {}

  [[nodiscard]] std::optional<ve::Spread> spread_of(const Shape& shape) {
    if (element_count(shape) == count_) return ve::Spread::kBeside;
    if (element_count(shape) == 1) return ve::Spread::kScalar;
    // Axes first ... last - 1 are the result's, the others 1.
    const std::size_t missing = result_.size() - shape.size();
    std::size_t first = 0;
    while (shape[first] == 1) ++first;
    std::size_t last = shape.size();
    while (shape[last - 1] == 1) --last;
    for (std::size_t a = first; a < last; ++a) {
      if (shape[a] != result_[a + missing]) return std::nullopt;
    }
    return spread_along(first + missing, last + missing);
  }
  /// Of a number for each place along axes first ... last - 1.
  [[nodiscard]] std::optional<ve::Spread> spread_along(std::size_t first, std::size_t last) {
    const long numbers = extent(result_, first, last);
    const long inner = extent(result_, last, result_.size());
    const bool is_column = inner == 1;
    if (!agree(is_column ? numbers : inner, length_)) return std::nullopt;
    if (is_column) return ve::Spread::kColumn;
    if (!agree(numbers, channels_)) return std::nullopt;
    return ve::Spread::kChannel;
  }
  void put(ve::ChainArguments& a) const {
    a.length = length_ == 0 ? count_ : length_;
    a.channels = std::max<long>(1, channels_);
    a.rows = a.length == 0 ? 0 : count_ / a.length;
  }

 private:
  static bool agree(long wanted, long& known) {
    if (known == 0) known = wanted;
    return known == wanted;
  }
  const Shape& result_;
  long count_;
  long length_ = 0, channels_ = 0;  // 0: any
};

class ChainMaker {
 public:
  explicit ChainMaker(const KernelView& kernel) : kernel_(kernel), rows_(kernel.out_shape()) {}

  std::optional<Prepared> of_parts() {
    if (!find_parts() || !build(result_)) return std::nullopt;
    return launch();
  }
  std::optional<Prepared> of_batch_norm() {
    if (!norm_operand({0, 1, 2, 3, 4}, kernel_.inputs.size(), kernel_.attributes, first_)) {
      return std::nullopt;
    }
    return launch();
  }

 private:
  struct Step {
    ve::ChainStep arguments = {};
    Operand operand;
  };

  // Makers and readers of slots; whether the parts have one result, and maybe a mask beside it.
  bool find_parts() {
    parts_ = &kernel_.attributes.parts();
    const TensorType& result = kernel_.outputs.front();
    if (result.dtype != DType::kFloat32 && result.dtype != DType::kFloat64) return false;
    uses_.resize(parts_->inputs);
    makers_.resize(parts_->inputs);
    for (const FusedPart& part : parts_->parts) {
      if (part.outputs.front() != result || part.attributes.flag("adds")) return false;
      for (const std::size_t slot : part.inputs) ++uses_[slot];
      for (std::size_t o = 0; o < part.outputs.size(); ++o) {
        makers_.push_back(o == 0 ? &part : nullptr);
      }
      uses_.resize(makers_.size());
    }
    result_ = parts_->outputs.front();
    const std::size_t last = makers_.size() - parts_->parts.back().outputs.size();
    const bool has_mask = parts_->outputs.size() > 1;
    if (result_ != last || parts_->outputs.size() > 2) return false;
    has_mask_ = has_mask;
    return !has_mask || parts_->outputs[1] == last + 1;
  }

  bool is_operand(std::size_t slot) const {
    if (slot < parts_->inputs) return true;
    const FusedPart* part = makers_[slot];
    return part != nullptr && part->kind == OpKind::kBatchNormApply && uses_[slot] == 1 &&
           std::ranges::all_of(part->inputs, [&](std::size_t s) { return s < parts_->inputs; });
  }

  bool operand(std::size_t slot, Operand& made) {
    if (slot >= parts_->inputs) {
      const FusedPart& part = *makers_[slot];
      return norm_operand(part.inputs, part.inputs.size(), part.attributes, made);
    }
    if (kernel_.dtype(slot) != kernel_.outputs.front().dtype) return false;
    const auto spread = rows_.spread_of(kernel_.shape(slot));
    if (!spread) return false;
    made.sources.data = slot;
    made.arguments.spread = *spread;
    return true;
  }

  // (x, mean, variance, scale, bias), as many as there are.
  bool norm_operand(const std::vector<std::size_t>& inputs, std::size_t count,
                    const Attributes& attributes, Operand& made) {
    const auto source = [&](std::size_t i) { return i < count ? Source(inputs[i]) : Source(); };
    made.sources = {source(0), source(1), source(2), source(3), source(4)};
    made.arguments.epsilon = attributes.real("epsilon");
    const auto spread = rows_.spread_of(kernel_.shape(inputs[0]));
    const auto numbers = rows_.spread_along(1, 2);
    if (spread != ve::Spread::kBeside || !numbers) return false;
    made.arguments.spread = *spread;
    made.arguments.numbers = *numbers;
    return true;
  }

  bool build(std::size_t slot) {
    if (is_operand(slot)) return operand(slot, first_);
    const FusedPart* part = makers_[slot];
    if (part == nullptr || (slot != result_ && uses_[slot] != 1)) return false;
    Step step;
    const auto takes = [&](ve::ChainVerb verb, std::size_t handed_on, Source other) {
      step.arguments.verb = verb;
      if (!build(handed_on) || (other && !operand(*other, step.operand))) return false;
      steps_.push_back(step);
      return steps_.size() <= ve::kMostSteps;
    };
    using enum ve::ChainVerb;
    const auto& in = part->inputs;
    if (const auto binary = binary_of(part->kind)) {
      step.arguments.binary = *binary;
      if (is_operand(in[1])) return takes(kBinary, in[0], in[1]);
      return is_operand(in[0]) && takes(kReversed, in[1], in[0]);
    }
    const auto named = function_of(part->kind, part->attributes);
    if (!named) return false;
    step.arguments.function = named->function;
    step.arguments.p = named->p;
    step.arguments.q = named->q;
    if (in.size() == 1) return takes(kMap, in[0], std::nullopt);
    if (is_operand(in[1])) return takes(kSlope, in[0], in[1]);
    return is_operand(in[0]) && takes(kSlopeOf, in[1], in[0]);
  }

  std::optional<Prepared> launch() {
    ve::ChainArguments a = {};
    a.wide = is_wide(kernel_, kernel_.outputs.front().dtype);
    rows_.put(a);
    // Bits of a mask do not begin where rows do.
    if (has_mask_ && (a.rows != 1 || steps_.empty())) return std::nullopt;
    a.count = static_cast<int>(steps_.size());
    a.first = first_.arguments;
    std::vector<OperandSources> sources = {first_.sources};
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      a.steps[s] = steps_[s].arguments;
      a.steps[s].operand = steps_[s].operand.arguments;
      sources.push_back(steps_[s].operand.sources);
    }
    const long tasks = a.rows == 1 ? ceil_div(a.length, ve::kMapStretch) : a.rows;
    return Prepared{[a, sources, tasks, has_mask = has_mask_](const Call& call) mutable {
      const auto put = [&](const OperandSources& from, ve::ChainOperand& to) {
        const auto in = [&](const Source& s) { return s ? call.in(*s) : nullptr; };
        to.data = in(from.data);
        to.mean = in(from.mean);
        to.variance = in(from.variance);
        to.scale = in(from.scale);
        to.bias = in(from.bias);
      };
      put(sources[0], a.first);
      for (int s = 0; s < a.count; ++s) {
        put(sources[static_cast<std::size_t>(s) + 1], a.steps[s].operand);
      }
      a.y = call.out(0);
      a.mask = has_mask ? call.out(1) : nullptr;
      ROCKMATE_LAUNCH(call, ve_chain, a, tasks);
    }};
  }

  const KernelView& kernel_;
  Rows rows_;
  const FusedParts* parts_ = nullptr;
  std::vector<const FusedPart*> makers_;  // of slots; null: an input, or a mask
  std::vector<std::size_t> uses_;         // of slots, by parts
  std::size_t result_ = 0;
  bool has_mask_ = false;
  Operand first_;
  std::vector<Step> steps_;
};

}  // namespace

std::optional<Prepared> make_chain(const KernelView& kernel) {
  return ChainMaker(kernel).of_parts();
}

Prepared make_batch_norm_apply(const KernelView& kernel) {
  return ChainMaker(kernel).of_batch_norm().value();
}

}  // namespace rockmate::vector
