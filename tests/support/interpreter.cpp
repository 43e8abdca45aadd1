#include "support/interpreter.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <random>

#include "rockmate/error.h"
#include "support/interpreter_kernels.h"

namespace rockmate::testing {
namespace {

std::vector<double> initial_data(const Source& source, std::size_t size, std::uint64_t seed) {
  if (source.data) return *source.data;
  std::mt19937_64 random(seed + source.value.index());
  std::vector<double> data(size, source.fill.value);
  if (source.fill.kind == Fill::Kind::kUniform) {
    std::uniform_real_distribution<double> draw(-source.fill.value, source.fill.value);
    std::generate(data.begin(), data.end(), [&] { return draw(random); });
  } else if (source.fill.kind == Fill::Kind::kNormal) {
    std::normal_distribution<double> draw(0, source.fill.value);
    std::generate(data.begin(), data.end(), [&] { return draw(random); });
  }
  return data;
}

// Part by part, in double precision from beginning to end.
void run_parts(Call& call) {
  const FusedParts& parts = call.attributes.parts();
  std::vector<Array*> slots = call.inputs;
  std::vector<TensorType> types = call.input_types;
  std::deque<Array> made;
  for (const FusedPart& part : parts.parts) {
    Call own{part.kind, part.attributes, {}, {}, {}, call.seed, call.step};
    for (const std::size_t slot : part.inputs) {
      own.inputs.push_back(slots.at(slot));
      own.input_types.push_back(types.at(slot));
    }
    for (const TensorType& type : part.outputs) {
      const auto size = static_cast<std::size_t>(element_count(type.shape));
      own.outputs.push_back({type.shape, std::vector<double>(size)});
    }
    run_kernel(own);
    for (std::size_t o = 0; o < part.outputs.size(); ++o) {
      slots.push_back(&made.emplace_back(std::move(own.outputs[o])));
      types.push_back(part.outputs[o]);
    }
  }
  for (std::size_t o = 0; o < parts.outputs.size(); ++o) {
    call.out(o) = *slots.at(parts.outputs[o]);
  }
}

}  // namespace

void run_kernel(Call& call) {
  if (call.kind == OpKind::kFused) return run_parts(call);
  const Array* addend = nullptr;
  if (call.attributes.flag("adds")) {
    addend = call.inputs.back();
    call.inputs.pop_back();
  }
  const bool known = run_elementwise(call) || run_windows(call) || run_movement(call) ||
                     run_products(call) || run_norms(call) || run_reductions(call) ||
                     run_losses(call) || run_optimizers(call);
  if (!known) throw InternalError(fmt::format("no kernel for '{}'", to_string(call.kind)));
  if (addend == nullptr) return;
  for (std::size_t e = 0; e < addend->data.size(); ++e) call.out().data[e] += addend->data[e];
}

Interpreter::Interpreter(const TrainingModel& model, std::uint64_t seed)
    : model_(model), seed_(seed) {
  for (const Source& source : model.sources) {
    const Shape& shape = model.types[source.value].shape;
    const auto size = static_cast<std::size_t>(element_count(shape));
    values_[source.value] = {shape, initial_data(source, size, seed)};
  }
}

void Interpreter::set(ValueId source, std::vector<double> data) {
  values_.at(source).data = std::move(data);
}

const Array& Interpreter::operator[](ValueId value) const {
  const auto found = values_.find(value);
  if (found == values_.end()) {
    throw InvalidInput(fmt::format("'{}' is not resident", model_.graph[value].name));
  }
  return found->second;
}

void Interpreter::run(const Schedule& schedule) {
  std::erase_if(values_, [&](const auto& item) { return !model_.graph[item.first].is_source; });
  for (const Action& action : schedule) {
    if (const auto* free = std::get_if<Free>(&action)) {
      values_.erase(free->value);
    } else {
      compute(std::get<Compute>(action));
    }
  }
  ++step_;
}

void Interpreter::run_losses() {
  for (std::size_t o = 0; o < model_.graph.ops().size(); ++o) {
    const Phase phase = model_.graph[OpId(o)].phase;
    if (phase == Phase::kForward || phase == Phase::kLoss) compute({OpId(o)});
  }
}

double Interpreter::total_loss() const {
  double total = 0;
  for (const WeightedLoss& loss : model_.losses) {
    total += loss.weight * (*this)[loss.value].data.front();
  }
  return total;
}

void Interpreter::compute(const Compute& action) {
  const Kernel& kernel = model_.kernels[action.op];
  Call call{kernel.kind, kernel.attributes, {}, {}, {}, seed_, step_};
  for (const ValueId v : kernel.inputs) {
    static_cast<void>((*this)[v]);
    call.inputs.push_back(&values_.at(v));
    call.input_types.push_back(model_.types[v]);
  }
  for (const ValueId v : kernel.outputs) {
    const Shape& shape = model_.types[v].shape;
    call.outputs.push_back(
        {shape, std::vector<double>(static_cast<std::size_t>(element_count(shape)))});
  }
  run_kernel(call);
  for (const InPlace& pair : model_.graph[action.op].in_place) {
    const auto& list = action.in_place;
    if (std::find(list.begin(), list.end(), pair.output) != list.end()) values_.erase(pair.input);
  }
  for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
    const ValueId v = kernel.outputs[i];
    if (std::find(action.skip.begin(), action.skip.end(), v) != action.skip.end()) continue;
    values_[v] = std::move(call.outputs[i]);
  }
}

void for_each_index(const Shape& shape, const std::function<void(const Index&)>& visit) {
  if (element_count(shape) == 0) return;
  Index index(shape.size(), 0);
  while (true) {
    visit(index);
    std::size_t axis = shape.size();
    while (axis > 0 && ++index[axis - 1] == shape[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

std::size_t offset(const Shape& shape, const Index& index) {
  std::int64_t result = 0;
  for (std::size_t a = 0; a < shape.size(); ++a) result = result * shape[a] + index[a];
  return static_cast<std::size_t>(result);
}

double broadcast_at(const Array& array, const Index& index) {
  const std::size_t lead = index.size() - array.shape.size();
  Index own(array.shape.size());
  for (std::size_t a = 0; a < own.size(); ++a) {
    own[a] = array.shape[a] == 1 ? 0 : index[lead + a];
  }
  return array.data[offset(array.shape, own)];
}

}  // namespace rockmate::testing
