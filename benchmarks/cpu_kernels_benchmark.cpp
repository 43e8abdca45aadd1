// How near the memory bandwidth do the cpu engine's kernels come? Each kernel that the training of
// a small model needs, on images as nets have them (channels last) or on rows, beside the reference
// engine on the same shapes (in rows) and the triad a = b + s c of the machine, all in one run. The
// results of both engines are compared before anything is timed. The table is Markdown; GB/s count
// every input and output once.
//
//   cpu_kernels_benchmark [--threads N] [--seconds S] [--only SUBSTRING]

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "exec/engine.h"
#include "exec/parallel.h"
#include "rockmate/error.h"
#include "rockmate/graph_builder.h"
#include "rockmate/training_model.h"

namespace rockmate {
namespace {

using Clock = std::chrono::steady_clock;

struct Flags {
  int threads = 0;
  double seconds = 0.3;  // per kernel and engine
  std::string only;
};

// The least of as many runs as fit into the time, at least five, after one that warms up: what else
// the machine does can only add to it.
double least_seconds(double seconds, const std::function<void()>& run) {
  run();
  double least = std::numeric_limits<double>::infinity();
  const auto start = Clock::now();
  for (int i = 0; i < 5 || std::chrono::duration<double>(Clock::now() - start).count() < seconds;
       ++i) {
    const auto begin = Clock::now();
    run();
    least = std::min(least, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return least;
}

double triad_bandwidth(const Flags& flags) {
  const std::int64_t count = 2 << 20;  // 24 MiB in all, as much as the larger kernels here touch
  std::vector<float> a(static_cast<std::size_t>(count)), b(a), c(a);
  const double seconds = least_seconds(flags.seconds, [&] {
    kernels::parallel_for(flags.threads, count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        a[i] = b[i] + 3 * c[i];
      }
    });
  });
  return 12.0 * static_cast<double>(count) / seconds;
}

// A kernel with memory of its own.
class Case {
 public:
  Case(const Engine& engine, KernelSpec spec)
      : spec_(std::move(spec)), kernel_(engine.prepare(spec_)) {
    for (const auto* types : {&spec_.inputs, &spec_.outputs}) {
      for (const TensorType& type : *types) {
        buffers_.push_back(make(type.bytes()));
        traffic_ += type.bytes();
      }
    }
    workspace_ = make(engine.workspace(spec_));
  }
  void fill(std::size_t input, const std::vector<float>& numbers) {
    std::memcpy(data(input), numbers.data(), numbers.size() * sizeof(float));
  }
  void run() {
    std::vector<TensorRef> inputs, outputs;
    for (std::size_t i = 0; i < spec_.inputs.size(); ++i)
      inputs.push_back({data(i), &spec_.inputs[i]});
    for (std::size_t o = 0; o < spec_.outputs.size(); ++o) {
      outputs.push_back({data(spec_.inputs.size() + o), &spec_.outputs[o]});
    }
    kernel_->run({inputs, outputs, {aligned_data(workspace_), workspace_.size() - 64}, 1, 0});
  }
  [[nodiscard]] const TensorType& output(std::size_t o) const { return spec_.outputs[o]; }
  [[nodiscard]] const float* floats(std::size_t o) {
    return reinterpret_cast<const float*>(data(spec_.inputs.size() + o));
  }
  [[nodiscard]] double traffic() const { return static_cast<double>(traffic_.count()); }

 private:
  using Buffer = std::vector<std::byte>;
  static Buffer make(Bytes bytes) { return Buffer(static_cast<std::size_t>(bytes.count()) + 64); }
  static std::byte* aligned_data(Buffer& buffer) {
    const auto address = reinterpret_cast<std::uintptr_t>(buffer.data());
    return buffer.data() + (64 - address % 64) % 64;
  }
  std::byte* data(std::size_t i) { return aligned_data(buffers_[i]); }

