// `rockmate.costs/1` (docs/costs.md). A file is taken whole or not at all.

#include <fmt/format.h>

#include <utility>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/shown.h"
#include "rockmate/cost_model.h"

namespace rockmate {
namespace {

constexpr std::string_view kFormat = "rockmate.costs/1";

using Costs = std::map<std::string, OpCost, std::less<>>;

// Its nodes fill the cost that is being read; at its end the cost moves into `costs`.
class CostsSchema {
 public:
  CostsSchema() : root_("costs") {
    root_
        .required("format", json::word(fmt::format("\"{}\"", kFormat),
                                       [](const std::string& word) { return word == kFormat; }))
        .optional("device", json::text([this](std::string&& text) { device = std::move(text); }))
        .optional("caches", json::whole([this](std::int64_t bytes) { caches = Bytes(bytes); }))
        .required("costs", json::list(cost_node()));
  }
  CostsSchema(const CostsSchema&) = delete;
  CostsSchema& operator=(const CostsSchema&) = delete;

  json::Node& root() { return root_; }
  std::string device;
  std::optional<Bytes> caches;
  Costs costs;

 private:
  json::NodePtr cost_node();
  json::NodePtr implementation_node();

  std::string signature_;
  OpCost cost_;
  Implementation implementation_;
  json::Object root_;
};

json::NodePtr CostsSchema::cost_node() {
  auto node = std::make_unique<json::Object>("a cost");
  node->on_begin([this] { cost_ = {}; })
      .required("op", json::text([this](std::string&& text) { signature_ = std::move(text); }))
      .required("seconds", json::magnitude([this](double s) { cost_.seconds = Seconds(s); }))
      .optional("cached_seconds", json::magnitude([this](double s) { cost_.cached = Seconds(s); }))
      .optional("workspace",
                json::whole([this](std::int64_t bytes) { cost_.workspace = Bytes(bytes); }))
      .optional("implementations", json::list(implementation_node()))
      .on_end([this](const json::Place& at) {
        if (costs.contains(signature_)) {
          at.reject_member("op", fmt::format("'{}' again", shown(signature_)), "each op once");
        }
        costs.emplace(std::move(signature_), std::move(cost_));
      });
  return node;
}

json::NodePtr CostsSchema::implementation_node() {
  auto node = std::make_unique<json::Object>("an implementation");
  Implementation& to = implementation_;
  node->on_begin([&to] { to = {}; })
      .required("name", json::text([&to](std::string&& text) { to.name = std::move(text); }))
      .required("seconds", json::magnitude([&to](double s) { to.seconds = Seconds(s); }))
      .optional("workspace",
                json::whole([&to](std::int64_t bytes) { to.workspace = Bytes(bytes); }))
      .optional("bits", json::text([&to](std::string&& text) { to.bits = std::move(text); }))
      .on_end([this](const json::Place&) {
        cost_.implementations.push_back(std::move(implementation_));
      });
  return node;
}

std::string figures(Seconds seconds, Bytes workspace) {
  std::string text = fmt::format("\"seconds\": {}", json::number(seconds));
  if (workspace > Bytes()) text += fmt::format(", \"workspace\": {}", json::number(workspace));
  return text;
}

std::string row(const std::string& signature, const OpCost& cost) {
  std::string others;
  for (const Implementation& other : cost.implementations) {
    others += fmt::format("{}{{\"name\": {}, {}", others.empty() ? "" : ", ",
                          json::quoted(other.name), figures(other.seconds, other.workspace));
    if (!other.bits.empty()) others += fmt::format(", \"bits\": {}", json::quoted(other.bits));
    others += "}";
  }
  if (!others.empty()) others = fmt::format(", \"implementations\": [{}]", others);
  if (cost.cached) {
    others = fmt::format(", \"cached_seconds\": {}{}", json::number(*cost.cached), others);
  }
  return fmt::format("{{\"op\": {}, {}{}}}", json::quoted(signature),
                     figures(cost.seconds, cost.workspace), others);
}

}  // namespace

CostModel& CostModel::parse(std::string_view text, const std::string& origin,
                            std::vector<std::string>* warnings) {
  CostsSchema schema;
  json::read(text, origin, schema.root(), warnings);
  if (!schema.device.empty()) describe(std::move(schema.device));
  if (schema.caches) set_caches(*schema.caches);
  for (auto& [signature, cost] : schema.costs) set(signature, std::move(cost));
  return *this;
}

CostModel& CostModel::read(const std::filesystem::path& file, std::vector<std::string>* warnings) {
  return parse(read_file(file, kLargestFile), file.string(), warnings);
}

std::string CostModel::to_json() const {
  std::vector<std::string> rows;
  for (const auto& [signature, cost] : measured_) rows.push_back(row(signature, cost));
  std::string where =
      description_.empty() ? "" : fmt::format("\"device\": {},\n", json::quoted(description_));
  if (caches_) where += fmt::format("\"caches\": {},\n", json::number(*caches_));
  return fmt::format("{{\"format\": \"{}\",\n{}\"costs\": {}}}\n", kFormat, where,
                     json::one_per_line(rows));
}

void CostModel::write(const std::filesystem::path& file) const {
  write_file_atomically(file, to_json());
}

}  // namespace rockmate
