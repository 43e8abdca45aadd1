#include "exec/op_bench.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "exec/initial_values.h"
#include "exec/parallel.h"
#include "exec/run_delay.h"
#include "graph/op_table.h"

namespace rockmate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostRuns = 15;
constexpr std::size_t kEnoughRuns = 3;
constexpr Seconds kEnoughTime{0.02};
constexpr double kDisturbance = 0.02;  // the share of a run for which threads may lack a core
constexpr std::size_t kLine = static_cast<std::size_t>(kAlignment.count());

Seconds median(std::vector<Seconds> times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

// SplitMix64's finaliser: numbers that no branch predictor learns.
std::uint64_t scrambled(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
  bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
  return bits ^ (bits >> 31);
}

// Between `low` and 1.
template <class T>
void fill_numbers(std::span<std::byte> to, double low, int threads) {
  auto* const data = reinterpret_cast<T*>(to.data());
  const auto count = static_cast<std::int64_t>(to.size() / sizeof(T));
  kernels::parallel_for(threads, count, kernels::kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t e = begin; e < end; ++e) {
      const std::uint64_t bits = scrambled(static_cast<std::uint64_t>(e) * 0x9E3779B97F4A7C15);
      const double share = static_cast<double>(bits >> 40) * 0x1p-24;
      data[e] = static_cast<T>(low + (1 - low) * share);
    }
  });
}

}  // namespace

// The tensors of one op side by side, and a call with them wherever they are put.
class OpBench::Tensors {
 public:
  Tensors(const TrainingModel& model, OpId op, Bytes workspace)
      : model_(model), kernel_(model.kernels[op]), workspace_(workspace) {
    for (const ValueId v : kernel_.inputs) add(v);
    for (const ValueId v : kernel_.outputs) add(v);
  }

  [[nodiscard]] Bytes bytes() const { return end_ + aligned(workspace_); }
  [[nodiscard]] std::span<std::byte> of(ValueId v, std::span<std::byte> memory) const {
    return memory.subspan(static_cast<std::size_t>(offset_.at(v).count()),
                          static_cast<std::size_t>(model_.types[v].bytes().count()));
  }

  void run(PreparedKernel& kernel, std::span<std::byte> memory) {
    inputs_.clear();
    outputs_.clear();
    for (const ValueId v : kernel_.inputs) inputs_.push_back(tensor(v, memory));
    for (const ValueId v : kernel_.outputs) outputs_.push_back(tensor(v, memory));
    kernel.run({inputs_, outputs_,
                memory.subspan(static_cast<std::size_t>(end_.count()),
                               static_cast<std::size_t>(workspace_.count()))});
  }

 private:
  void add(ValueId v) {
    if (offset_.emplace(v, end_).second) end_ += aligned(model_.types[v].bytes());
  }
  TensorRef tensor(ValueId v, std::span<std::byte> memory) const {
    return {of(v, memory).data(), &model_.types[v]};
  }

  const TrainingModel& model_;
  const Kernel& kernel_;
  Bytes workspace_;
  Bytes end_;
  std::map<ValueId, Bytes> offset_;
  std::vector<TensorRef> inputs_, outputs_;
};

OpBench::OpBench(const TrainingModel& model, const Engine& engine, int threads, Bytes caches)
    : model_(model),
      engine_(engine),
      threads_(kernels::thread_count(threads)),
      other_(aligned(caches)) {}

OpBench::~OpBench() = default;

std::span<std::byte> OpBench::memory(Bytes bytes) {
  if (!arena_ || Bytes(static_cast<std::int64_t>(arena_->bytes().size())) < bytes) {
    arena_.reset();
    arena_ = std::make_unique<Arena>(bytes);
  }
  return arena_->bytes();
}

void OpBench::fill(ValueId value, std::span<std::byte> to) {
  const TensorType& type = model_.types[value];
  const ValueKind kind = model_.graph[value].kind;
  const bool is_positive = kind == ValueKind::kStatistics || kind == ValueKind::kOptimizerState;
  const double low = is_positive ? 0.25 : -1;
  if (type.dtype == DType::kFloat32) return fill_numbers<float>(to, low, threads_);
  if (type.dtype == DType::kFloat64) return fill_numbers<double>(to, low, threads_);
  const auto whole = made(value);
  ROCKMATE_CHECK(whole.size() == to.size());
  std::copy(whole.begin(), whole.end(), to.begin());
}

// Kept, because several ops may read it, and its maker may need others.
std::span<const std::byte> OpBench::made(ValueId value) {
  if (const auto found = made_.find(value); found != made_.end()) return found->second;
  std::vector<std::byte> bytes(static_cast<std::size_t>(model_.types[value].bytes().count()));
  if (const auto op = model_.graph[value].producer) {
    const Kernel& kernel = model_.kernels[*op];
    if (definition(kernel.kind).is_view) {
      const auto viewed = made(kernel.inputs.front());
      std::copy_n(viewed.begin(), bytes.size(), bytes.begin());
    } else {
      const KernelSpec spec = kernel_spec(model_, *op);
      Tensors tensors(model_, *op, engine_.workspace(spec));
      const Arena arena(aligned(tensors.bytes()));
      for (const ValueId v : kernel.inputs) fill(v, tensors.of(v, arena.bytes()));
      tensors.run(*engine_.prepare(spec), arena.bytes());
      std::ranges::copy(tensors.of(value, arena.bytes()), bytes.begin());
    }
  } else {
    const auto is_it = [&](const Source& source) { return source.value == value; };
    const auto source = std::ranges::find_if(model_.sources, is_it);
    ROCKMATE_CHECK(source != model_.sources.end());
    const auto position = static_cast<std::size_t>(source - model_.sources.begin());
    const SourceMemory target{*source, position, model_.types[value], bytes};
    source->is_given ? write_synthetic_data(target, 0, 0, threads_)
                     : write_initial_values(target, 0, threads_);
  }
  return made_.emplace(value, std::move(bytes)).first->second;
}

