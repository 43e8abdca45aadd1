// `rockmate.graph/1`. The reader knows types and required keys only; what the names mean, and every
// rule between ops and values, is checked by TrainingGraphBuilder.

#include <fmt/format.h>

#include <utility>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/shown.h"
#include "rockmate/error.h"
#include "rockmate/training_graph.h"

namespace rockmate {
namespace {

constexpr std::string_view kFormat = "rockmate.graph/1";

json::NodePtr text_into(std::string& to) {
  return json::text([&to](std::string&& text) { to = std::move(text); });
}

json::NodePtr texts_into(std::vector<std::string>& to) {
  return json::list(json::text([&to](std::string&& text) { to.push_back(std::move(text)); }));
}

json::NodePtr bytes_into(Bytes& to) {
  return json::whole([&to](std::int64_t count) { to = Bytes(count); });
}

json::NodePtr seconds_into(Seconds& to) {
  return json::magnitude([&to](double count) { to = Seconds(count); });
}

template <class T>
json::NodePtr word_into(T& to, std::optional<T> (*parse)(std::string_view), std::string expected) {
  return json::word(std::move(expected), [&to, parse](const std::string& word) {
    const std::optional<T> parsed = parse(word);
    if (parsed) to = *parsed;
    return parsed.has_value();
  });
}

// Its nodes fill the spec of the value, op or implementation that is being read; at its end the
// spec moves on.
class GraphSchema {
 public:
  GraphSchema() : root_("a graph") {
    root_
        .required("format", json::word(fmt::format("\"{}\"", kFormat),
                                       [](const std::string& word) { return word == kFormat; }))
        .optional("name",
                  json::text([this](std::string&& name) { builder_.name(std::move(name)); }))
        .required("values", json::list(value_node()))
        .required("ops", json::list(op_node()))
        .optional("results", json::list(json::text([this](std::string&& name) {
                    builder_.result(std::move(name));
                  })));
  }
  GraphSchema(const GraphSchema&) = delete;
  GraphSchema& operator=(const GraphSchema&) = delete;

  json::Node& root() { return root_; }

  TrainingGraphBuilder take() && { return std::move(builder_); }

 private:
  json::NodePtr value_node();
  json::NodePtr op_node();
  json::NodePtr implementation_node();

