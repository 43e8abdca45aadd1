// Reads and writes `rockmate.costs/1` (docs/costs.md). A file is taken whole or not at all.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "rockmate/cost_model.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

using Json = nlohmann::json;
constexpr const char* kFormat = "rockmate.costs/1";

class Reader {
 public:
  Reader(const std::string& origin, std::vector<std::string>* warnings)
      : origin_(origin), warnings_(warnings) {}

  [[nodiscard]] std::map<std::string, OpCost> read(const Json& document) const;

 private:
  [[noreturn]] void reject(const std::string& path, const Json& found,
                           std::string_view expected) const {
    // Nested values are not shown: printing them would recurse as deep as the file nests.
    std::string text = found.is_structured()
                           ? found.type_name()
                           : found.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > 40) text = text.substr(0, 37) + "...";
    throw InvalidInput(fmt::format("{}: {}: found {}, expected {}", origin_, path, text, expected));
  }
  void warn_unknown(const std::string& path, const Json& object,
                    std::initializer_list<std::string_view> known) const;
  [[nodiscard]] Seconds seconds(const std::string& path, const Json& number) const;
  [[nodiscard]] Bytes workspace(const std::string& path, const Json& object) const;
  [[nodiscard]] std::string text(const std::string& path, const Json& object, const char* key,
                                 bool required) const;
  [[nodiscard]] OpCost cost(const std::string& path, const Json& entry) const;
  [[nodiscard]] std::vector<Implementation> implementations(const std::string& path,
                                                            const Json& list) const;

  const std::string& origin_;
  std::vector<std::string>* warnings_;
};

void Reader::warn_unknown(const std::string& path, const Json& object,
                          std::initializer_list<std::string_view> known) const {
  if (warnings_ == nullptr) return;
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      warnings_->push_back(fmt::format("{}: {}: unknown key '{}' is ignored", origin_, path, key));
    }
  }
}

Seconds Reader::seconds(const std::string& path, const Json& number) const {
  if (!number.is_number()) reject(path, number, "a number of seconds");
  const auto value = number.get<double>();
  if (!std::isfinite(value) || value < 0) reject(path, number, "a finite number >= 0");
  return Seconds(value);
}

Bytes Reader::workspace(const std::string& path, const Json& object) const {
  const auto found = object.find("workspace");
  if (found == object.end()) return {};
  const bool fits = found->is_number_unsigned()
                        ? found->get<std::uint64_t>() <= std::uint64_t{1} << 62
                        : found->is_number_integer() && found->get<std::int64_t>() >= 0;
  if (!fits) reject(path + ".workspace", *found, "a whole number of bytes from 0 to 2^62");
  return Bytes(found->get<std::int64_t>());
}

std::string Reader::text(const std::string& path, const Json& object, const char* key,
                         bool required) const {
  const auto found = object.find(key);
  if (found == object.end() && !required) return {};
  if (found == object.end()) reject(path, object, fmt::format("an object with a '{}'", key));
  if (!found->is_string()) reject(fmt::format("{}.{}", path, key), *found, "a string");
  return found->get<std::string>();
}

std::vector<Implementation> Reader::implementations(const std::string& path,
                                                    const Json& list) const {
  if (!list.is_array()) reject(path, list, "a list");
  std::vector<Implementation> result;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    const Json& entry = list[i];
    if (!entry.is_object() || !entry.contains("seconds")) {
      reject(at, entry, "an object with 'name' and 'seconds'");
    }
    warn_unknown(at, entry, {"name", "seconds", "workspace", "bits"});
    result.push_back({text(at, entry, "name", true), seconds(at + ".seconds", entry["seconds"]),
                      workspace(at, entry), text(at, entry, "bits", false)});
  }
  return result;
}

OpCost Reader::cost(const std::string& path, const Json& entry) const {
  if (entry.is_number()) return {seconds(path, entry), {}};
  if (!entry.is_object() || !entry.contains("seconds")) {
    reject(path, entry, "a number of seconds or an object with 'seconds'");
  }
  warn_unknown(path, entry, {"seconds", "workspace", "implementations"});
  OpCost cost{seconds(path + ".seconds", entry["seconds"]), workspace(path, entry)};
  if (const auto found = entry.find("implementations"); found != entry.end()) {
    cost.implementations = implementations(path + ".implementations", *found);
  }
  return cost;
}

std::map<std::string, OpCost> Reader::read(const Json& document) const {
  if (!document.is_object()) reject("$", document, "an object");
  if (const auto found = document.find("format");
      found == document.end() || !found->is_string() || *found != kFormat) {
    reject("$.format", found == document.end() ? Json() : *found, fmt::format("\"{}\"", kFormat));
  }
  warn_unknown("$", document, {"format", "device", "costs"});
  const auto costs = document.find("costs");
  if (costs == document.end() || !costs->is_object()) {
    reject("$.costs", costs == document.end() ? Json() : *costs,
           "an object of costs by op signature");
  }
  std::map<std::string, OpCost> result;
  for (const auto& [key, value] : costs->items()) {
    result.emplace(key, cost(fmt::format("$.costs[\"{}\"]", key), value));
  }
  return result;
}

Json to_json_entry(const Implementation& implementation) {
  Json entry = {{"name", implementation.name}, {"seconds", implementation.seconds.count()}};
  if (implementation.workspace > Bytes()) entry["workspace"] = implementation.workspace.count();
  if (!implementation.bits.empty()) entry["bits"] = implementation.bits;
  return entry;
}

}  // namespace

CostModel& CostModel::parse(std::string_view text, const std::string& origin,
                            std::vector<std::string>* warnings) {
  Json document;
  try {
    document = Json::parse(text);
  } catch (const Json::exception& error) {
    throw InvalidInput(fmt::format("{}: no readable JSON: {}", origin, error.what()));
  }
  for (auto& [signature, cost] : Reader(origin, warnings).read(document)) {
    set(signature, std::move(cost));
  }
  return *this;
}

CostModel& CostModel::read(const std::filesystem::path& file, std::vector<std::string>* warnings) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) throw InvalidInput(fmt::format("{}: {}", file.string(), error.message()));
  if (size > static_cast<std::uintmax_t>(kLargestFile)) {
    throw InvalidInput(
        fmt::format("{}: found {} bytes, expected at most {}", file.string(), size, kLargestFile));
  }
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in || !text) throw InvalidInput(fmt::format("{}: cannot be read", file.string()));
  return parse(text.str(), file.string(), warnings);
}

std::string CostModel::to_json() const {
  Json costs = Json::object();
  for (const auto& [signature, cost] : measured_) {
    Json entry = {{"seconds", cost.seconds.count()}};
    if (cost.workspace > Bytes()) entry["workspace"] = cost.workspace.count();
    for (const Implementation& implementation : cost.implementations) {
      entry["implementations"].push_back(to_json_entry(implementation));
    }
    costs[signature] = std::move(entry);
  }
  const Json document = {{"format", kFormat}, {"costs", std::move(costs)}};
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rockmate