  KernelSpec spec_;
  std::unique_ptr<PreparedKernel> kernel_;
  std::vector<Buffer> buffers_;
  Buffer workspace_;
  Bytes traffic_;
};

std::vector<float> draw(std::int64_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform(0.5f, 2.0f);
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (float& each : numbers) each = uniform(random);
  return numbers;
}

std::vector<float> channels_last(const std::vector<float>& rows, const Shape& shape) {
  std::vector<float> result(rows.size());
  const auto channels = static_cast<std::size_t>(shape[1]);
  const auto pixels = static_cast<std::size_t>(shape[2] * shape[3]);
  for (std::size_t e = 0; e < rows.size(); ++e) {
    result[(e / pixels / channels * pixels + e % pixels) * channels + e / pixels % channels] =
        rows[e];
  }
  return result;
}

bool is_image(const KernelSpec& spec, bool is_input, std::size_t i) {
  using enum OpKind;
  const OpKind kind = spec.kernel.kind;
  if (is_input && i == 1 && (kind == kConv || kind == kConvTranspose)) return false;
  if (!is_input && kind == kConvWeightGradient) return false;
  return (is_input ? spec.inputs : spec.outputs)[i].shape.size() == 4;
}

// The largest difference of the first output, relative to its largest element.
double difference(Case& found, Case& expected) {
  const TensorType& type = expected.output(0);
  const auto count = static_cast<std::size_t>(element_count(type.shape));
  std::vector<float> rows(expected.floats(0), expected.floats(0) + count);
  if (found.output(0).format == MemoryFormat::kChannelsLast) rows = channels_last(rows, type.shape);
  double largest = 1e-30, distance = 0;
  for (std::size_t e = 0; e < count; ++e) {
    largest = std::max(largest, std::abs(static_cast<double>(rows[e])));
    distance = std::max(
        distance, std::abs(static_cast<double>(rows[e]) - static_cast<double>(found.floats(0)[e])));
  }
  return distance / largest;
}

void compare(const TrainingModel& model, OpId op, const Flags& flags, double triad) {
  const auto reference = make_reference_engine(flags.threads);
  const auto cpu = make_cpu_engine(flags.threads);
  const KernelSpec rows = kernel_spec(model, op);
  KernelSpec last = rows;
  for (std::size_t i = 0; i < last.inputs.size(); ++i) {
    if (is_image(rows, true, i)) last.inputs[i].format = MemoryFormat::kChannelsLast;
  }
  for (std::size_t o = 0; o < last.outputs.size(); ++o) {
    if (is_image(rows, false, o)) last.outputs[o].format = MemoryFormat::kChannelsLast;
  }
  const std::string name = signature(model, op);
  if (name.find(flags.only) == std::string::npos) return;
  try {
    Case slow(*reference, rows);
    Case fast(*cpu, last);
    for (std::size_t i = 0; i < rows.inputs.size(); ++i) {
      const TensorType& type = rows.inputs[i];
      if (type.dtype != DType::kFloat32) continue;
      const auto numbers = draw(element_count(type.shape), i);
      slow.fill(i, numbers);
      const bool is_last = last.inputs[i].format == MemoryFormat::kChannelsLast;
      fast.fill(i, is_last ? channels_last(numbers, type.shape) : numbers);
    }
    slow.run();
    fast.run();
    const double apart = rows.outputs.empty() || rows.outputs[0].dtype != DType::kFloat32
                             ? 0
                             : difference(fast, slow);
    if (apart > 1e-5) throw InternalError(fmt::format("{}: results differ by {}", name, apart));
    const double slow_seconds = least_seconds(0, [&] { slow.run(); });
    const double seconds = least_seconds(flags.seconds, [&] { fast.run(); });
    const double bandwidth = fast.traffic() / seconds;
    fmt::print("| {:.90} | {:.3f} | {:.1f} | {:.2f} | {:.1f} |\n", name, seconds * 1e3,
               bandwidth / 1e9, bandwidth / triad, slow_seconds / seconds);
  } catch (const InvalidInput& error) {
    fmt::print("| {:.90} | none |\n", name);
  }
}

std::vector<TrainingModel> models() {
  const auto model = [](const std::function<TensorId(GraphBuilder&)>& add) {
    GraphBuilder b("kernels");
    const TensorId y = add(b);
    const TensorId target = b.input("target", Shape(b.shape(y)));
    b.loss(b.mse(y, target));
    TrainingOptions options;
    options.optimizer = OptimizerKind::kAdam;
    return make_training_model(std::move(b).build(), options);
  };
  std::vector<TrainingModel> list;
  for (const Shape& x : {Shape{16, 24, 112, 112}, Shape{8, 64, 56, 56}, Shape{8, 512, 14, 14}}) {
    list.push_back(model([&](GraphBuilder& b) {
      TensorId y = b.parameter("x", x);
      y = b.relu(b.batch_norm(y));
      ConvOptions options{.stride = {1}, .padding = {1}, .dilation = {1}};
      options.groups = x[1];
      options.bias = false;
      y = b.conv(y, x[1], {3}, options);
      options.padding = {2};
      options.stride = {2};
      y = b.conv(y, x[1], {5}, options);
      const TensorId z = b.clip(b.add(y, b.relu(y)), 0, 6);
      y = b.max_pool(b.concat({z, y}, 1), {3}, {.stride = {2}, .padding = {1}, .dilation = {1}});
      return b.reduce_mean(b.average_pool(y, {2}), {2, 3});
    }));
  }
  list.push_back(model([&](GraphBuilder& b) {
    TensorId x = b.parameter("x", {512, 3072});
    x = b.gelu(b.layer_norm(x), true);
    x = b.dropout(b.add(x, b.parameter("bias", {3072})), 0.1);
    return b.softmax(x);
  }));
  return list;
}

void run(Flags flags) {
  flags.threads = kernels::thread_count(flags.threads);
  const double triad = triad_bandwidth(flags);
  fmt::print("{} threads; triad {:.1f} GB/s\n\n", flags.threads, triad / 1e9);
  fmt::print(
      "| kernel | ms | GB/s | of the triad | times the reference |\n|---|---|---|---|---|\n");
  for (const TrainingModel& model : models()) {
    for (std::size_t o = 0; o < model.kernels.size(); ++o) compare(model, OpId(o), flags, triad);
  }
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  rockmate::Flags flags;
  CLI::App app("The cpu engine's kernels beside the memory bandwidth");
  app.add_option("--threads", flags.threads, "0: all cores");
  app.add_option("--seconds", flags.seconds, "per kernel");
  app.add_option("--only", flags.only, "kernels whose signature contains it");
  CLI11_PARSE(app, argc, argv);
  rockmate::run(flags);
  return 0;
}
