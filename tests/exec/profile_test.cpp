// Profiles: each distinct op is measured once, and kept; what is kept is safe from whatever happens
// to its file.
#include "rockmate/profile.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "exec/cost_cache.h"
#include "exec/engine.h"
#include "exec/op_bench.h"
#include "graph/op_table.h"
#include "rockmate/executor.h"
#include "rockmate/graph_builder.h"
#include "support/files.h"
#include "support/small_models.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

constexpr auto kNap = std::chrono::milliseconds(2);

// The reference engine, but it counts runs by kinds of ops, and sleeps in every run of `slow`.
class CountingEngine : public Engine {
 public:
  explicit CountingEngine(std::optional<OpKind> slow = std::nullopt) : slow_(slow) {}
  [[nodiscard]] std::string_view name() const override { return "counting"; }
  [[nodiscard]] Bytes workspace(const KernelSpec& spec) const override {
    return inner_->workspace(spec) + Bytes(64);
  }
  [[nodiscard]] std::unique_ptr<PreparedKernel> prepare(const KernelSpec& spec) const override {
    return std::make_unique<Counting>(*this, spec.kernel.kind, inner_->prepare(spec));
  }
  mutable std::map<OpKind, int> runs;

 private:
  class Counting : public PreparedKernel {
   public:
    Counting(const CountingEngine& engine, OpKind kind, std::unique_ptr<PreparedKernel> inner)
        : engine_(engine), kind_(kind), inner_(std::move(inner)) {}
    void run(const Invocation& call) override {
      ++engine_.runs[kind_];
      if (kind_ == engine_.slow_) std::this_thread::sleep_for(kNap);
      inner_->run(call);
    }

   private:
    const CountingEngine& engine_;
    OpKind kind_;
    std::unique_ptr<PreparedKernel> inner_;
  };

  std::optional<OpKind> slow_;
  std::unique_ptr<Engine> inner_ = make_reference_engine(1);
};

TrainingModel model_of(const Graph& graph) {
  TrainingOptions options;
  options.workspace = engine_workspace("reference", 1);
  return make_training_model(graph, options);
}

class ProfileOfANet : public ::testing::Test {
 protected:
  [[nodiscard]] ProfileOptions options() const {
    return {
        .threads = 1, .cache = folder_.path() / "cache", .per_op = Seconds(0.001), .caches = 1_MiB};
  }
  [[nodiscard]] fs::path only_file() const {
    for (const auto& entry : fs::directory_iterator(folder_.path() / "cache")) {
      if (entry.path().extension() == ".json") return entry.path();
    }
    return {};
  }
  testing::TemporaryFolder folder_;
  const Graph graph_ = testing::mixed_net();
  const TrainingModel model_ = model_of(graph_);
};

TEST_F(ProfileOfANet, HasEveryOpOnceAndCountsIt) {
  const CountingEngine engine;
  const Profile found = profile(model_, engine, options());
  EXPECT_EQ(found.missing, 0u);
  std::size_t count = 0, views = 0;
  std::set<std::string> signatures;
  for (const OpProfile& op : found.ops) {
    count += op.count;
    EXPECT_TRUE(signatures.insert(op.signature).second) << op.signature;
    EXPECT_GT(op.cost.seconds, Seconds(0)) << op.signature;
    EXPECT_GE(op.cost.workspace, Bytes(64)) << "that of the engine";
    EXPECT_FALSE(op.was_known);
  }
  for (const Kernel& kernel : model_.kernels) views += definition(kernel.kind).is_view ? 1 : 0;
  EXPECT_EQ(count + views, model_.kernels.size());
  EXPECT_LT(found.ops.size(), model_.kernels.size());
}

// What it is for: the costs know every op of the same iteration.
TEST_F(ProfileOfANet, ItsCostsAreEnoughToPlanWith) {
  const CountingEngine engine(OpKind::kMaxPool);
  TrainingOptions measured;
  measured.workspace = engine_workspace("reference", 1);
  measured.costs = profile(model_, engine, options()).costs();
  const TrainingModel again = make_training_model(graph_, measured);
  ASSERT_EQ(again.graph.ops().size(), model_.graph.ops().size());
  for (std::size_t o = 0; o < again.kernels.size(); ++o) {
    if (again.kernels[OpId(o)].kind != OpKind::kMaxPool) continue;
    EXPECT_GE(again.graph[OpId(o)].seconds(), Seconds(0.002)) << "it sleeps as long";
  }
}

