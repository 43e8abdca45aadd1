// `rockmate.plan/1`. Two things can be wrong with a file: it is not of the format (InvalidInput),
// or it is, but names what the graph does not have (a Violation, like any other broken rule). The
// first violation is kept while the rest of the file is read, so that a file which is not even
// JSON is never judged.

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/shown.h"
#include "rockmate/error.h"
#include "rockmate/schedule.h"

namespace rockmate {
namespace {

constexpr std::string_view kFormat = "rockmate.plan/1";

template <class T>
json::NodePtr bytes_into(std::optional<T>& to) {
  return json::integer([&to](std::int64_t count) { to = T(count); });
}

template <class T>
json::NodePtr number_into(std::optional<T>& to) {
  return json::number([&to](double count) { to = T(count); });
}

json::NodePtr text_into(std::optional<std::string>& to) {
  return json::text([&to](std::string&& text) { to = std::move(text); });
}

json::NodePtr texts_into(std::vector<std::string>& to) {
  return json::list(json::text([&to](std::string&& text) { to.push_back(std::move(text)); }));
}

// An action as it stands in the file.
struct ActionSpec {
  std::optional<std::string> compute, free, implementation;
  std::vector<std::string> in_place, skip;
};

struct RowSpec {
  std::optional<std::string> value;
  std::optional<std::int64_t> workspace, first, last, offset, bytes;
};

// An element of `actions`: what is no object is no action, which the judge has to say.
class ActionNode final : public json::Object {
 public:
  explicit ActionNode(std::function<void()> on_other)
      : Object("an action"), on_other_(std::move(on_other)) {}
  void scalar(const json::Place&, json::Scalar&) override { on_other_(); }
  void begin_list(const json::Place&) override { is_list_ = true; }
  void begin_object(const json::Place& at) override {
    is_list_ = false;
    Object::begin_object(at);
  }
  void end(const json::Place& at) override { is_list_ ? on_other_() : Object::end(at); }

 private:
  std::function<void()> on_other_;
  bool is_list_ = false;
};

class PlanSchema {
 public:
  explicit PlanSchema(const TrainingGraph& graph);
  PlanSchema(const PlanSchema&) = delete;
  PlanSchema& operator=(const PlanSchema&) = delete;

  json::Node& root() { return root_; }
  Expected<PlanDocument, Violation> take() && {
    if (violation_) return Unexpected{std::move(*violation_)};
    return std::move(document_);
  }

 private:
  json::NodePtr action_node();
  json::NodePtr layout_node();
  void end_action();
  void end_row(const json::Place& at);
  [[nodiscard]] std::optional<Action> resolve_compute();
  [[nodiscard]] std::optional<std::vector<ValueId>> resolve_values(
      const char* field, const std::vector<std::string>& names);
  template <class... Args>
  void break_action(fmt::format_string<Args...> reason, Args&&... args) {
    if (violation_) return;
    violation_ = {actions_, fmt::format("action {}: {}", actions_,
                                        fmt::format(reason, std::forward<Args>(args)...))};
  }
  void break_row(const std::string& reason) {
    if (!violation_) violation_ = {std::nullopt, fmt::format("layout: row {}: {}", rows_, reason)};
  }

  const TrainingGraph& graph_;
  PlanDocument document_;
  std::optional<Violation> violation_;
  ActionSpec action_;
  std::size_t actions_ = 0;  // in the file, resolved or not
  RowSpec row_;
  std::size_t rows_ = 0;
  json::Object root_;
};

// A layout is there as soon as its list begins, even if that stays empty.
class LayoutNode final : public json::Node {
 public:
  LayoutNode(std::optional<Layout>& layout, json::NodePtr row)
      : layout_(layout), row_(std::move(row)) {}
  std::string_view expected() const override { return "a list"; }
  void begin_list(const json::Place&) override { layout_.emplace(); }
  json::Node* element() override { return row_.get(); }

