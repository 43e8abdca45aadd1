#include "support/interpreter_engine.h"

#include <algorithm>
#include <cstring>

#include "rockmate/error.h"
#include "support/interpreter_kernels.h"

namespace rockmate::testing {
namespace {

template <class Visit>
void with_element_type(DType dtype, const Visit& visit) {
  switch (dtype) {
    case DType::kFloat64:
      return visit(double{});
    case DType::kFloat32:
      return visit(float{});
    case DType::kInt64:
      return visit(std::int64_t{});
    case DType::kInt32:
      return visit(std::int32_t{});
    case DType::kUInt8:
    case DType::kBool:
      return visit(std::uint8_t{});
    default:
      throw InternalError("no elements of this type");
  }
}

// Where each element lies, in units of elements; by its row-major number.
std::vector<std::size_t> places_of(const TensorType& type) {
  std::vector<std::size_t> places;
  places.reserve(static_cast<std::size_t>(element_count(type.shape)));
  for_each_index(type.shape, [&](Index index) {
    Shape shape = type.shape;
    if (type.format == MemoryFormat::kChannelsLast) {
      std::rotate(index.begin() + 1, index.begin() + 2, index.end());
      std::rotate(shape.begin() + 1, shape.begin() + 2, shape.end());
    }
    places.push_back(offset(shape, index));
  });
  return places;
}

class InterpretedKernel : public PreparedKernel {
 public:
  InterpretedKernel(const KernelSpec& spec, const InterpreterEngineOptions& options)
      : op_(spec.op), kernel_(spec.kernel), options_(options) {}

  void run(const Invocation& invocation) override {
    if (options_.before) options_.before(op_, invocation);
    std::fill(invocation.workspace.begin(), invocation.workspace.end(), std::byte{0x77});
    std::vector<Array> inputs;
    for (const TensorRef& input : invocation.inputs) {
      inputs.push_back({input.type->shape, to_doubles(*input.type, input.data)});
    }
    Call call{kernel_.kind, kernel_.attributes, {}, {}, {}, invocation.seed, 0};
    call.step = static_cast<std::int64_t>(invocation.step);
    call.rate = invocation.rate;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      call.inputs.push_back(&inputs[i]);
      call.input_types.push_back(*invocation.inputs[i].type);
    }
    for (const TensorRef& output : invocation.outputs) {
      const auto size = static_cast<std::size_t>(element_count(output.type->shape));
      call.outputs.push_back({output.type->shape, std::vector<double>(size)});
    }
    run_kernel(call);
    write(invocation, call, inputs);
    if (options_.after) options_.after(op_, invocation);
  }

 private:
  void write(const Invocation& invocation, const Call& call,
             const std::vector<Array>& inputs) const {
    for (std::size_t i = 0; i < invocation.outputs.size(); ++i) {
      const TensorRef& output = invocation.outputs[i];
      if (output.data != nullptr) from_doubles(call.outputs[i].data, *output.type, output.data);
    }
    for (const ValueId v : kernel_.updates) {
      const auto at = std::find(kernel_.inputs.begin(), kernel_.inputs.end(), v);
      const auto i = static_cast<std::size_t>(at - kernel_.inputs.begin());
      from_doubles(inputs[i].data, *invocation.inputs[i].type, invocation.inputs[i].data);
    }
  }

  std::string op_;
  const Kernel& kernel_;
  InterpreterEngineOptions options_;
};

class InterpreterEngine : public Engine {
 public:
  explicit InterpreterEngine(InterpreterEngineOptions options) : options_(std::move(options)) {}
  [[nodiscard]] std::string_view name() const override { return "interpreter"; }
  [[nodiscard]] Bytes workspace(const KernelSpec&) const override { return options_.workspace; }
  [[nodiscard]] std::unique_ptr<PreparedKernel> prepare(const KernelSpec& spec) const override {
    return std::make_unique<InterpretedKernel>(spec, options_);
  }

 private:
  InterpreterEngineOptions options_;
};

}  // namespace

std::unique_ptr<Engine> make_interpreter_engine(const InterpreterEngineOptions& options) {
  return std::make_unique<InterpreterEngine>(options);
}

std::vector<double> to_doubles(const TensorType& type, const std::byte* data) {
  std::vector<double> elements(static_cast<std::size_t>(element_count(type.shape)));
  const std::vector<std::size_t> places = places_of(type);
  for (std::size_t e = 0; e < elements.size() && type.dtype == DType::kBit; ++e) {
    const std::size_t at = places[e];
    elements[e] = static_cast<double>((std::to_integer<int>(data[at / 8]) >> (at % 8)) & 1);
  }
  if (type.dtype == DType::kBit) return elements;
  with_element_type(type.dtype, [&](auto element) {
    for (std::size_t e = 0; e < elements.size(); ++e) {
      std::memcpy(&element, data + places[e] * sizeof(element), sizeof(element));
      elements[e] = static_cast<double>(element);
    }
  });
  return elements;
}

void from_doubles(const std::vector<double>& elements, const TensorType& type, std::byte* data) {
  const std::vector<std::size_t> places = places_of(type);
  if (type.dtype == DType::kBit) {
    std::fill_n(data, type.bytes().count(), std::byte{0});
    for (std::size_t e = 0; e < elements.size(); ++e) {
      if (elements[e] != 0) data[places[e] / 8] |= std::byte{1} << (places[e] % 8);
    }
    return;
  }
  with_element_type(type.dtype, [&](auto element) {
    for (std::size_t e = 0; e < elements.size(); ++e) {
      element = static_cast<decltype(element)>(elements[e]);
      std::memcpy(data + places[e] * sizeof(element), &element, sizeof(element));
    }
  });
}

}  // namespace rockmate::testing
