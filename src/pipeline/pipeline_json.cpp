// `rockmate.pipeline/1`: see docs/pipeline.md. The reader sees to the form alone; rules are for
// `check_rows`.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>

#include "base/input_file.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/shown.h"
#include "rockmate/pipeline.h"

namespace rockmate {
namespace {

constexpr std::string_view kFormat = "rockmate.pipeline/1";

json::NodePtr bytes_into(Bytes& to) {
  return json::whole([&to](std::int64_t count) { to = Bytes(count); });
}
json::NodePtr seconds_into(Seconds& to) {
  return json::magnitude([&to](double count) { to = Seconds(count); });
}
json::NodePtr number_into(double& to) {
  return json::magnitude([&to](double count) { to = count; });
}
json::NodePtr index_into(std::size_t& to) {
  return json::whole([&to](std::int64_t index) { to = static_cast<std::size_t>(index); });
}

// Takes a number off the front.
bool take_number(std::string_view& text, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, char letter) {
  if (text.empty() || text.front() != letter) return false;
  text.remove_prefix(1);
  return true;
}

// "F0.3:2"
std::optional<StageAction> parse_action(std::string_view text) {
  const std::size_t letters = text.find_first_of("0123456789");
  if (letters == std::string_view::npos) return std::nullopt;
  const auto verb = parse_stage_verb(text.substr(0, letters));
  if (!verb) return std::nullopt;
  text.remove_prefix(letters);
  StageAction action{*verb};
  if (!take_number(text, action.stage) || !take(text, '.')) return std::nullopt;
  if (!take_number(text, action.micro_batch)) return std::nullopt;
  if (take(text, ':') && !take_number(text, action.strategy)) return std::nullopt;
  return text.empty() ? std::optional(action) : std::nullopt;
}

class ActionNode final : public json::Node {
 public:
  explicit ActionNode(std::vector<PipelineRow>& rows) : rows_(rows) {}
  std::string_view expected() const override {
    return "an action such as \"F0.3\": F, B, I, W, R, SA, SG, PA, PG, WA or WG, the stage, the "
           "micro-batch";
  }
  void scalar(const json::Place& at, json::Scalar& scalar) override {
    const auto* text = std::get_if<std::string>(&scalar.value);
    const auto action = text != nullptr ? parse_action(*text) : std::nullopt;
    if (!action) at.reject(json::describe(scalar), expected());
    rows_.back().push_back(*action);
  }

 private:
  std::vector<PipelineRow>& rows_;
};

// The list of one rank's actions.
class RowNode final : public json::Node {
 public:
  explicit RowNode(std::vector<PipelineRow>& rows) : rows_(rows), action_(rows) {}
  std::string_view expected() const override { return "a list (the actions of one rank)"; }
  void begin_list(const json::Place&) override { rows_.emplace_back(); }
  json::Node* element() override { return &action_; }

 private:
  std::vector<PipelineRow>& rows_;
  ActionNode action_;
};

class PipelineSchema {
 public:
  PipelineSchema() : root_("a pipeline") {
    const auto ignore_text = [](std::string&&) {};
    root_
        .required("format", json::word(fmt::format("\"{}\"", kFormat),
                                       [](const std::string& word) { return word == kFormat; }))
        .optional("name", json::text(ignore_text))
        .required("micro_batches", index_into(pipeline_.micro_batches))
        .optional("bytes_per_second", number_into(pipeline_.cluster.bytes_per_second))
        .optional("latency_seconds", seconds_into(pipeline_.cluster.latency))
        .required("devices", json::list(device_node()))
        .optional("links", json::list(link_node()))
        .required("stages", json::list(stage_node()))
        .required("rows", json::list(std::make_unique<RowNode>(pipeline_.rows)));
  }
  PipelineSchema(const PipelineSchema&) = delete;
  PipelineSchema& operator=(const PipelineSchema&) = delete;

  json::Node& root() { return root_; }
  Pipeline take() && { return std::move(pipeline_); }

 private:
  json::NodePtr device_node() {
    auto node = std::make_unique<json::Object>("a device");
    node->optional("name", json::text([this](std::string&& name) { device_.name = name; }))
        .optional("memory_bytes", bytes_into(device_.memory))
        .optional("speed", number_into(device_.speed))
        .optional("engine", json::text([this](std::string&& engine) { device_.engine = engine; }))
        .on_begin([this] { device_ = {}; })
        .on_end([this](const json::Place&) { pipeline_.cluster.devices.push_back(device_); });
    return node;
  }
  json::NodePtr link_node() {
    auto node = std::make_unique<json::Object>("a link");
    node->required("from", index_into(link_.from))
        .required("to", index_into(link_.to))
        .optional("bytes_per_second", number_into(link_.bytes_per_second))
        .optional("latency_seconds", seconds_into(link_.latency))
        .on_begin([this] { link_ = {}; })
        .on_end([this](const json::Place&) { pipeline_.cluster.links.push_back(link_); });
    return node;
  }
  json::NodePtr stage_node() {
    auto node = std::make_unique<json::Object>("a stage");
    node->required("rank", index_into(stage_.rank))
        .optional("static_bytes", bytes_into(stage_.static_bytes))
        .optional("input_bytes", bytes_into(stage_.input))
        .optional("input_gradient_bytes", bytes_into(stage_.input_gradient))
        .optional("update_seconds", seconds_into(stage_.update))
        .optional("first_block", index_into(stage_.first_block))
        .optional("last_block", index_into(stage_.last_block))
        .required("strategies", json::list(strategy_node()))
        .on_begin([this] { stage_ = {}; })
        .on_end([this](const json::Place&) { pipeline_.stages.push_back(std::move(stage_)); });
    return node;
  }
  json::NodePtr strategy_node() {
    auto node = std::make_unique<json::Object>("a strategy");
    node->required("forward_seconds", seconds_into(strategy_.forward))
        .optional("recompute_seconds", seconds_into(strategy_.recompute))
        .required("input_gradient_seconds", seconds_into(strategy_.input_gradient))
        .optional("weight_gradient_seconds", seconds_into(strategy_.weight_gradient))
        .required("saved_bytes", bytes_into(strategy_.saved))
        .optional("forward_peak_bytes", bytes_into(strategy_.forward_peak))
        .optional("recomputed_bytes", bytes_into(strategy_.recomputed))
        .optional("backward_peak_bytes", bytes_into(strategy_.backward_peak))
        .optional("for_weights_bytes", bytes_into(strategy_.for_weights))
        .on_begin([this] { strategy_ = {}; })
        .on_end([this](const json::Place&) { stage_.strategies.push_back(strategy_); });
    return node;
  }

