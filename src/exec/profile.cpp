#include "rockmate/profile.h"

#include <fmt/format.h>

#include <unordered_map>

#include "exec/cache_bench.h"
#include "exec/computer.h"
#include "exec/cost_cache.h"
#include "exec/op_bench.h"
#include "exec/parallel.h"
#include "graph/op_table.h"

namespace rockmate {
namespace {

// What is measured goes to the disk after so many ops, for whoever kills us.
constexpr std::size_t kKeepAfter = 32;

struct DistinctOp {
  OpId first;
  OpProfile profile;
  bool has_cost = false;
};

Work work_of_op(const TrainingModel& model, OpId op) {
  const KernelSpec spec = kernel_spec(model, op);
  OpView view{spec.op, spec.kernel.kind, spec.kernel.attributes, {}};
  for (const TensorType& type : spec.inputs) view.inputs.push_back(&type);
  return work_of(view, spec.outputs);
}

// Those that run: views cost nothing.
std::vector<DistinctOp> distinct_ops(const TrainingModel& model) {
  std::vector<DistinctOp> found;
  std::unordered_map<std::string, std::size_t> position;
  for (std::size_t o = 0; o < model.kernels.size(); ++o) {
    const OpId op(o);
    const OpKind kind = model.kernels[op].kind;
    if (definition(kind).is_view) continue;
    std::string key = signature(model, op);
    const auto [at, is_new] = position.emplace(std::move(key), found.size());
    if (is_new) found.push_back({op, {at->first, kind, 0, work_of_op(model, op), {}}});
    ++found[at->second].profile.count;
  }
  return found;
}

class Profiler {
 public:
  Profiler(const TrainingModel& model, const Engine& engine, const ProfileOptions& options)
      : model_(model),
        engine_(engine),
        options_(options),
        bench_(model, engine, options.threads, options.caches),
        where_(fmt::format("{}; engine {}, {} threads", describe_computer(), engine.name(),
                           kernels::thread_count(options.threads))),
        cache_(options.cache, where_) {}

  Profile run() && {
    std::vector<DistinctOp> ops = distinct_ops(model_);
    std::vector<DistinctOp*> unknown;
    const CostModel known = cache_.read();
    for (DistinctOp& op : ops) {
      const auto found = known.measurements().find(op.profile.signature);
      if (found == known.measurements().end() || options_.again) {
        unknown.push_back(&op);
        continue;
      }
      op.profile.cost = found->second;
      op.profile.was_known = op.has_cost = true;
    }
    caches_ = known.caches();
    if (!caches_ || options_.again) caches_ = measure_caches(options_.threads, options_.caches);
    measure(unknown);
    Profile profile{.where = where_, .caches = caches_};
    for (DistinctOp& op : ops) {
      op.has_cost ? profile.ops.push_back(std::move(op.profile)) : void(++profile.missing);
    }
    return profile;
  }

 private:
  // As many as there are before the stop.
  void measure(const std::vector<DistinctOp*>& ops) {
    for (std::size_t done = 0; done < ops.size() && !options_.stop.stop_requested(); ++done) {
      DistinctOp& op = *ops[done];
      if (options_.progress) options_.progress({done, ops.size(), op.profile.signature});
      const Bytes workspace = engine_.workspace(kernel_spec(model_, op.first));
      op.profile.cost = {bench_.measure(op.first, options_.per_op), workspace};
      op.profile.cost.cached =
          std::min(bench_.measure_cached(op.first, options_.per_op), op.profile.cost.seconds);
      op.has_cost = true;
      fresh_.set(op.profile.signature, op.profile.cost);
      if (fresh_.measurements().size() >= kKeepAfter) keep();
    }
    keep();
  }

  void keep() {
    cache_.add(fresh_.set_caches(*caches_));
    fresh_ = CostModel::measured();
  }

  const TrainingModel& model_;
  const Engine& engine_;
  const ProfileOptions& options_;
  OpBench bench_;
  std::string where_;
  CostCache cache_;
  CostModel fresh_ = CostModel::measured();  // that the cache does not have yet
  std::optional<Bytes> caches_;
};

}  // namespace

CostModel Profile::costs() const {
  CostModel costs = CostModel::measured();
  costs.describe(where);
  if (caches) costs.set_caches(*caches);
  for (const OpProfile& op : ops) costs.set(op.signature, op.cost);
  return costs;
}

Profile profile(const TrainingModel& model, const ProfileOptions& options) {
  return profile(model, *make_engine(options.engine, options.threads), options);
}

Profile profile(const TrainingModel& model, const Engine& engine, const ProfileOptions& options) {
  return Profiler(model, engine, options).run();
}

}  // namespace rockmate
