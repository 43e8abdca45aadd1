#include "cli/pipeline_job.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "cli/console.h"
#include "cli/progress_line.h"
#include "cli/training_data.h"
#include "pipeline/run/exchange.h"

namespace rockmate::cli {
namespace {

using nlohmann::json;

// How often a plan is made again for the bytes that addresses took beyond the simulator's count.
constexpr int kPlans = 6;

std::string digest(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

std::string digest(std::span<const std::byte> bytes) {
  return digest({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// What all ranks agree on before they begin.
struct Planned {
  std::optional<NoPipeline> none;
  std::optional<PipelinePlan> plan;
  std::optional<TrainingModel> model;  // of a micro-batch
};

// What each rank needs of its device's memory, by rank of the transport.
using Needs = std::function<std::vector<std::int64_t>(const TrainingModel&, const Pipeline&)>;

// Whether all ranks fit; else the devices that do not suffice become smaller, for the next plan.
bool fit(const PipelineJob& job, const std::vector<std::int64_t>& needs, Cluster& within) {
  const std::size_t ranks = job.cluster.devices.size();
  bool all_fit = true;
  for (std::size_t r = 0; r < ranks; ++r) {
    Bytes excess;
    for (std::size_t w = r; w < needs.size(); w += ranks) {
      excess = std::max(excess, Bytes(needs[w]) - job.cluster.devices[r].memory);
    }
    if (excess == Bytes()) continue;
    all_fit = false;
    within.devices[r].memory = std::max(Bytes(1), within.devices[r].memory - excess);
  }
  return all_fit;
}

Planned plan_job(const PipelineJob& job, const Needs& needs) {
  Planned planned;
  Cluster within = job.cluster;
  for (int attempt = 1; attempt <= kPlans; ++attempt) {
    auto found = plan_pipeline(job.graph_of, job.micro_batches, within, job.planning);
    if (!found) {
      planned.none = found.error();
      return planned;
    }
    planned.plan = *std::move(found);
    planned.plan->pipeline.cluster = job.cluster;
    planned.model = job.model_of(planned.plan->pipeline.micro_batches);
    if (fit(job, needs(*planned.model, planned.plan->pipeline), within)) break;
  }
  return planned;
}

class RankJob {
 public:
  RankJob(const PipelineJob& job, const Planned& planned, Transport& transport)
      : job_(job), planned_(planned), transport_(transport) {}

  std::optional<PipelineOutcome> run() {
    PipelineRunOptions options = job_.run;
    TrainingData data(*planned_.model,
                      {.path = job_.data, .shuffle = job_.shuffle, .seed = options.seed});
    if (data.is_there()) options.data = rows_of(data);
    PipelineRank rank(*planned_.model, planned_.plan->pipeline, transport_, options);
    rank.observe_gradients([this](const std::string& name, std::span<const std::byte> bytes) {
      gradients_[name] = digest(bytes);
    });
    resume(rank);
    train(rank);
    report(rank);
    if (!leads()) return std::nullopt;
    outcome_.plan = *planned_.plan;
    return std::move(outcome_);
  }

 private:
  [[nodiscard]] bool leads() const { return transport_.rank() == 0; }
  [[nodiscard]] std::size_t ranks() const { return job_.cluster.devices.size(); }

  // Micro-batches are taken in turn; those that make no whole batch any more are left out.
  [[nodiscard]] PipelineData rows_of(TrainingData& data) const {
    const auto batch =
        static_cast<std::uint64_t>(planned_.plan->pipeline.micro_batches * job_.run.replicas);
    const auto all = static_cast<std::uint64_t>(data.batches_per_epoch());
    if (all < batch) {
      throw InvalidInput(
          fmt::format("{}: has {} micro-batches, an iteration takes {}", job_.data, all, batch));
    }
    return [&data, batch, all](std::string_view input, std::uint64_t step, std::size_t micro_batch,
                               std::span<std::byte> bytes) {
      const std::uint64_t steps = all / batch;  // of an epoch
      const std::uint64_t place = step % steps * batch + micro_batch;
      return data.read(input, step / steps * all + place, bytes);
    };
  }

  void resume(PipelineRank& rank) {
    if (job_.checkpoints.empty()) return;
    std::vector<std::string> warnings;
    outcome_.resumed =
        read_checkpoint(job_.checkpoints, rank, transport_, job_.run.deadline, &warnings);
    warn(warnings);
  }

  void train(PipelineRank& rank) {
    ProgressLine line;
    while (rank.next_step() < job_.steps) {
      const RankStep step = rank.step();
      auto all = gather_step(transport_, ranks(), step, job_.run.deadline);
      if (all) {
        line.show(fmt::format("step {} of {}  loss {:.6g}  {}", all->step + 1, job_.steps,
                              all->loss, to_string(all->makespan)));
        outcome_.steps.push_back(*std::move(all));
      }
      const bool is_due =
          rank.next_step() % job_.checkpoint_every == 0 || rank.next_step() == job_.steps;
      if (!job_.checkpoints.empty() && is_due) {
        write_checkpoint(job_.checkpoints, rank, transport_, job_.run.deadline);
      }
    }
  }

  void report(const PipelineRank& rank) {
    std::map<std::string, std::string> states;
    for (const RankState& state : rank.states()) {
      if (state.is_owned) states[state.name] = digest(state.bytes);
    }
    const auto texts = gather(
        transport_,
        json{{"planned", rank.planned().count()}, {"gradients", gradients_}, {"states", states}}
            .dump(),
        job_.run.deadline, "the report");
    std::map<std::string, std::string> all_gradients, all_states;
    for (std::size_t r = 0; r < texts.size(); ++r) {
      const json one = json::parse(texts[r]);
      outcome_.planned.emplace_back(one["planned"].get<std::int64_t>());
      if (r >= ranks()) continue;  // the other replicas have the same gradients
      all_gradients.merge(one["gradients"].get<std::map<std::string, std::string>>());
      all_states.merge(one["states"].get<std::map<std::string, std::string>>());
    }
    if (!leads()) return;
    outcome_.gradients = digest(json(all_gradients).dump());
    outcome_.states = digest(json(all_states).dump());
    if (outcome_.steps.empty()) return;
    outcome_.measured = with_measured_seconds(planned_.plan->pipeline, outcome_.steps);
    if (auto trace = simulate(*outcome_.measured)) outcome_.simulated = *std::move(trace);
  }

  const PipelineJob& job_;
  const Planned& planned_;
  Transport& transport_;
  std::map<std::string, std::string> gradients_;  // digests, of the last step
  PipelineOutcome outcome_;
};

std::string with_rank(const Transport& transport, const std::string& what) {
  return what.starts_with("rank ") ? what : fmt::format("rank {}: {}", transport.rank(), what);
}

// A mistake that all ranks find is told by the first of them.
std::optional<PipelineOutcome> run_under_mpi(const PipelineJob& job) {
  constexpr std::chrono::seconds kPatience(1);
  const auto transport = make_mpi_transport(job.mode);
  const auto give_up = [&](const std::string& what) {
    print_error(fmt::format("rockmate: {}\n", with_rank(*transport, what)));
    transport->give_up(what);
  };
  const Needs needs = [&](const TrainingModel& model, const Pipeline& pipeline) {
    const Bytes own = needed_by_rank(model, pipeline, *transport, job.run);
    const auto all = gather(*transport, std::to_string(own.count()), job.run.deadline, "planning");
    return json::parse(broadcast(*transport, fmt::format("[{}]", fmt::join(all, ",")),
                                 job.run.deadline, "planning"))
        .get<std::vector<std::int64_t>>();
  };
  try {
    // Every rank plans, and all come to the same plan.
    const Planned planned = plan_job(job, needs);
    if (planned.plan) return RankJob(job, planned, *transport).run();
    std::optional<PipelineOutcome> outcome;
    if (transport->rank() == 0) outcome.emplace().none = planned.none;
    return outcome;
  } catch (const RankFailure& failure) {
    give_up(failure.what());
  } catch (const std::exception& error) {
    if (transport->rank() > 0) std::this_thread::sleep_for(kPatience);
    give_up(error.what());
  }
  return std::nullopt;
}

std::optional<PipelineOutcome> run_on_threads(const PipelineJob& job) {
  const auto transports =
      make_local_transports(job.cluster.devices.size() * job.run.replicas, job.mode);
  const Needs needs = [&](const TrainingModel& model, const Pipeline& pipeline) {
    std::vector<std::int64_t> all;
    for (const auto& each : transports) {
      all.push_back(needed_by_rank(model, pipeline, *each, job.run).count());
    }
    return all;
  };
  const Planned planned = plan_job(job, needs);
  std::optional<PipelineOutcome> outcome;
  if (!planned.plan) {
    outcome.emplace().none = planned.none;
    return outcome;
  }
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&](Transport& transport) {
    try {
      auto own = RankJob(job, planned, transport).run();
      if (own) outcome = std::move(own);
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      transport.give_up(with_rank(transport, error.what()));
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t r = 1; r < transports.size(); ++r) {
    threads.emplace_back([&, r] { work(*transports[r]); });
  }
  work(*transports.front());
  for (std::thread& thread : threads) thread.join();
  if (!failure) return outcome;
  try {
    std::rethrow_exception(failure);
  } catch (const RankFailure& error) {
    throw InvalidInput(error.what());
  }
}

}  // namespace

std::optional<PipelineOutcome> run_pipeline_job(const PipelineJob& job) {
  return runs_under_mpi() ? run_under_mpi(job) : run_on_threads(job);
}

}  // namespace rockmate::cli
