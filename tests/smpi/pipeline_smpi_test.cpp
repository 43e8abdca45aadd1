// Our MPI code on a simulated platform: 16 hosts of four kinds behind links of unequal speed, under
// SimGrid's SMPI (Degomme et al., "Simulating MPI applications: the SMPI approach", TPDS 2017). One
// process, one simulation per test.
#include <gtest/gtest.h>
#include <smpi/smpi.h>
#include <simgrid/s4u.hpp>

#include <map>
#include <mutex>

#include "rockmate/pipeline_run.h"
#include "support/models.h"
#include "support/pipeline_runs.h"

namespace rockmate {
namespace {

namespace sg4 = simgrid::s4u;
using testing::PipelineRecord;

constexpr std::size_t kHosts = 16;
constexpr std::size_t kMicroBatches = 16;

double speed(std::size_t host) { return 1.0 + static_cast<double>(host % 4); }
double bandwidth(std::size_t host) { return 1e6 * (1.0 + static_cast<double>(host % 3)); }

// What the ranks share: they are coroutines of this process.
struct Job {
  const TrainingModel* model = nullptr;
  const Pipeline* pipeline = nullptr;
  PipelineRunOptions options;
  SendMode mode = SendMode::kStandard;
  PipelineRecord record;
  std::size_t done = 0;
  std::vector<PipelineStep> steps;
};
Job job;

// Each kernel takes its host as long as so many operations do; `progress` follows each of them.
class HostTransport final : public Transport {
 public:
  explicit HostTransport(SendMode mode) : mpi_(make_mpi_transport(mode)) {}
  [[nodiscard]] std::size_t rank() const override { return mpi_->rank(); }
  [[nodiscard]] std::size_t size() const override { return mpi_->size(); }
  [[nodiscard]] Seconds now() override { return mpi_->now(); }
  [[nodiscard]] Request send(std::span<const std::byte> bytes, std::size_t to, int tag) override {
    return mpi_->send(bytes, to, tag);
  }
  [[nodiscard]] Request receive(std::span<std::byte> bytes, std::size_t from, int tag) override {
    return mpi_->receive(bytes, from, tag);
  }
  bool test(Request request) override { return mpi_->test(request); }
  void progress() override {
    sg4::this_actor::execute(1e7);
    mpi_->progress();
  }
  void give_up(const std::string& why) override { mpi_->give_up(why); }

