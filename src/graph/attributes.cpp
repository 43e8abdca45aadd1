#include <fmt/format.h>

#include <algorithm>

#include "rockmate/error.h"
#include "rockmate/graph.h"

namespace rockmate {
namespace {

template <class T>
constexpr std::string_view kTypeName = "";
template <>
constexpr std::string_view kTypeName<bool> = "a flag";
template <>
constexpr std::string_view kTypeName<std::int64_t> = "a whole number";
template <>
constexpr std::string_view kTypeName<double> = "a real number";
template <>
constexpr std::string_view kTypeName<std::string> = "a text";
template <>
constexpr std::string_view kTypeName<std::vector<std::int64_t>> = "a list of whole numbers";
template <>
constexpr std::string_view kTypeName<std::shared_ptr<const FusedParts>> = "a list of parts";

template <class T>
const T& typed(std::string_view name, const Attribute* attribute) {
  if (attribute == nullptr) {
    throw InvalidInput(fmt::format("attribute '{}' is missing; expected {}", name, kTypeName<T>));
  }
  if (const T* value = std::get_if<T>(attribute)) return *value;
  throw InvalidInput(
      fmt::format("attribute '{}' is of the wrong type; expected {}", name, kTypeName<T>));
}

struct Printer {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return fmt::format("{}", value); }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(const std::vector<std::int64_t>& value) const { return to_string(value); }
  std::string operator()(const std::shared_ptr<const FusedParts>& value) const {
    return to_string(*value);
  }
};

}  // namespace

Attributes::Attributes(std::initializer_list<std::pair<std::string, Attribute>> items) {
  for (const auto& [name, value] : items) set(name, value);
}

Attributes& Attributes::set(std::string name, Attribute value) {
  const auto at = std::lower_bound(items_.begin(), items_.end(), name,
                                   [](const auto& item, const auto& n) { return item.first < n; });
  if (at != items_.end() && at->first == name) {
    at->second = std::move(value);
  } else {
    items_.emplace(at, std::move(name), std::move(value));
  }
  return *this;
}

const Attribute* Attributes::find(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::int64_t Attributes::integer(std::string_view name) const {
  return typed<std::int64_t>(name, find(name));
}

std::int64_t Attributes::integer(std::string_view name, std::int64_t fallback) const {
  return find(name) == nullptr ? fallback : integer(name);
}

double Attributes::real(std::string_view name) const { return typed<double>(name, find(name)); }

double Attributes::real(std::string_view name, double fallback) const {
  return find(name) == nullptr ? fallback : real(name);
}

bool Attributes::flag(std::string_view name) const {
  return find(name) != nullptr && typed<bool>(name, find(name));
}

const std::string& Attributes::text(std::string_view name) const {
  return typed<std::string>(name, find(name));
}

const std::vector<std::int64_t>& Attributes::integers(std::string_view name) const {
  return typed<std::vector<std::int64_t>>(name, find(name));
}

const std::shared_ptr<const FusedParts>& Attributes::shared_parts() const {
  return typed<std::shared_ptr<const FusedParts>>("parts", find("parts"));
}

std::string to_string(const Attributes& attributes) {
  std::string text;
  for (const auto& [name, value] : attributes) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, std::visit(Printer(), value));
  }
  return text;
}

}  // namespace rockmate
