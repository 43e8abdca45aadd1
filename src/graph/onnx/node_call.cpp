#include "graph/onnx/node_call.h"

#include <fmt/format.h>

#include <algorithm>

#include "rockmate/error.h"

namespace rockmate::from_onnx {
namespace {

using Attribute = onnx::AttributeProto;

constexpr std::int64_t kLongestList = 1 << 16;

}  // namespace

void NodeCall::reject(const std::string& text) { throw InvalidInput(text); }

// ---- inputs

bool NodeCall::has(std::size_t i) const {
  return i < inputs() && !proto_.input(static_cast<int>(i)).empty();
}

Value& NodeCall::value(std::size_t i) {
  if (const auto at = replaced_.find(i); at != replaced_.end()) return at->second;
  if (!has(i)) reject(fmt::format("input {} is missing", i));
  const std::string& name = proto_.input(static_cast<int>(i));
  Value* value = values().find(name);
  if (value == nullptr) {
    reject(
        fmt::format("input {}, '{}', is no input of the model, no initializer and made by no "
                    "node before this one",
                    i, shown_name(name)));
  }
  return *value;
}

std::optional<TensorId> NodeCall::optional_tensor(std::size_t i) {
  if (!has(i)) return std::nullopt;
  return tensor(i);
}

const Constant* NodeCall::foldable(std::size_t i) {
  const Value& v = value(i);
  return v.is_variable ? nullptr : v.constant.get();
}

bool NodeCall::all_foldable() {
  for (std::size_t i = 0; i < inputs(); ++i) {
    if (has(i) && foldable(i) == nullptr) return false;
  }
  return true;
}

const Constant& NodeCall::known(std::size_t i, const char* what) {
  const Value& v = value(i);
  if (v.constant == nullptr) {
    reject(
        fmt::format("{} ('{}') are computed from data; expected numbers that are known before "
                    "the model runs",
                    what, shown_name(proto_.input(static_cast<int>(i)))));
  }
  return *v.constant;
}

std::vector<std::int64_t> NodeCall::known_wholes(std::size_t i, const char* what) {
  const Constant& list = known(i, what);
  if (!list.is_whole() || list.shape().size() > 1 || list.count() > kLongestList) {
    reject(fmt::format("{} are {}, expected a list of whole numbers", what,
                       to_string(TensorType{list.dtype(), list.shape()})));
  }
  return list.wholes();
}

double NodeCall::known_real(std::size_t i, const char* what) {
  const Constant& number = known(i, what);
  if (number.count() != 1) {
    reject(
        fmt::format("{} has the shape {}, expected one number", what, to_string(number.shape())));
  }
  return number.real(0);
}

std::optional<double> NodeCall::scalar(std::size_t i, std::size_t rank) {
  const Constant* number = foldable(i);
  if (number == nullptr || number->count() != 1 || number->shape().size() > rank) {
    return std::nullopt;
  }
  return number->real(0);
}

// ---- attributes

const Attribute* NodeCall::find(std::string_view attribute) const {
  for (const Attribute& entry : proto_.attribute()) {
    if (entry.name() == attribute) return &entry;
  }
  return nullptr;
}

// Very old files leave the type out.
const Attribute* NodeCall::find_typed(std::string_view attribute,
                                      Attribute::AttributeType type) const {
  const Attribute* entry = find(attribute);
  if (entry == nullptr || entry->type() == type || entry->type() == Attribute::UNDEFINED) {
    return entry;
  }
  reject(fmt::format("attribute '{}' is of type {}, expected {}", attribute,
                     Attribute::AttributeType_Name(entry->type()),
                     Attribute::AttributeType_Name(type)));
}

std::int64_t NodeCall::integer(std::string_view attribute, std::int64_t fallback) const {
  const Attribute* entry = find_typed(attribute, Attribute::INT);
  return entry == nullptr ? fallback : entry->i();
}

double NodeCall::real(std::string_view attribute, double fallback) const {
  const Attribute* entry = find_typed(attribute, Attribute::FLOAT);
  return entry == nullptr ? fallback : static_cast<double>(entry->f());
}

std::string NodeCall::text(std::string_view attribute, const std::string& fallback) const {
  const Attribute* entry = find_typed(attribute, Attribute::STRING);
  return entry == nullptr ? fallback : shown(entry->s());
}

std::optional<std::vector<std::int64_t>> NodeCall::integers(std::string_view attribute) const {
  const Attribute* entry = find_typed(attribute, Attribute::INTS);
  if (entry == nullptr) return std::nullopt;
  return std::vector<std::int64_t>(entry->ints().begin(), entry->ints().end());
}

std::optional<std::vector<double>> NodeCall::reals(std::string_view attribute) const {
  const Attribute* entry = find_typed(attribute, Attribute::FLOATS);
  if (entry == nullptr) return std::nullopt;
  return std::vector<double>(entry->floats().begin(), entry->floats().end());
}

std::optional<Constant> NodeCall::constant(std::string_view attribute) const {
  const Attribute* entry = find_typed(attribute, Attribute::TENSOR);
  if (entry == nullptr) return std::nullopt;
  return context_.reader.read(entry->t());
}

std::optional<std::vector<std::int64_t>> NodeCall::list(std::string_view attribute, std::size_t i) {
  if (has(i)) return known_wholes(i, std::string(attribute).c_str());
  return integers(attribute);
}

std::size_t NodeCall::axis(std::int64_t value, std::size_t rank) const {
  const auto axes = static_cast<std::int64_t>(rank);
  if (value < -axes || value >= axes) {
    reject(fmt::format("axis {} of {} axes does not exist", value, rank));
  }
  return static_cast<std::size_t>(value < 0 ? value + axes : value);
}

std::vector<std::int64_t> NodeCall::rising_axes(const std::vector<std::int64_t>& axes,
                                                std::size_t rank) const {
  std::vector<std::int64_t> list;
  for (const std::int64_t a : axes) list.push_back(static_cast<std::int64_t>(axis(a, rank)));
  std::sort(list.begin(), list.end());
  if (std::adjacent_find(list.begin(), list.end()) != list.end()) {
    reject(fmt::format("axes {}: expected each axis once", to_string(axes)));
  }
  return list;
}

// ---- outputs

bool NodeCall::wants(std::size_t output) const {
  if (output >= outputs()) return false;
  const std::string& name = proto_.output(static_cast<int>(output));
  return !name.empty() && context_.used.contains(name);
}

void NodeCall::set(Value value, std::size_t output) {
  if (output >= outputs()) return;
  const std::string& name = proto_.output(static_cast<int>(output));
  if (name.empty()) return;
  check_shape(values().shape(value));
  if (context_.record != nullptr) context_.record->shapes[name] = values().shape(value);
  values().define(name, std::move(value));
}

void NodeCall::set(TensorId tensor, std::size_t output) { set(Value{.tensor = tensor}, output); }

void NodeCall::set(Constant constant, std::size_t output) {
  set(Value{.constant = std::make_shared<const Constant>(std::move(constant))}, output);
}

void NodeCall::only_outputs(std::size_t first) const {
  for (std::size_t i = first; i < outputs(); ++i) {
    if (wants(i)) {
      reject(fmt::format("output {}, '{}', is read, and only the first {} can be", i,
                         shown_name(output_name(i)), first));
    }
  }
}

}  // namespace rockmate::from_onnx
