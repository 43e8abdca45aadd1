// The engine of a rank: what computes goes to another engine, what communicates to the transport.
// Notes when each kernel ran.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "exec/engine.h"
#include "rockmate/transport.h"

namespace rockmate {

class RankEngine final : public Engine {
 public:
  struct TimedRun {
    Seconds start, end;
  };

  /// The transport outlives the engine, the engine its kernels.
  RankEngine(std::unique_ptr<Engine> computes, Transport& transport, Seconds deadline)
      : computes_(std::move(computes)), transport_(transport), deadline_(deadline) {}

  [[nodiscard]] std::string_view name() const override { return computes_->name(); }
  [[nodiscard]] std::unique_ptr<Memory> memory(Bytes size) const override {
    return computes_->memory(size);
  }
  [[nodiscard]] Bytes workspace(const KernelSpec& spec) const override;
  [[nodiscard]] std::unique_ptr<PreparedKernel> prepare(const KernelSpec& spec) const override;

  /// One per run of a kernel since the last call of `clear`, in order.
  [[nodiscard]] const std::vector<TimedRun>& runs() const { return state_->runs; }
  void clear() { state_->runs.clear(); }

 private:
  struct State;
  class Computation;
  class Communication;
  struct State {
    using End = std::pair<std::size_t, int>;  // peer, tag
    std::vector<TimedRun> runs;
    std::map<End, Transport::Request> sends, receives;  // on their way
  };

  std::unique_ptr<Engine> computes_;
  Transport& transport_;
  Seconds deadline_;
  std::unique_ptr<State> state_ = std::make_unique<State>();
};

}  // namespace rockmate