TEST_F(ProfileOfANet, WhatWasMeasuredIsKept) {
  const CountingEngine engine;
  const Profile first = profile(model_, engine, options());
  engine.runs.clear();
  const Profile second = profile(model_, engine, options());
  EXPECT_THAT(engine.runs, IsEmpty());
  ASSERT_EQ(second.ops.size(), first.ops.size());
  for (std::size_t i = 0; i < first.ops.size(); ++i) {
    EXPECT_TRUE(second.ops[i].was_known);
    EXPECT_EQ(second.ops[i].cost.seconds, first.ops[i].cost.seconds);
    EXPECT_EQ(second.ops[i].cost.workspace, first.ops[i].cost.workspace);
  }
  ProfileOptions again = options();
  again.again = true;
  static_cast<void>(profile(model_, engine, again));
  EXPECT_FALSE(engine.runs.empty());
  engine.runs.clear();
  ProfileOptions other = options();
  other.threads = 2;
  static_cast<void>(profile(model_, engine, other));
  EXPECT_FALSE(engine.runs.empty()) << "another number of threads";
}

TEST_F(ProfileOfANet, AStopKeepsWhatIsMeasured) {
  const CountingEngine engine;
  std::stop_source stop;
  ProfileOptions stopped = options();
  stopped.stop = stop.get_token();
  stopped.progress = [&](const ProfileProgress& progress) {
    EXPECT_LT(progress.done, progress.all);
    if (progress.done == 2) stop.request_stop();
  };
  const Profile some = profile(model_, engine, stopped);
  EXPECT_EQ(some.ops.size(), 3u);
  const Profile rest = profile(model_, engine, options());
  EXPECT_EQ(some.missing + some.ops.size(), rest.ops.size());
  EXPECT_EQ(rest.missing, 0u);
  const auto known = [](const OpProfile& op) { return op.was_known; };
  EXPECT_EQ(std::ranges::count_if(rest.ops, known), 3);
}

TEST_F(ProfileOfANet, ADamagedFileIsMeasuredAnew) {
  const CountingEngine engine;
  const Profile first = profile(model_, engine, options());
  const std::string good = testing::read_text(only_file());
  std::string other_machine = good;
  other_machine.replace(other_machine.find("\"device\": \"") + 11, 1, "?");
  std::string other_version = good;
  other_version.replace(other_version.find("costs/1"), 7, "costs/9");
  for (const std::string& bad : {good.substr(0, good.size() / 2), std::string(), std::string("{}"),
                                 other_machine, other_version}) {
    testing::write_text(only_file(), bad);
    engine.runs.clear();
    const Profile anew = profile(model_, engine, options());
    EXPECT_EQ(anew.ops.size(), first.ops.size());
    EXPECT_FALSE(engine.runs.empty());
    EXPECT_NE(testing::read_text(only_file()), bad) << "and mended";
  }
}

TEST_F(ProfileOfANet, AFolderThatCannotBeIsNoError) {
  const CountingEngine engine;
  ProfileOptions nowhere = options();
  nowhere.cache = "/proc/no/such";
  EXPECT_EQ(profile(model_, engine, nowhere).missing, 0u);
}

TEST(CostCache, ConcurrentWritersLoseNothing) {
  const testing::TemporaryFolder folder;
  constexpr int kWriters = 4, kEach = 12;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      const CostCache cache(folder.path(), "somewhere");
      for (int i = 0; i < kEach; ++i) {
        CostModel costs = CostModel::measured();
        costs.set(fmt::format("op {}", w * kEach + i), {Seconds(1), Bytes(w)});
        cache.add(costs);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const CostModel all = CostCache(folder.path(), "somewhere").read();
  EXPECT_EQ(all.measurements().size(), static_cast<std::size_t>(kWriters * kEach));
  EXPECT_THAT(CostCache(folder.path(), "elsewhere").read().measurements(), IsEmpty());
}

// Masks and whole numbers choose addresses: made-up ones would leave the tensors.
TEST(OpBench, RunsOpsThatReadWhatOthersMake) {
  for (const testing::NamedModel& named : testing::small_models()) {
    SCOPED_TRACE(named.name);
    const TrainingModel model = model_of(named.graph);
    const auto engine = make_engine("cpu", 2);
    OpBench bench(model, *engine, 2, 1_MiB);
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      if (definition(model.kernels[OpId(o)].kind).is_view) continue;
      EXPECT_GT(bench.measure(OpId(o), Seconds(1e-6)), Seconds(0));
    }
  }
}

}  // namespace
}  // namespace rockmate