 private:
  std::optional<Layout>& layout_;
  json::NodePtr row_;
};

PlanSchema::PlanSchema(const TrainingGraph& graph) : graph_(graph), root_("a plan") {
  StatedFigures& stated = document_.stated;
  const auto ignore = [](double) {};
  root_
      .required("format", json::word(fmt::format("\"{}\"", kFormat),
                                     [](const std::string& word) { return word == kFormat; }))
      .optional("graph",
                json::text([this](std::string&& name) { document_.graph = std::move(name); }))
      .optional("budget_bytes", bytes_into(stated.budget))
      .optional("peak_bytes", bytes_into(stated.peak))
      .optional("static_bytes", bytes_into(stated.static_bytes))
      .optional("arena_bytes", bytes_into(stated.arena))
      .optional("seconds", number_into(stated.seconds))
      .optional("overhead", number_into(stated.overhead))
      .optional("lower_bound_seconds", number_into(stated.lower_bound))
      .optional("planner",
                json::text([this](std::string&& name) { document_.planner = std::move(name); }))
      .optional("planning_seconds", json::number(ignore))
      .required("actions", json::list(action_node()))
      .optional("layout", std::make_unique<LayoutNode>(document_.layout, layout_node()));
}

json::NodePtr PlanSchema::action_node() {
  auto node = std::make_unique<ActionNode>([this] {
    break_action("found something else than an object, expected a compute or a free");
    ++actions_;
  });
  node->on_begin([this] { action_ = {}; })
      .optional("compute", text_into(action_.compute))
      .optional("free", text_into(action_.free))
      .optional("implementation", text_into(action_.implementation))
      .optional("in_place", texts_into(action_.in_place))
      .optional("skip", texts_into(action_.skip))
      .on_end([this](const json::Place&) {
        end_action();
        ++actions_;
      });
  return node;
}

void PlanSchema::end_action() {
  if (action_.compute.has_value() == action_.free.has_value()) {
    return break_action("found {} of 'compute' and 'free', expected one of them",
                        action_.free ? "both" : "none");
  }
  if (action_.free) {
    const std::optional<ValueId> value = graph_.find_value(*action_.free);
    if (!value)
      return break_action("frees '{}', a value that the graph does not have", shown(*action_.free));
    document_.schedule.emplace_back(Free{*value});
  } else if (std::optional<Action> action = resolve_compute()) {
    document_.schedule.push_back(std::move(*action));
  }
}

std::optional<Action> PlanSchema::resolve_compute() {
  const std::optional<OpId> id = graph_.find_op(*action_.compute);
  if (!id) {
    break_action("runs '{}', an op that the graph does not have", shown(*action_.compute));
    return std::nullopt;
  }
  Compute compute{*id};
  if (action_.implementation) {
    const auto& all = graph_[*id].implementations;  // [0], the default, has no name to ask for
    const auto found = std::find_if(all.begin() + 1, all.end(), [&](const Implementation& i) {
      return i.name == *action_.implementation;
    });
    if (found == all.end()) {
      break_action("op '{}' has no implementation '{}'", shown(graph_[*id].name),
                   shown(*action_.implementation));
      return std::nullopt;
    }
    compute.implementation = static_cast<std::uint16_t>(found - all.begin());
  }
  auto in_place = resolve_values("in_place", action_.in_place);
  auto skip = resolve_values("skip", action_.skip);
  if (!in_place || !skip) return std::nullopt;
  compute.in_place = std::move(*in_place);
  compute.skip = std::move(*skip);
  return compute;
}

std::optional<std::vector<ValueId>> PlanSchema::resolve_values(
    const char* field, const std::vector<std::string>& names) {
  std::vector<ValueId> ids;
  for (const std::string& name : names) {
    const std::optional<ValueId> id = graph_.find_value(name);
    if (!id) {
      break_action("{} names '{}', a value that the graph does not have", field, shown(name));
      return std::nullopt;
    }
    ids.push_back(*id);
  }
  return ids;
}

json::NodePtr PlanSchema::layout_node() {
  auto node = std::make_unique<json::Object>("a layout row");
  node->on_begin([this] { row_ = {}; })
      .optional("value", text_into(row_.value))
      .optional("workspace", bytes_into(row_.workspace))
      .optional("first", bytes_into(row_.first))
      .optional("last", bytes_into(row_.last))
      .required("offset", bytes_into(row_.offset))
      .required("bytes", bytes_into(row_.bytes))
      .on_end([this](const json::Place& at) {
        end_row(at);
        ++rows_;
      });
  return node;
}

void PlanSchema::end_row(const json::Place& at) {
  LayoutRow row;
  row.is_workspace = row_.workspace.has_value();
  row.offset = Bytes(*row_.offset);
  row.bytes = Bytes(*row_.bytes);
  if (!row.is_workspace) {
    if (!row_.value) at.reject_member("value", "nothing", "a value's name, or 'workspace'");
    if (!row_.first) at.reject_member("first", "nothing", "the index of an action");
    if (!row_.last) at.reject_member("last", "nothing", "the index of an action");
    const std::optional<ValueId> value = graph_.find_value(*row_.value);
    if (!value) {
      return break_row(
          fmt::format("'{}' is a value that the graph does not have", shown(*row_.value)));
    }
    if (graph_[*value].bytes == Bytes()) return;  // needs no address, so it may claim any
    row.value = *value;
  }
  const std::int64_t first = row.is_workspace ? *row_.workspace : *row_.first;
  const std::int64_t last = row.is_workspace ? *row_.workspace : *row_.last;
  if (first < 0 || last < 0) return break_row("the index of an action is negative");
  row.first = static_cast<std::size_t>(first);
  row.last = static_cast<std::size_t>(last);
  // What ends beyond all numbers is for the judge to reject.
  std::int64_t end = 0;
  if (__builtin_add_overflow(row.offset.count(), row.bytes.count(), &end)) {
    end = std::numeric_limits<std::int64_t>::max();
  }
  document_.layout->arena_bytes = std::max(document_.layout->arena_bytes, Bytes(end));
  document_.layout->rows.push_back(row);
}

std::string name_list(const TrainingGraph& graph, const std::vector<ValueId>& ids) {
  std::vector<std::string> names;
  for (const ValueId v : ids) names.push_back(graph[v].name);
  return json::quoted_list(names);
}

std::string action_row(const TrainingGraph& graph, const Action& action) {
  if (const auto* free = std::get_if<Free>(&action)) {
    return fmt::format("{{\"free\": {}}}", json::quoted(graph[free->value].name));
  }
  const auto& compute = std::get<Compute>(action);
  const Op& op = graph[compute.op];
  std::string row = "{\"compute\": " + json::quoted(op.name);
  if (compute.implementation != 0) {
    row +=
        ", \"implementation\": " + json::quoted(op.implementations.at(compute.implementation).name);
  }
  if (!compute.in_place.empty()) row += ", \"in_place\": " + name_list(graph, compute.in_place);
  if (!compute.skip.empty()) row += ", \"skip\": " + name_list(graph, compute.skip);
  return row + "}";
}

std::string layout_row(const TrainingGraph& graph, const LayoutRow& row) {
  const std::string what =
      row.is_workspace ? fmt::format("\"workspace\": {}", row.first)
                       : fmt::format("\"value\": {}, \"first\": {}, \"last\": {}",
                                     json::quoted(graph[row.value].name), row.first, row.last);
  return fmt::format("{{{}, \"offset\": {}, \"bytes\": {}}}", what, json::number(row.offset),
                     json::number(row.bytes));
}

std::string figures(const Plan& plan) {
  std::string text = fmt::format("\"budget_bytes\": {}, \"peak_bytes\": {}, \"static_bytes\": {}",
                                 json::number(plan.budget), json::number(plan.peak),
                                 json::number(plan.static_bytes));
  if (plan.layout) {
    text += fmt::format(", \"arena_bytes\": {}", json::number(plan.layout->arena_bytes));
  }
  return text + fmt::format(
                    ",\n\"seconds\": {}, \"overhead\": {}, \"lower_bound_seconds\": {}, "
                    "\"planner\": {}, \"planning_seconds\": {}",
                    json::number(plan.seconds), json::number(plan.overhead),
                    json::number(plan.lower_bound), json::quoted(plan.planner),
                    json::number(plan.planning_seconds));
}

}  // namespace

Expected<PlanDocument, Violation> parse_plan(std::string_view text, const std::string& origin,
                                             const TrainingGraph& graph,
                                             std::vector<std::string>* warnings) {
  PlanSchema schema(graph);
  json::read(text, origin, schema.root(), warnings);
  auto plan = std::move(schema).take();
  if (warnings != nullptr && plan && !plan->graph.empty() && plan->graph != graph.name()) {
    warnings->push_back(fmt::format("{}: $.graph: the plan is for '{}', this graph is '{}'",
                                    shown(origin, 400), shown(plan->graph), shown(graph.name())));
  }
  return plan;
}

Expected<PlanDocument, Violation> read_plan(const std::filesystem::path& file,
                                            const TrainingGraph& graph,
                                            std::vector<std::string>* warnings) {
  return parse_plan(read_file(file, kLargestFile), file.string(), graph, warnings);
}

std::string plan_to_json(const Plan& plan, const TrainingGraph& graph) {
  std::vector<std::string> actions;
  for (const Action& action : plan.schedule) actions.push_back(action_row(graph, action));
  std::string text =
      fmt::format("{{\"format\": \"{}\", \"graph\": {},\n{},\n\"actions\": {}", kFormat,
                  json::quoted(plan.graph), figures(plan), json::one_per_line(actions));
  if (plan.layout) {
    std::vector<std::string> rows;
    for (const LayoutRow& row : plan.layout->rows) rows.push_back(layout_row(graph, row));
    text += ",\n\"layout\": " + json::one_per_line(rows);
  }
  return text + "}\n";
}

void write_plan(const Plan& plan, const TrainingGraph& graph, const std::filesystem::path& file) {
  write_file_atomically(file, plan_to_json(plan, graph));
}

}  // namespace rockmate
