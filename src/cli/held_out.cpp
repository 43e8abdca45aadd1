#include "cli/held_out.h"

#include <fmt/format.h>

#include <cstring>

#include "base/check.h"
#include "rockmate/error.h"
#include "rockmate/plan.h"

namespace rockmate::cli {
namespace {

Plan plan_within(const Executor& executor, const TrainingModel& model) {
  const Bytes budget = Evaluator::budget(executor, model);
  auto found = plan(model.graph, budget, {.work_limit = kEvaluationWork});
  if (found) return *std::move(found);
  throw InvalidInput(fmt::format(
      "evaluation takes {} bytes, this training leaves it {}; a larger budget or a smaller batch "
      "makes room",
      found.error().smallest_feasible.value_or(found.error().lower_bound).count(), budget.count()));
}

// Element i of floating-point or whole numbers.
double number_at(std::span<const std::byte> bytes, DType dtype, std::int64_t i) {
  const auto read_as = [&](auto value) {
    std::memcpy(&value, bytes.data() + static_cast<std::size_t>(i) * sizeof(value), sizeof(value));
    return static_cast<double>(value);
  };
  switch (dtype) {
    case DType::kFloat64:
      return read_as(double{});
    case DType::kFloat32:
      return read_as(float{});
    case DType::kInt64:
      return read_as(std::int64_t{});
    default:
      ROCKMATE_CHECK(dtype == DType::kInt32);
      return read_as(std::int32_t{});
  }
}

}  // namespace

HeldOut::HeldOut(Executor& executor, const TrainingModel& model, const std::string& path)
    : executor_(executor),
      model_(model),
      data_(executor.model(), {.path = path, .is_complete = true}),
      evaluator_(executor, model, plan_within(executor, model)) {}

Evaluation HeldOut::evaluate() {
  Evaluation result{.step = executor_.next_step()};
  std::int64_t right = 0, counted = 0;
  const std::int64_t batches = data_.batches_per_epoch();
  for (std::int64_t b = 0; b < batches; ++b) {
    const auto step = static_cast<std::uint64_t>(b);
    feed(data_.batch(step), step, executor_);
    result.loss += evaluator_.run() / static_cast<double>(batches);
    count_right(right, counted);
  }
  if (counted > 0) result.accuracy = static_cast<double>(right) / static_cast<double>(counted);
  return result;
}

// Of the first cross-entropy: the class of the largest score is the target.
void HeldOut::count_right(std::int64_t& right, std::int64_t& counted) const {
  for (const Kernel& kernel : model_.kernels) {
    if (kernel.kind != OpKind::kCrossEntropy) continue;
    const ValueId scores = kernel.inputs[0], targets = kernel.inputs[1];
    const TensorType& type = model_.types[scores];
    const auto axis = static_cast<std::size_t>(kernel.attributes.integer("axis"));
    const std::int64_t classes = type.shape[axis];
    std::int64_t stride = 1;
    for (std::size_t a = axis + 1; a < type.shape.size(); ++a) stride *= type.shape[a];
    const std::int64_t lines = element_count(type.shape) / std::max<std::int64_t>(classes, 1);
    for (std::int64_t line = 0; line < lines; ++line) {
      const auto target = static_cast<std::int64_t>(
          number_at(evaluator_.bytes(targets), model_.types[targets].dtype, line));
      if (target == kernel.attributes.integer("ignore_index")) continue;
      const std::int64_t start = line / stride * stride * classes + line % stride;
      const auto score = [&](std::int64_t c) {
        return number_at(evaluator_.bytes(scores), type.dtype, start + c * stride);
      };
      std::int64_t best = 0;
      for (std::int64_t c = 1; c < classes; ++c) {
        if (score(c) > score(best)) best = c;
      }
      right += best == target ? 1 : 0;
      ++counted;
    }
    return;
  }
}

}  // namespace rockmate::cli
