#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>

#include "rockmate/error.h"
#include "rockmate/training_graph.h"

namespace rockmate {

// First version; the hardened reader replaces it.
TrainingGraph parse_graph(std::string_view text, const std::string& origin,
                          std::vector<std::string>*) {
  try {
    const auto doc = nlohmann::json::parse(text);
    TrainingGraphBuilder b(doc.value("name", ""));
    for (const auto& v : doc.at("values")) {
      ValueSpec s;
      s.name = v.at("name");
      s.bytes = Bytes(v.value("bytes", std::int64_t{0}));
      s.kind = parse_value_kind(v.value("kind", "activation")).value();
      if (v.contains("alias_of")) s.alias_of = v.at("alias_of").get<std::string>();
      b.value(s);
    }
    for (const auto& o : doc.at("ops")) {
      using Names = std::vector<std::string>;
      OpSpec s;
      s.name = o.at("name");
      s.phase = parse_phase(o.value("phase", "forward")).value();
      s.seconds = Seconds(o.at("seconds").get<double>());
      s.workspace = Bytes(o.value("workspace", std::int64_t{0}));
      s.inputs = o.value("inputs", Names());
      s.outputs = o.value("outputs", Names());
      s.optional = o.value("optional", Names());
      s.accumulates = o.value("accumulates", Names());
      s.updates = o.value("updates", Names());
      if (o.contains("recomputable")) s.recomputable = o.at("recomputable").get<bool>();
      b.op(s);
    }
    for (const auto& r : doc.value("results", std::vector<std::string>())) b.result(r);
    return std::move(b).build();
  } catch (const nlohmann::json::exception& e) {
    throw InvalidInput(origin + ": " + e.what());
  }
}

TrainingGraph read_graph(const std::filesystem::path& file, std::vector<std::string>* warnings) {
  std::ifstream in(file);
  if (!in) throw InvalidInput(file.string() + ": cannot be opened");
  std::stringstream text;
  text << in.rdbuf();
  return parse_graph(text.str(), file.string(), warnings);
}

}  // namespace rockmate
