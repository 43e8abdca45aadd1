#include "graph/onnx/values.h"

#include <fmt/format.h>

#include "graph/onnx/proto.h"
#include "rockmate/error.h"

namespace rockmate::from_onnx {

std::string Values::fresh(const std::string& stem) {
  for (;;) {
    std::string name = fmt::format("{}_{}", stem, ++next_number_);
    if (reserved_.insert(name).second) return name;
  }
}

Value* Values::find(const std::string& name) {
  const auto at = values_.find(name);
  return at == values_.end() ? nullptr : &at->second;
}

void Values::define(const std::string& name, Value value) {
  if (!values_.emplace(name, std::move(value)).second) {
    throw InvalidInput(fmt::format("'{}' is defined twice; expected names of values to be unique",
                                   shown_name(name)));
  }
}

TensorId Values::tensor(Value& value) {
  if (!value.tensor) value.tensor = constant(value.constant);
  return *value.tensor;
}

const Shape& Values::shape(const Value& value) const {
  return value.tensor ? builder_.shape(*value.tensor) : value.constant->shape();
}

DType Values::dtype(const Value& value) const {
  return value.tensor ? builder_[*value.tensor].type.dtype : value.constant->dtype();
}

TensorId Values::constant(const std::shared_ptr<const Constant>& constant) {
  const std::size_t hash = constant->hash();
  const auto [begin, end] = constants_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    if (*at->second.constant == *constant) return at->second.tensor;
  }
  const TensorId id = builder_.constant(fresh("constant"), {constant->dtype(), constant->shape()},
                                        constant->reals());
  constants_.emplace(hash, Source{constant, id});
  return id;
}

}  // namespace rockmate::from_onnx
