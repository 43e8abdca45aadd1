#include "exec/op_bench.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/check.h"
#include "exec/initial_values.h"
#include "exec/parallel.h"
#include "graph/op_table.h"

namespace rockmate {
namespace {

constexpr std::size_t kMostRuns = 31;
constexpr std::size_t kEnoughRuns = 3;
constexpr Seconds kEnoughTime{0.02};
constexpr std::size_t kLine = static_cast<std::size_t>(kAlignment.count());

// The caches that belong to one core alone.
Bytes private_cache() {
  const long known = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return Bytes(std::max(known, 1L << 20));
}

long interruptions() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

Seconds median(std::vector<Seconds> times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

template <class T>
void fill_numbers(std::span<std::byte> to, int threads) {
  constexpr std::size_t kPeriod = 4093;  // a prime: rows of tensors do not repeat
  auto* const data = reinterpret_cast<T*>(to.data());
  const auto count = static_cast<std::int64_t>(to.size() / sizeof(T));
  kernels::parallel_for(threads, count, kernels::kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t e = begin; e < end; ++e) {
      const auto turn = static_cast<std::size_t>(e) * 2654435761U % kPeriod;
      data[e] = static_cast<T>(0.25 + 0.5 * static_cast<double>(turn) / kPeriod);
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

OpBench::OpBench(const TrainingModel& model, const Engine& engine, int threads)
    : model_(model), engine_(engine), threads_(kernels::thread_count(threads)) {
  caches_ = Bytes(private_cache().count() * threads_);
}

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
  if (type.dtype == DType::kFloat32) return fill_numbers<float>(to, threads_);
  if (type.dtype == DType::kFloat64) return fill_numbers<double>(to, threads_);
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

// The inputs that the op before it has made, as positions among its inputs.
std::vector<std::size_t> OpBench::just_made(OpId op) const {
  std::size_t before = op.index();
  while (before > 0 && definition(model_.kernels[OpId(before - 1)].kind).is_view) --before;
  std::vector<std::size_t> found;
  if (before == 0) return found;
  const std::vector<ValueId>& inputs = model_.kernels[op].inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto maker = model_.graph[model_.graph[inputs[i]].storage].producer;
    if (maker == OpId(before - 1)) found.push_back(i);
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

Seconds OpBench::measure(OpId op, Seconds limit) {
  using Clock = std::chrono::steady_clock;
  const KernelSpec spec = kernel_spec(model_, op);
  const std::unique_ptr<PreparedKernel> kernel = engine_.prepare(spec);
  Tensors tensors(model_, op, engine_.workspace(spec));
  const auto size = static_cast<std::size_t>(std::max(tensors.bytes(), kAlignment).count());
  const auto wanted = static_cast<std::size_t>(caches_.count()) * 4 / size + 1;
  const std::size_t copies = std::clamp<std::size_t>(wanted, 1, kMostRuns);
  const std::span<std::byte> all = memory(Bytes(static_cast<std::int64_t>(copies * size)));
  const auto copy = [&](std::size_t run) { return all.subspan(run % copies * size, size); };
  for (std::size_t c = 0; c < copies; ++c) {
    for (const ValueId v : spec.kernel.inputs) fill(v, tensors.of(v, copy(c)));
  }

  const std::vector<std::size_t> hot = just_made(op);
  std::vector<Seconds> times, undisturbed;
  Seconds sum;
  for (std::size_t run = 0; run <= kMostRuns; ++run) {
    for (const std::size_t i : hot) touch(tensors.of(spec.kernel.inputs[i], copy(run)));
    const long before = interruptions();
    const auto start = Clock::now();
    tensors.run(*kernel, copy(run));
    const Seconds taken(std::chrono::duration<double>(Clock::now() - start).count());
    sum += taken;
    if (run == 0 && sum < limit) continue;  // the code and its tables were cold
    times.push_back(taken);
    if (interruptions() == before) undisturbed.push_back(taken);
    const bool is_enough = undisturbed.size() >= kEnoughRuns && sum >= kEnoughTime;
    if (is_enough || sum >= limit) break;
  }
  return median(undisturbed.size() >= kEnoughRuns ? undisturbed : times);
}

}  // namespace rockmate
