#include "pipeline/run/rank_engine.h"

#include <cstring>

#include "base/check.h"

namespace rockmate {
namespace {

std::span<std::byte> bytes_of(const TensorRef& tensor) {
  return {tensor.data, static_cast<std::size_t>(tensor.type->bytes().count())};
}

}  // namespace

// Messages move on between kernels: MPI does nothing in the background.
class RankEngine::Computation final : public PreparedKernel {
 public:
  Computation(std::unique_ptr<PreparedKernel> kernel, Transport& transport, State& state)
      : kernel_(std::move(kernel)), transport_(transport), state_(state) {}
  void run(const Invocation& call) override {
    const Seconds start = transport_.now();
    kernel_->run(call);
    transport_.progress();
    state_.runs.push_back({start, transport_.now()});
  }

 private:
  std::unique_ptr<PreparedKernel> kernel_;
  Transport& transport_;
  State& state_;
};

class RankEngine::Communication final : public PreparedKernel {
 public:
  Communication(const KernelSpec& spec, Transport& transport, Seconds deadline, State& state)
      : name_(spec.op),
        kind_(spec.kernel.kind),
        end_{static_cast<std::size_t>(spec.kernel.attributes.integer("peer")),
             static_cast<int>(spec.kernel.attributes.integer("tag"))},
        transport_(transport),
        deadline_(deadline),
        state_(state) {}

  void run(const Invocation& call) override {
    const Seconds start = transport_.now();
    communicate(call);
    state_.runs.push_back({start, transport_.now()});
  }

 private:
  void communicate(const Invocation& call) {
    const auto& [peer, tag] = end_;
    switch (kind_) {
      case OpKind::kSend:
        state_.sends[end_] = transport_.send(bytes_of(call.inputs[0]), peer, tag);
        break;
      case OpKind::kSent:
        wait(state_.sends);
        break;
      case OpKind::kReceive:
        state_.receives[end_] = transport_.receive(bytes_of(call.outputs[0]), peer, tag);
        break;
      case OpKind::kReceived:
        wait(state_.receives);
        if (call.outputs[0].data != call.inputs[0].data) {
          std::memcpy(call.outputs[0].data, call.inputs[0].data, bytes_of(call.inputs[0]).size());
        }
        break;
      default:
        ROCKMATE_CHECK(kind_ == OpKind::kRefresh);
        state_.receives[end_] = transport_.receive(bytes_of(call.inputs[0]), peer, tag);
        wait(state_.receives);
    }
  }

  void wait(std::map<State::End, Transport::Request>& requests) {
    const auto found = requests.find(end_);
    ROCKMATE_CHECK(found != requests.end(), name_);
    wait_for(transport_, found->second, deadline_, name_, end_.first);
    requests.erase(found);
  }

  std::string name_;
  OpKind kind_;
  State::End end_;
  Transport& transport_;
  Seconds deadline_;
  State& state_;
};

Bytes RankEngine::workspace(const KernelSpec& spec) const {
  return is_communication(spec.kernel.kind) ? Bytes() : computes_->workspace(spec);
}

std::unique_ptr<PreparedKernel> RankEngine::prepare(const KernelSpec& spec) const {
  if (is_communication(spec.kernel.kind)) {
    return std::make_unique<Communication>(spec, transport_, deadline_, *state_);
  }
  return std::make_unique<Computation>(computes_->prepare(spec), transport_, *state_);
}

}  // namespace rockmate