  Pipeline pipeline_;
  PipelineDevice device_;
  PipelineLink link_;
  PipelineStage stage_;
  StageStrategy strategy_;
  json::Object root_;
};

// Members that have their default are left out.
class Members {
 public:
  Members& add(std::string_view key, const std::string& value, bool is_default = false) {
    if (!is_default) text_ += fmt::format("{}\"{}\": {}", text_.empty() ? "" : ", ", key, value);
    return *this;
  }
  Members& add(std::string_view key, Bytes bytes) {
    return add(key, json::number(bytes), bytes == Bytes());
  }
  Members& add(std::string_view key, Seconds seconds) {
    return add(key, json::number(seconds), seconds == Seconds());
  }
  Members& add_rate(std::string_view key, double rate) {
    const bool is_default = std::isinf(rate);
    return add(key, is_default ? "" : json::number(rate), is_default);
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string object() const { return fmt::format("{{{}}}", text_); }

 private:
  std::string text_;
};

std::string device_json(const PipelineDevice& device) {
  return Members()
      .add("name", json::quoted(device.name), device.name.empty())
      .add("memory_bytes", json::number(device.memory), device.memory == PipelineDevice().memory)
      .add("speed", json::number(device.speed), device.speed == 1)
      .add("engine", json::quoted(device.engine), device.engine.empty())
      .object();
}

std::string link_json(const PipelineLink& link) {
  return Members()
      .add("from", std::to_string(link.from))
      .add("to", std::to_string(link.to))
      .add_rate("bytes_per_second", link.bytes_per_second)
      .add("latency_seconds", link.latency)
      .object();
}

std::string strategy_json(const StageStrategy& strategy) {
  return Members()
      .add("forward_seconds", json::number(strategy.forward))
      .add("recompute_seconds", strategy.recompute)
      .add("input_gradient_seconds", json::number(strategy.input_gradient))
      .add("weight_gradient_seconds", strategy.weight_gradient)
      .add("saved_bytes", json::number(strategy.saved))
      .add("forward_peak_bytes", strategy.forward_peak)
      .add("recomputed_bytes", strategy.recomputed)
      .add("backward_peak_bytes", strategy.backward_peak)
      .add("for_weights_bytes", strategy.for_weights)
      .object();
}

std::string stage_json(const PipelineStage& stage) {
  std::vector<std::string> strategies;
  for (const StageStrategy& strategy : stage.strategies) {
    strategies.push_back(strategy_json(strategy));
  }
  return Members()
      .add("rank", std::to_string(stage.rank))
      .add("static_bytes", stage.static_bytes)
      .add("input_bytes", stage.input)
      .add("input_gradient_bytes", stage.input_gradient)
      .add("update_seconds", stage.update)
      .add("first_block", std::to_string(stage.first_block), stage.first_block == 0)
      .add("last_block", std::to_string(stage.last_block), stage.last_block == 0)
      .add("strategies", fmt::format("[\n    {}]", fmt::join(strategies, ",\n    ")))
      .object();
}

template <class Items, class ToJson>
std::string lines(const Items& items, ToJson to_json) {
  std::vector<std::string> rows;
  for (const auto& item : items) rows.push_back(to_json(item));
  return json::one_per_line(rows);
}

}  // namespace

Pipeline parse_pipeline(std::string_view text, const std::string& origin,
                        std::vector<std::string>* warnings) {
  PipelineSchema schema;
  json::read(text, origin, schema.root(), warnings);
  Pipeline pipeline = std::move(schema).take();
  check_cluster(pipeline.cluster, shown(origin));
  return pipeline;
}

Pipeline read_pipeline(const std::filesystem::path& file, std::vector<std::string>* warnings) {
  return parse_pipeline(read_file(file, kLargestFile), file.string(), warnings);
}

std::string pipeline_to_json(const Pipeline& pipeline) {
  Members members;
  members.add("format", json::quoted(kFormat))
      .add("micro_batches", std::to_string(pipeline.micro_batches))
      .add_rate("bytes_per_second", pipeline.cluster.bytes_per_second)
      .add("latency_seconds", pipeline.cluster.latency);
  const std::string rows = lines(pipeline.rows, [](const PipelineRow& row) {
    std::vector<std::string> actions;
    for (const StageAction& action : row) actions.push_back(to_string(action));
    return json::quoted_list(actions);
  });
  return fmt::format("{{ {},\n\"devices\": {},\n\"links\": {},\n\"stages\": {},\n\"rows\": {} }}\n",
                     members.text(), lines(pipeline.cluster.devices, device_json),
                     lines(pipeline.cluster.links, link_json), lines(pipeline.stages, stage_json),
                     rows);
}

}  // namespace rockmate
