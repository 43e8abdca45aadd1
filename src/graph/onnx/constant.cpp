#include "graph/onnx/constant.h"

#include <cmath>
#include <limits>

#include "base/check.h"

namespace rockmate::from_onnx {
namespace {

// Casts of what does not fit saturate; not-a-number is 0.
std::int64_t cut(double value) {
  constexpr double kLimit = 9.2e18;
  if (std::isnan(value)) return 0;
  if (value >= kLimit) return std::numeric_limits<std::int64_t>::max();
  if (value <= -kLimit) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

}  // namespace

Constant::Constant(DType dtype, Shape shape, std::vector<std::int64_t> elements)
    : dtype_(dtype), shape_(std::move(shape)), elements_(std::move(elements)) {
  ROCKMATE_CHECK(stored() == 1 || stored() == count(), "a constant has an element per place");
}

Constant::Constant(DType dtype, Shape shape, std::vector<double> elements)
    : dtype_(dtype), shape_(std::move(shape)), elements_(std::move(elements)) {
  ROCKMATE_CHECK(stored() == 1 || stored() == count(), "a constant has an element per place");
}

Constant::Constant(std::vector<std::int64_t> elements)
    : dtype_(DType::kInt64),
      shape_({static_cast<std::int64_t>(elements.size())}),
      elements_(std::move(elements)) {}

Constant Constant::zeros(DType dtype, Shape shape, std::int64_t count) {
  const auto size = static_cast<std::size_t>(count);
  if (is_floating(dtype)) return {dtype, std::move(shape), std::vector<double>(size)};
  return {dtype, std::move(shape), std::vector<std::int64_t>(size)};
}

std::int64_t Constant::stored() const {
  return std::visit([](const auto& list) { return static_cast<std::int64_t>(list.size()); },
                    elements_);
}

double Constant::real(std::int64_t i) const {
  return std::visit([&](const auto& list) { return static_cast<double>(list[place(i)]); },
                    elements_);
}

std::int64_t Constant::whole(std::int64_t i) const {
  if (const auto* list = std::get_if<0>(&elements_)) return (*list)[place(i)];
  return cut(std::get<1>(elements_)[place(i)]);
}

std::vector<std::int64_t> Constant::wholes() const {
  std::vector<std::int64_t> list;
  for (std::int64_t i = 0; i < count(); ++i) list.push_back(whole(i));
  return list;
}

std::vector<double> Constant::reals() const {
  std::vector<double> list;
  list.reserve(static_cast<std::size_t>(stored()));
  for (std::int64_t i = 0; i < stored(); ++i) list.push_back(real(i));
  return list;
}

void Constant::set(std::int64_t i, double value) {
  if (auto* list = std::get_if<1>(&elements_)) {
    (*list)[place(i)] = value;
  } else {
    std::get<0>(elements_)[place(i)] = dtype_ == DType::kBool ? (value != 0 ? 1 : 0) : cut(value);
  }
}

void Constant::set(std::int64_t i, std::int64_t value) {
  if (auto* list = std::get_if<0>(&elements_)) {
    (*list)[place(i)] = dtype_ == DType::kBool ? (value != 0 ? 1 : 0) : value;
  } else {
    std::get<1>(elements_)[place(i)] = static_cast<double>(value);
  }
}

void Constant::copy(std::int64_t i, const Constant& other, std::int64_t from) {
  if (other.is_whole()) {
    set(i, other.whole(from));
  } else {
    set(i, other.real(from));
  }
}

Constant Constant::reshaped(Shape shape) const {
  ROCKMATE_CHECK(element_count(shape) == count(), "a reshaped constant keeps its elements");
  Constant result = *this;
  result.shape_ = std::move(shape);
  return result;
}

std::size_t Constant::hash() const {
  std::size_t result = static_cast<std::size_t>(dtype_);
  const auto mix = [&](std::size_t x) { result = (result ^ x) * 0x9E3779B97F4A7C15U + 1; };
  for (const std::int64_t extent : shape_) mix(static_cast<std::size_t>(extent));
  std::visit(
      [&](const auto& list) {
        for (const auto x : list) mix(std::hash<std::decay_t<decltype(x)>>()(x));
      },
      elements_);
  return result;
}

}  // namespace rockmate::from_onnx