  TrainingGraphBuilder builder_{""};
  ValueSpec value_;
  bool has_bytes_ = false;
  OpSpec op_;
  Implementation implementation_;
  json::Object root_;
};

json::NodePtr GraphSchema::value_node() {
  auto node = std::make_unique<json::Object>("a value");
  node->on_begin([this] {
        value_ = {};
        has_bytes_ = false;
      })
      .required("name", text_into(value_.name))
      .optional("bytes", json::whole([this](std::int64_t count) {
                  value_.bytes = Bytes(count);
                  has_bytes_ = true;
                }))
      .optional("kind", word_into(value_.kind, parse_value_kind,
                                  "input, parameter, activation, gradient, parameter_gradient, "
                                  "optimizer_state, statistics or loss"))
      .optional("alias_of",
                json::text([this](std::string&& owner) { value_.alias_of = std::move(owner); }))
      .optional(
          "shape",
          json::list(json::whole([this](std::int64_t extent) { value_.shape.push_back(extent); })))
      .optional("dtype", text_into(value_.dtype))
      .on_end([this](const json::Place& at) {
        if (!has_bytes_ && !value_.alias_of) {
          at.reject_member("bytes", "nothing",
                           "a whole number (a value has its own bytes, unless it is a view with "
                           "alias_of)");
        }
        builder_.value(std::move(value_));
      });
  return node;
}

json::NodePtr GraphSchema::op_node() {
  auto node = std::make_unique<json::Object>("an op");
  node->on_begin([this] { op_ = {}; })
      .required("name", text_into(op_.name))
      .optional("phase", word_into(op_.phase, parse_phase, "forward, loss, backward or update"))
      .required("seconds", seconds_into(op_.seconds))
      .optional("workspace", bytes_into(op_.workspace))
      .optional("inputs", texts_into(op_.inputs))
      .optional("outputs", texts_into(op_.outputs))
      .optional("optional", texts_into(op_.optional))
      .optional("accumulates", texts_into(op_.accumulates))
      .optional("updates", texts_into(op_.updates))
      .optional("in_place", json::text_by_key([this](std::string&& output, std::string&& input) {
                  op_.in_place.emplace_back(std::move(output), std::move(input));
                }))
      .optional("implementations", json::list(implementation_node()))
      .optional("recomputable", json::boolean([this](bool may) { op_.recomputable = may; }))
      .on_end([this](const json::Place&) { builder_.op(std::move(op_)); });
  return node;
}

json::NodePtr GraphSchema::implementation_node() {
  auto node = std::make_unique<json::Object>("an implementation");
  node->on_begin([this] { implementation_ = {}; })
      .required("name", text_into(implementation_.name))
      .required("seconds", seconds_into(implementation_.seconds))
      .optional("workspace", bytes_into(implementation_.workspace))
      .optional("bits", text_into(implementation_.bits))
      .on_end([this](const json::Place&) {
        op_.implementations.push_back(std::move(implementation_));
      });
  return node;
}

TrainingGraphBuilder parse_specs(std::string_view text, const std::string& origin,
                                 std::vector<std::string>* warnings) {
  GraphSchema schema;
  json::read(text, origin, schema.root(), warnings);
  return std::move(schema).take();
}

TrainingGraph build(TrainingGraphBuilder builder, const std::string& origin) {
  try {
    return std::move(builder).build();
  } catch (const InvalidInput& error) {
    throw InvalidInput(fmt::format("{}: {}", shown(origin, 400), error.what()));
  }
}

// One object on one line: `"key": value` pairs, of which defaults are left out.
class Row {
 public:
  Row& add(std::string_view key, const std::string& value) {
    text_ += fmt::format("{}\"{}\": {}", text_.empty() ? "" : ", ", key, value);
    return *this;
  }
  Row& add_text(std::string_view key, std::string_view value) {
    return value.empty() ? *this : add(key, json::quoted(value));
  }
  [[nodiscard]] std::string str() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

std::string value_row(const TrainingGraph& graph, const Value& value) {
  Row row;
  row.add("name", json::quoted(value.name));
  if (!value.viewed) row.add("bytes", json::number(value.bytes));
  if (value.kind != ValueKind::kActivation) row.add_text("kind", to_string(value.kind));
  if (value.viewed) row.add("alias_of", json::quoted(graph[*value.viewed].name));
  if (!value.shape.empty()) row.add("shape", fmt::format("[{}]", fmt::join(value.shape, ", ")));
  row.add_text("dtype", value.dtype);
  return row.str();
}

std::string implementation_row(const Implementation& implementation) {
  Row row;
  row.add("name", json::quoted(implementation.name));
  row.add("seconds", json::number(implementation.seconds));
  if (implementation.workspace > Bytes()) {
    row.add("workspace", json::number(implementation.workspace));
  }
  row.add_text("bits", implementation.bits);
  return row.str();
}

std::string implementation_rows(const Op& op) {
  std::vector<std::string> rows;
  for (std::size_t k = 1; k < op.implementations.size(); ++k) {
    rows.push_back(implementation_row(op.implementations[k]));
  }
  return fmt::format("[{}]", fmt::join(rows, ", "));
}

std::string in_place_row(const TrainingGraph& graph, const Op& op) {
  std::vector<std::string> pairs;
  for (const InPlace& pair : op.in_place) {
    pairs.push_back(json::quoted(graph[pair.output].name) + ": " +
                    json::quoted(graph[pair.input].name));
  }
  return fmt::format("{{{}}}", fmt::join(pairs, ", "));
}

std::string name_list(const TrainingGraph& graph, const std::vector<ValueId>& ids) {
  std::vector<std::string> names;
  for (const ValueId v : ids) names.push_back(graph[v].name);
  return json::quoted_list(names);
}

std::string op_row(const TrainingGraph& graph, const Op& op) {
  Row row;
  row.add("name", json::quoted(op.name));
  if (op.phase != Phase::kForward) row.add_text("phase", to_string(op.phase));
  row.add("seconds", json::number(op.seconds()));
  if (op.workspace() > Bytes()) row.add("workspace", json::number(op.workspace()));
  const auto add_names = [&](std::string_view key, const std::vector<ValueId>& ids) {
    if (!ids.empty()) row.add(key, name_list(graph, ids));
  };
  add_names("inputs", op.inputs);
  add_names("outputs", op.outputs);
  add_names("optional", op.optional);
  add_names("accumulates", op.accumulates);
  add_names("updates", op.updates);
  if (!op.in_place.empty()) row.add("in_place", in_place_row(graph, op));
  if (op.implementations.size() > 1) row.add("implementations", implementation_rows(op));
  const bool runs_once = !op.accumulates.empty() || !op.updates.empty();
  if (!runs_once && op.recomputable != (op.phase == Phase::kForward)) {
    row.add("recomputable", op.recomputable ? "true" : "false");
  }
  return row.str();
}

}  // namespace

TrainingGraph parse_graph(std::string_view text, const std::string& origin,
                          std::vector<std::string>* warnings) {
  return build(parse_specs(text, origin, warnings), origin);
}

TrainingGraph read_graph(const std::filesystem::path& file, std::vector<std::string>* warnings) {
  // The text is gone before the graph is built: it is the larger part of what reading needs.
  return build(parse_specs(read_file(file, kLargestFile), file.string(), warnings), file.string());
}

std::string graph_to_json(const TrainingGraph& graph) {
  std::vector<std::string> values, ops;
  for (const Value& value : graph.values()) values.push_back(value_row(graph, value));
  for (const Op& op : graph.ops()) ops.push_back(op_row(graph, op));
  return fmt::format(
      "{{\"format\": \"{}\", \"name\": {},\n\"values\": {},\n\"ops\": {},\n\"results\": {}}}\n",
      kFormat, json::quoted(graph.name()), json::one_per_line(values), json::one_per_line(ops),
      name_list(graph, graph.results()));
}

void write_graph(const TrainingGraph& graph, const std::filesystem::path& file) {
  write_file_atomically(file, graph_to_json(graph));
}

}  // namespace rockmate
