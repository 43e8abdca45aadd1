#include "exec/cpu/onednn_epilogue.h"

#include <algorithm>

namespace rockmate::cpu::onednn {
namespace {

// One number for each channel of the result, or one for all.
bool is_per_channel(const TensorType& type, const TensorType& result) {
  const std::int64_t count = element_count(type.shape);
  if (count == 1) return true;
  const std::size_t behind = result.shape.size() - 2;  // axes behind the channels
  const std::size_t rank = type.shape.size();
  return count == result.shape[1] && rank > behind && type.shape[rank - 1 - behind] == count;
}

struct Row {
  const float* result;
  const float* scale;
  const float* shift;
  const float* addend;
  float* y;
};

void finish_row(const Row& row, float low, float high, std::int64_t count) {
  const auto clamped = [=](float x) {
    x = x < low ? low : x;
    return x > high ? high : x;
  };
  if (row.addend == nullptr) {
    for (std::int64_t c = 0; c < count; ++c) {
      row.y[c] = clamped(row.result[c] * row.scale[c] + row.shift[c]);
    }
    return;
  }
  for (std::int64_t c = 0; c < count; ++c) {
    row.y[c] = clamped(row.result[c] * row.scale[c] + row.shift[c] + row.addend[c]);
  }
}

}  // namespace

// All parts have one output each.
std::optional<Epilogue> Epilogue::of(const KernelView& kernel, std::size_t first) {
  const FusedParts& parts = kernel.attributes.parts();
  const std::size_t last = parts.inputs + parts.parts.size() - 1;
  if (parts.outputs != std::vector{last} || !parts.optional.empty()) {
    return std::nullopt;
  }
  Epilogue made;
  std::size_t current = parts.inputs + first;
  for (std::size_t p = first; p < parts.parts.size(); ++p) {
    const FusedPart& part = parts.parts[p];
    // An activation's mask is made for gradients; here nobody reads it.
    const bool fits = part.outputs[0] == kernel.outputs[0] && !part.attributes.flag("adds");
    if (!fits || (p > first && !made.take(kernel, part, current++))) return std::nullopt;
  }
  return made;
}

bool Epilogue::take(const KernelView& kernel, const FusedPart& part, std::size_t current) {
  if (activation_) return false;
  if (part.inputs.size() == 2) return take_binary(kernel, part, current);
  return part.inputs == std::vector{current} && take_activation(part);
}

bool Epilogue::take_binary(const KernelView& kernel, const FusedPart& part, std::size_t current) {
  const bool is_sum = part.kind == OpKind::kAdd;
  if (!is_sum && part.kind != OpKind::kMul && part.kind != OpKind::kSub) return false;
  const bool is_first = part.inputs[0] == current;
  const std::size_t other = part.inputs[is_first ? 1 : 0];
  const bool is_operand = other < kernel.inputs.size() && part.inputs[is_first ? 0 : 1] == current;
  if (!is_operand || (part.kind == OpKind::kSub && !is_first) || addend_) return false;
  const TensorType& type = kernel.inputs[other];
  if (is_per_channel(type, kernel.outputs[0])) {
    line_.push_back({part.kind, other, element_count(type.shape) == 1});
    has_scale_ |= part.kind == OpKind::kMul;
    return true;
  }
  if (!is_sum || type != kernel.outputs[0]) return false;
  addend_ = Operand{&type, other, false};
  return true;
}

bool Epilogue::take_activation(const FusedPart& part) {
  using dnnl::algorithm;
  switch (part.kind) {
    case OpKind::kRelu:
      activation_ = {algorithm::eltwise_relu, 0, 0};
      return true;
    case OpKind::kClip:
      activation_ = {algorithm::eltwise_clip, static_cast<float>(part.attributes.real("low")),
                     static_cast<float>(part.attributes.real("high"))};
      return true;
    case OpKind::kSilu:
      activation_ = {algorithm::eltwise_swish, 1, 0};
      return true;
    case OpKind::kHardSwish:
      activation_ = {algorithm::eltwise_hardswish, 0, 0};
      return true;
    default:
      return false;
  }
}

dnnl::post_ops Epilogue::post_ops(bool adds, bool finishes) const {
  dnnl::post_ops behind;
  if (adds || addend_) behind.append_sum(1);
  if (activation_ && finishes) {
    behind.append_eltwise(1, activation_->how, activation_->alpha, activation_->beta);
  }
  return behind;
}

bool Epilogue::is_clamp() const {
  return !activation_ || activation_->how == dnnl::algorithm::eltwise_relu ||
         activation_->how == dnnl::algorithm::eltwise_clip;
}

Clamp Epilogue::clamp() const {
  if (!activation_) return {};
  if (activation_->how == dnnl::algorithm::eltwise_relu) return {.low = 0};
  return {activation_->alpha, activation_->beta};
}

void Epilogue::finish(const float* result, const float* scale, const float* shift,
                      const float* addend, float* y, std::int64_t count) const {
  const Clamp bounds = clamp();
  finish_row({result, scale, shift, addend, y}, bounds.low, bounds.high, count);
}

void Epilogue::write_line(const Run& run, const float* bias, std::int64_t channels, float* scale,
                          float* shift) const {
  if (scale != nullptr) std::fill_n(scale, channels, 1.0F);
  bias != nullptr ? std::copy_n(bias, channels, shift) : std::fill_n(shift, channels, 0.0F);
  for (const Step& step : line_) {
    const float* const numbers = run.in<float>(step.operand);
    for (std::int64_t c = 0; c < channels; ++c) {
      const float number = numbers[step.is_scalar ? 0 : c];
      switch (step.kind) {
        case OpKind::kMul:
          if (scale != nullptr) scale[c] *= number;
          shift[c] *= number;
          break;
        case OpKind::kSub:
          shift[c] -= number;
          break;
        default:
          shift[c] += number;
      }
    }
  }
}

void Epilogue::write_scale(const Run& run, std::int64_t channels, float* scale) const {
  std::fill_n(scale, channels, 1.0F);
  for (const Step& step : line_) {
    if (step.kind != OpKind::kMul) continue;
    const float* const numbers = run.in<float>(step.operand);
    for (std::int64_t c = 0; c < channels; ++c) scale[c] *= numbers[step.is_scalar ? 0 : c];
  }
}

std::vector<std::size_t> Epilogue::scale_operands() const {
  std::vector<std::size_t> operands;
  for (const Step& step : line_) {
    if (step.kind == OpKind::kMul) operands.push_back(step.operand);
  }
  return operands;
}

}  // namespace rockmate::cpu::onednn