// The inputs that the op before it has made.
std::vector<ValueId> OpBench::just_made(OpId op) const {
  std::size_t before = op.index();
  while (before > 0 && definition(model_.kernels[OpId(before - 1)].kind).is_view) --before;
  std::vector<ValueId> found;
  if (before == 0) return found;
  for (const ValueId input : model_.kernels[op].inputs) {
    const auto maker = model_.graph[model_.graph[input].storage].producer;
    if (maker == OpId(before - 1)) found.push_back(input);
  }
  return found;
}

// Leaves the bytes as they are, but written by the threads that an op before would have used.
void OpBench::touch(std::span<std::byte> bytes) const {
  const auto lines = static_cast<std::int64_t>(bytes.size() / kLine);
  constexpr std::int64_t kLinesOfGrain = kernels::kGrain * 4 / static_cast<std::int64_t>(kLine);
  kernels::parallel_for(threads_, lines, kLinesOfGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      volatile std::byte* const at = bytes.data() + static_cast<std::size_t>(line) * kLine;
      *at = *at;
    }
  });
}

// An op, prepared, and so many copies of its tensors.
class OpBench::Bed {
 public:
  Bed(OpBench& bench, OpId op, const KernelSpec& spec, Bytes at_least)
      : kernel_(bench.engine_.prepare(spec)),
        tensors_(bench.model_, op, bench.engine_.workspace(spec)),
        size_(static_cast<std::size_t>(std::max(tensors_.bytes(), kAlignment).count())) {
    const auto wanted = static_cast<std::size_t>(at_least.count()) / size_ + 1;
    copies_ = at_least > Bytes() ? std::clamp<std::size_t>(wanted, 2, kMostRuns + 1) : 1;
    all_ = bench.memory(Bytes(static_cast<std::int64_t>(copies_ * size_)));
    for (const ValueId v : spec.kernel.inputs) bench.fill(v, tensors_.of(v, copy(0)));
    for (std::size_t c = 1; c < copies_; ++c) std::ranges::copy(copy(0), copy(c).begin());
    run(0);  // does not count: the code and its tables are cold
  }

  void run(std::size_t c) { tensors_.run(*kernel_, copy(c)); }
  [[nodiscard]] std::span<std::byte> of(ValueId v, std::size_t c) const {
    return tensors_.of(v, copy(c));
  }

 private:
  [[nodiscard]] std::span<std::byte> copy(std::size_t c) const {
    return all_.subspan(c % copies_ * size_, size_);
  }

  std::unique_ptr<PreparedKernel> kernel_;
  Tensors tensors_;
  std::size_t size_, copies_;
  std::span<std::byte> all_;
};

Seconds OpBench::measure(OpId op, Seconds limit) {
  Bed bed(*this, op, kernel_spec(model_, op),
          Bytes(static_cast<std::int64_t>(other_.bytes().size())));
  touch(other_.bytes());
  const std::vector<ValueId> hot = just_made(op);
  return measure_runs(limit, [&](std::size_t run) {
    for (const ValueId v : hot) touch(bed.of(v, run + 1));
    const auto start = Clock::now();
    bed.run(run + 1);
    return Seconds(std::chrono::duration<double>(Clock::now() - start).count());
  });
}

Seconds OpBench::measure_cached(OpId op, Seconds limit) {
  Bed bed(*this, op, kernel_spec(model_, op), Bytes());
  return measure_runs(limit, [&](std::size_t) {
    const auto start = Clock::now();
    bed.run(0);
    return Seconds(std::chrono::duration<double>(Clock::now() - start).count());
  });
}

// Whatever disturbs a run only makes it longer: where few are undisturbed, the shortest of all is
// nearest to the truth.
Seconds OpBench::measure_runs(Seconds limit, const std::function<Seconds(std::size_t)>& run) {
  const RunDelay delay;
  std::vector<Seconds> undisturbed;
  Seconds sum, shortest = run(0);
  sum += shortest;
  for (std::size_t r = 1; r < kMostRuns && sum < limit; ++r) {
    const Seconds before = delay.total();
    const Seconds taken = run(r);
    const Seconds waited = delay.total() - before;
    sum += taken;
    shortest = std::min(shortest, taken);
    if (waited.count() <= kDisturbance * taken.count()) undisturbed.push_back(taken);
    if (undisturbed.size() >= kEnoughRuns && sum >= kEnoughTime) break;
  }
  return undisturbed.size() >= kEnoughRuns ? median(std::move(undisturbed)) : shortest;
}

}  // namespace rockmate