 private:
  std::unique_ptr<Transport> mpi_;
};

void run_rank(int, char**) {
  try {
    HostTransport transport(job.mode);
    PipelineRank rank(*job.model, *job.pipeline, transport, job.options);
    rank.observe_gradients([](const std::string& name, std::span<const std::byte> bytes) {
      job.record.gradients[name] = {bytes.begin(), bytes.end()};
    });
    for (int step = 0; step < 2; ++step) {
      const RankStep report = rank.step();
      job.record.planned[transport.rank()] = rank.planned();
      job.record.measured[transport.rank()] = report.measured;
      auto all = gather_step(transport, kHosts, report, job.options.deadline);
      if (all) job.steps.push_back(*std::move(all));
    }
    for (const RankState& state : rank.states()) {
      job.record.states[state.name] = {state.bytes.begin(), state.bytes.end()};
    }
    ++job.done;
  } catch (const std::exception& error) {
    job.record.failures.emplace_back(error.what());
  }
}

std::vector<sg4::Host*> make_platform() {
  sg4::NetZone* const zone = sg4::create_full_zone("zone");
  std::vector<sg4::Host*> hosts;
  std::vector<sg4::Link*> links;
  for (std::size_t h = 0; h < kHosts; ++h) {
    const std::string name = "host" + std::to_string(h);
    hosts.push_back(zone->create_host(name, 1e9 * speed(h)));
    links.push_back(zone->create_link("link" + std::to_string(h), bandwidth(h)));
    links.back()->set_latency(1e-5 * static_cast<double>(1 + h % 5));
  }
  for (std::size_t a = 0; a < kHosts; ++a) {
    for (std::size_t b = a + 1; b < kHosts; ++b) {
      zone->add_route(hosts[a]->get_netpoint(), hosts[b]->get_netpoint(), nullptr, nullptr,
                      {sg4::LinkInRoute(links[a]), sg4::LinkInRoute(links[b])});
    }
  }
  zone->seal();
  return hosts;
}

void start_ranks(const std::vector<sg4::Host*>& hosts) {
  for (std::size_t h = 0; h < kHosts; ++h) {
    const sg4::ActorPtr actor = sg4::Actor::init("rank" + std::to_string(h), hosts[h]);
    actor->set_property("instance_id", "ranks");
    actor->set_property("rank", std::to_string(h));
    actor->start([] { run_rank(0, nullptr); });
  }
}

Cluster cluster() {
  Cluster result = testing::equal_devices(kHosts);
  for (std::size_t h = 0; h < kHosts; ++h) result.devices[h].speed = speed(h);
  return result;
}

void expect_the_bits_of_one_rank(PipelineFamily family, SendMode mode) {
  const TrainingModel model = testing::trainable(testing::mlp(2, 16, 24), OptimizerKind::kAdam);
  const auto plan = [&](const Cluster& devices) {
    return plan_pipeline(model.graph, kMicroBatches, devices, {.family = family})->pipeline;
  };
  const PipelineRecord one =
      testing::run_pipeline(model, plan(testing::equal_devices(1)), {.steps = 2});

  const Pipeline pipeline = plan(cluster());
  std::size_t working = 0;
  for (const PipelineRow& row : pipeline.rows) working += row.empty() ? 0 : 1;
  EXPECT_GE(working, kHosts / 2);
  job = {};
  job.model = &model;
  job.pipeline = &pipeline;
  job.mode = mode;
  job.record.planned.resize(kHosts);
  job.record.measured.resize(kHosts);

  int count = 1;
  std::string name = "pipeline";
  char* arguments[] = {name.data(), nullptr};
  sg4::Engine engine(&count, arguments);
  // What ops really take on this machine is none of the platform's business.
  sg4::Engine::set_config("smpi/simulate-computation:no");
  // Else each test that finds nothing makes the next one take longer, on all ranks.
  sg4::Engine::set_config("smpi/grow-injected-times:no");
  const std::vector<sg4::Host*> hosts = make_platform();
  SMPI_app_instance_register("ranks", run_rank, static_cast<int>(kHosts));
  SMPI_init();
  start_ranks(hosts);
  engine.run();
  SMPI_finalize();

  EXPECT_EQ(job.done, kHosts);
  EXPECT_EQ(job.record.measured, job.record.planned);
  EXPECT_EQ(testing::difference(one, job.record), "");
  // Nothing is measured here: the hosts, the links and the times are all simulated, by others.
  ASSERT_EQ(job.steps.size(), 2u);
  const auto ours = simulate(with_measured_seconds(pipeline, job.steps));
  ASSERT_TRUE(ours.has_value());
  const double theirs = job.steps.back().makespan.count();
  EXPECT_NEAR(ours->makespan.count(), theirs, 0.1 * theirs);
}

TEST(PipelineSmpi, OneForwardOneBackward) {
  expect_the_bits_of_one_rank(PipelineFamily::kOneForwardOneBackward, SendMode::kStandard);
}

TEST(PipelineSmpi, GPipeWithSynchronousSends) {
  expect_the_bits_of_one_rank(PipelineFamily::kGPipe, SendMode::kSynchronous);
}

TEST(PipelineSmpi, ZeroBubbleWithSynchronousSends) {
  expect_the_bits_of_one_rank(PipelineFamily::kZeroBubbleH1, SendMode::kSynchronous);
}

}  // namespace
}  // namespace rockmate
