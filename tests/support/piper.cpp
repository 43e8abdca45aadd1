#include "support/piper.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <queue>

#include "support/files.h"

namespace rockmate::testing {
namespace {

struct Choice {
  double seconds = 0;
  double per_micro_batch = 0, fixed = 0;  // bytes
};

struct Layer {
  Choice kept, recomputed;
};

class PiperCosts final : public StageCosts {
 public:
  PiperCosts(const nlohmann::json& file, double bytes_per_second)
      : bytes_per_second_(bytes_per_second) {
    std::map<std::size_t, std::size_t> place;
    for (const std::size_t id : in_order(file)) {
      place.emplace(id, place.size());
      const auto node = std::find_if(file["nodes"].begin(), file["nodes"].end(),
                                     [id](const auto& n) { return n["id"] == id; });
      Layer layer;
      for (const auto& choice : (*node)["TMPCs"]["1"]) {
        Choice& to = choice["id"] == "vanilla" ? layer.kept : layer.recomputed;
        to = {choice["timePerSample"], choice["memoryUsageA"], choice["memoryUsageB"]};
      }
      layers_.push_back(layer);
    }
    for (const auto& edge : file["edges"]) {
      edges_.push_back({place.at(edge["sourceId"]), place.at(edge["destId"]),
                        edge["communicationCost"].get<double>()});
    }
  }

  std::size_t blocks() const override { return layers_.size(); }
  Seconds plain_forward(StageRange range) const override {
    double sum = 0;
    for (std::size_t s = range.first; s <= range.last; ++s) sum += layers_[s].kept.seconds;
    return Seconds(sum);
  }
  Seconds plain_backward(StageRange) const override { return {}; }
  Seconds least_seconds(StageRange range, std::size_t, Bytes) const override {
    return plain_forward(range);
  }
  Bytes static_bytes(StageRange range) const override {
    double sum = 0;
    for (std::size_t s = range.first; s <= range.last; ++s) sum += layers_[s].kept.fixed;
    return Bytes(static_cast<std::int64_t>(sum));
  }
  Seconds update(StageRange) const override { return {}; }
  Bytes input_before(std::size_t) const override { return {}; }
  Bytes gradient_before(std::size_t) const override { return {}; }

  std::optional<Seconds> estimate(const StageQuery& query) override {
    const auto found = cheapest(query);
    return found ? std::optional(Seconds(found->seconds)) : std::nullopt;
  }
  std::vector<StageStrategy> strategies(const StageQuery& query) override {
    const auto found = cheapest(query);
    if (!found) return {};
    // A third of it in the forward; only the sum matters to Piper.
    StageStrategy strategy;
    strategy.forward = Seconds(found->seconds / 3);
    strategy.input_gradient = Seconds(found->seconds - found->seconds / 3);
    strategy.saved = Bytes(static_cast<std::int64_t>(found->per_micro_batch));
    const Bytes extra(static_cast<std::int64_t>(found->fixed));
    strategy.forward_peak = strategy.backward_peak = strategy.saved + extra;
    return {strategy};
  }

 private:
  struct Edge {
    std::size_t from = 0, to = 0;
    double bytes = 0;
  };
  static std::vector<std::size_t> in_order(const nlohmann::json& file) {
    std::map<std::size_t, int> open;
    for (const auto& node : file["nodes"]) open[node["id"]] = 0;
    for (const auto& edge : file["edges"]) ++open[edge["destId"]];
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (const auto& [id, count] : open) {
      if (count == 0) ready.push(id);
    }
    std::vector<std::size_t> order;
    while (!ready.empty()) {
      order.push_back(ready.top());
      ready.pop();
      for (const auto& edge : file["edges"]) {
        if (edge["sourceId"] == order.back() && --open[edge["destId"]] == 0) {
          ready.push(edge["destId"]);
        }
      }
    }
    return order;
  }

  // Every edge across a border of the stage, there and back.
  [[nodiscard]] double messages(StageRange range) const {
    const auto inside = [&](std::size_t s) { return range.first <= s && s <= range.last; };
    double bytes = 0;
    for (const Edge& edge : edges_) {
      if (inside(edge.from) != inside(edge.to)) bytes += 2 * edge.bytes;
    }
    return bytes / bytes_per_second_;
  }

  // Layers are recomputed, those first that save most bytes per second, until the rest fits.
  // `fixed` of the result is what it needs beyond static_bytes.
  [[nodiscard]] std::optional<Choice> cheapest(const StageQuery& query) const {
    const auto in_flight = static_cast<double>(query.in_flight);
    Choice sum;
    std::vector<std::pair<double, const Layer*>> by_price;
    for (std::size_t s = query.range.first; s <= query.range.last; ++s) {
      const auto& [kept, again] = layers_[s];
      sum.seconds += kept.seconds;
      sum.per_micro_batch += kept.per_micro_batch;
      const double saves =
          (kept.per_micro_batch - again.per_micro_batch) * in_flight + kept.fixed - again.fixed;
      if (saves > 0) by_price.emplace_back((again.seconds - kept.seconds) / saves, &layers_[s]);
    }
    std::sort(by_price.begin(), by_price.end());
    const auto needed = [&] { return sum.per_micro_batch * in_flight + sum.fixed; };
    for (const auto& [price, layer] : by_price) {
      if (needed() <= static_cast<double>(query.memory.count())) break;
      sum.seconds += layer->recomputed.seconds - layer->kept.seconds;
      sum.per_micro_batch += layer->recomputed.per_micro_batch - layer->kept.per_micro_batch;
      sum.fixed += layer->recomputed.fixed - layer->kept.fixed;
    }
    if (needed() > static_cast<double>(query.memory.count())) return std::nullopt;
    sum.seconds += messages(query.range);
    return sum;
  }

  double bytes_per_second_;
  std::vector<Layer> layers_;
  std::vector<Edge> edges_;
};

}  // namespace

std::unique_ptr<StageCosts> read_piper(const std::filesystem::path& file,
                                       std::optional<double> bytes_per_second) {
  const auto workload = nlohmann::json::parse(read_text(file));
  return std::make_unique<PiperCosts>(
      workload, bytes_per_second.value_or(workload["bandwidth"].get<double>()));
}

}  // namespace rockmate::testing
