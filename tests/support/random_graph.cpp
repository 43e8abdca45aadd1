#include "support/random_graph.h"

#include <fmt/format.h>

#include <map>
#include <random>

namespace rockmate::testing {
namespace {

class Maker {
 public:
  Maker(std::uint64_t seed, const RandomGraphOptions& options)
      : random_(seed), options_(options), builder_(fmt::format("random-{}", seed)) {}

  TrainingGraph make() {
    source("x", ValueKind::kInput);
    made_.push_back("x");
    for (int k = 0; k < options_.forward_ops; ++k) forward(k);
    loss();
    for (std::size_t k = forward_.size(); k-- > 0;) backward(k);
    return std::move(builder_).build();
  }

 private:
  struct Layer {
    std::string name, output;
    std::vector<std::string> inputs, saved;
    std::string parameter;
  };

  int upto(int n) { return std::uniform_int_distribution<int>(0, n)(random_); }
  bool chance(int percent) { return upto(99) < percent; }
  Bytes size() { return Bytes(chance(5) ? 0 : 1 + upto(20)); }
  Bytes workspace() { return Bytes(chance(30) ? upto(12) : 0); }
  Seconds seconds() { return Seconds(options_.free_of_cost ? 0 : 1 + upto(9)); }

  void source(const std::string& name, ValueKind kind) {
    builder_.value({.name = name, .bytes = size(), .kind = kind});
  }

  void forward(int k) {
    Layer layer;
    layer.name = fmt::format("f{}", k);
    layer.output = fmt::format("y{}", k);
    layer.inputs.push_back(made_.back());
    if (made_.size() > 2 && chance(35)) {
      layer.inputs.push_back(
          made_[static_cast<std::size_t>(upto(static_cast<int>(made_.size()) - 2))]);
    }
    OpSpec op{.name = layer.name, .seconds = seconds(), .workspace = workspace()};
    op.inputs = layer.inputs;
    if (options_.updates && chance(40)) {
      layer.parameter = fmt::format("w{}", k);
      source(layer.parameter, ValueKind::kParameter);
      op.inputs.push_back(layer.parameter);
    }
    const bool is_view = options_.views && layer.inputs[0] != "x" && chance(15);
    ValueSpec y{.name = layer.output, .bytes = size()};
    if (is_view) y.alias_of = layer.inputs[0];
    op.outputs = {layer.output};
    if (options_.optional_outputs && chance(30)) {
      const std::string mask = fmt::format("m{}", k);
      builder_.value({.name = mask, .bytes = size()});
      op.outputs.push_back(mask);
      op.optional = {mask};
      layer.saved.push_back(mask);
    }
    if (chance(60)) layer.saved.push_back(layer.inputs[0]);
    if (chance(40)) layer.saved.push_back(layer.output);
    if (options_.in_place && !is_view && layer.inputs[0] != "x" && chance(30)) {
      op.in_place = {{layer.output, layer.inputs[0]}};
    }
    if (options_.implementations && chance(25)) {
      op.implementations.push_back({"other", seconds(), workspace(), chance(30) ? "b" : ""});
    }
    if (options_.run_once && chance(8)) op.recomputable = false;
    if (options_.statistics && chance(15)) {
      const std::string statistics = fmt::format("s{}", k);
      source(statistics, ValueKind::kStatistics);
      op.inputs.push_back(statistics);
      op.updates = {statistics};
    }
    builder_.value(std::move(y)).op(std::move(op));
    made_.push_back(layer.output);
    forward_.push_back(std::move(layer));
  }

  void loss() {
    const std::string& last = forward_.back().output;
    gradient(last);
    builder_.op({.name = "loss",
                 .phase = Phase::kLoss,
                 .seconds = seconds(),
                 .inputs = {last},
                 .outputs = {"d." + last}});
    if (options_.results && chance(40)) builder_.result(last);
  }

  void gradient(const std::string& of) {
    builder_.value({.name = "d." + of, .bytes = size(), .kind = ValueKind::kGradient});
    has_gradient_[of] = true;
  }

  // Gradients flow to each input that some op made; shared values are sums when those are allowed.
  void backward(std::size_t k) {
    const Layer& layer = forward_[k];
    if (!has_gradient_.contains(layer.output)) return;
    OpSpec op{.name = "b" + layer.name,
              .phase = Phase::kBackward,
              .seconds = seconds(),
              .workspace = workspace()};
    op.inputs = layer.saved;
    op.inputs.push_back("d." + layer.output);
    for (const std::string& input : layer.inputs) {
      if (input == "x") continue;
      if (options_.accumulators) {
        if (!has_gradient_.contains(input)) gradient(input);
        op.accumulates.push_back("d." + input);
      } else if (!has_gradient_.contains(input)) {
        gradient(input);
        op.outputs.push_back("d." + input);
      }
    }
    if (!layer.parameter.empty()) {
      const std::string dw = "d." + layer.parameter;
      builder_.value({.name = dw, .bytes = size(), .kind = ValueKind::kParameterGradient});
      op.outputs.push_back(dw);
      op.inputs.push_back(layer.parameter);
    }
    if (options_.in_place && !op.outputs.empty() && chance(30)) {
      op.in_place = {{op.outputs.front(), "d." + layer.output}};
    }
    builder_.op(std::move(op));
    if (layer.parameter.empty()) return;
    builder_.op({.name = "u" + layer.name,
                 .phase = Phase::kUpdate,
                 .seconds = seconds(),
                 .inputs = {layer.parameter, "d." + layer.parameter},
                 .updates = {layer.parameter}});
  }

  std::mt19937_64 random_;
  RandomGraphOptions options_;
  TrainingGraphBuilder builder_;
  std::vector<std::string> made_;
  std::vector<Layer> forward_;
  std::map<std::string, bool> has_gradient_;
};

}  // namespace

TrainingGraph random_graph(std::uint64_t seed, const RandomGraphOptions& options) {
  return Maker(seed, options).make();
}

}  // namespace rockmate::testing
