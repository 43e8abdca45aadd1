// Stage costs of a training graph: strategies come from the recursion over its blocks, solved once
// for all intervals.
#pragma once

#include <map>
#include <tuple>

#include "pipeline/in_flight.h"
#include "pipeline/segments.h"
#include "pipeline/stage_costs.h"
#include "pipeline/stage_model.h"

namespace rockmate {

class ChainStageCosts final : public StageCosts {
 public:
  /// `tolerance` as in `Segments`.
  ChainStageCosts(StageModel model, std::size_t micro_batches, PipelineMethod method,
                  double tolerance);

  [[nodiscard]] std::size_t blocks() const override { return model_.size(); }
  [[nodiscard]] Seconds plain_forward(StageRange range) const override;
  [[nodiscard]] Seconds plain_backward(StageRange range) const override;
  [[nodiscard]] Bytes static_bytes(StageRange range) const override;
  [[nodiscard]] Seconds update(StageRange range) const override;
  [[nodiscard]] Bytes input_before(std::size_t s) const override;
  [[nodiscard]] Bytes gradient_before(std::size_t s) const override;
  [[nodiscard]] Seconds least_seconds(StageRange range, std::size_t in_flight,
                                      Bytes memory) const override;
  [[nodiscard]] std::optional<Seconds> estimate(const StageQuery& query) override;
  [[nodiscard]] std::vector<StageStrategy> strategies(const StageQuery& query) override;

 private:
  [[nodiscard]] std::vector<StageStrategy> lifo(const StageQuery& query);
  [[nodiscard]] std::vector<StageStrategy> of_slots(const StageQuery& query);
  [[nodiscard]] const GlobalStage& global(StageRange range, std::size_t micro_batches);

  StageModel model_;
  std::size_t micro_batches_;
  PipelineMethod method_;
  Segments segments_;
  InFlight in_flight_;
  std::map<std::tuple<std::size_t, std::size_t, std::size_t>, GlobalStage> global_;
};

}  // namespace rockmate
