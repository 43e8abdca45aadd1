// Where does a training step go, or a forward pass? Runs the plain iteration of an ONNX model, as
// `rockmate train` or `run` would, and prints the seconds of each kind of op, with the memory
// format of its first input, and the slowest ops. Times are medians over the steps; an op is timed
// from the end of the one before it. With one thread they are processor time, which other processes
// disturb less than the time on the wall.
//
//   step_profile_benchmark MODEL.onnx [--batch N] [--engine cpu] [--steps 5] [--threads N]
//                          [--forward] [--no-fuse]

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <time.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "rockmate/executor.h"
#include "rockmate/onnx.h"
#include "rockmate/plan.h"

namespace rockmate {
namespace {

struct Flags {
  std::string model;
  std::int64_t batch = 8;
  std::string engine = "cpu";
  int steps = 5;
  int threads = 0;
  std::size_t slowest = 15;
  bool forward = false;
  bool apart = false;
};

double now(const Flags& flags) {
  timespec time = {};
  clock_gettime(flags.threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double median(std::vector<double> times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

// Per op, its seconds in each step.
using Times = std::map<OpId, std::vector<double>>;

Times measure(const TrainingModel& model, const Flags& flags) {
  const auto plain = plan(model.graph, Bytes(std::int64_t{1} << 60), {.planner = Planner::kPlain});
  Executor executor(model, plain.value(), {.engine = flags.engine, .threads = flags.threads});
  executor.step();
  for (const Source& source : model.sources) {  // data that need not be made up again
    if (!source.is_given) continue;
    const std::string& name = model.graph[source.value].name;
    const auto drawn = executor.bytes(name);
    executor.set(name, std::vector<std::byte>(drawn.begin(), drawn.end()));
  }
  Times times;
  std::optional<OpId> current;
  double last = 0;
  executor.observe([&](const Observation& seen) {
    if (current == seen.op) return;  // another output of the same run
    current = seen.op;
    const double end = now(flags);
    times[seen.op].push_back(end - last);
    last = end;
  });
  for (int step = 0; step < flags.steps; ++step) {
    last = now(flags);
    executor.step();
  }
  return times;
}

void run(const Flags& flags) {
  TrainingOptions options;
  options.costs = CostModel::analytic("cpu");
  aim_at_engine(options, flags.engine, flags.threads);
  if (flags.apart) options.fuse = false;
  OnnxOptions import{.batch = flags.batch};
  if (flags.forward) import.loss = OnnxLoss::kNone;
  const Graph graph = import_onnx(flags.model, import);
  const TrainingModel model =
      flags.forward ? make_inference_model(graph, options) : make_training_model(graph, options);
  struct Row {
    double seconds = 0;
    int count = 0;
  };
  std::map<std::string, Row> kinds;
  std::vector<std::pair<double, std::string>> ops;
  double total = 0;
  for (const auto& [op, times] : measure(model, flags)) {
    const Kernel& kernel = model.kernels[op];
    const double seconds = median(times);
    const bool is_last = !kernel.inputs.empty() &&
                         model.types[kernel.inputs[0]].format == MemoryFormat::kChannelsLast;
    Row& row = kinds[fmt::format("{}{}", to_string(kernel.kind), is_last ? "@" : "")];
    row.seconds += seconds;
    ++row.count;
    total += seconds;
    ops.emplace_back(seconds, signature(model, op));
  }
  std::vector<std::pair<std::string, Row>> sorted(kinds.begin(), kinds.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  fmt::print("{}: {:.1f} ms\n\n| kind (@: channels last) | ops | ms | share |\n|---|---|---|---|\n",
             flags.model, total * 1e3);
  for (const auto& [kind, row] : sorted) {
    fmt::print("| {} | {} | {:.2f} | {:.1f} % |\n", kind, row.count, row.seconds * 1e3,
               row.seconds / total * 100);
  }
  std::sort(ops.rbegin(), ops.rend());
  fmt::print("\n");
  for (std::size_t i = 0; i < std::min(flags.slowest, ops.size()); ++i) {
    fmt::print("{:8.2f} ms  {}\n", ops[i].first * 1e3, ops[i].second);
  }
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  rockmate::Flags flags;
  CLI::App app("Where does a training step go?");
  app.add_option("model", flags.model)->required();
  app.add_option("--batch", flags.batch)->capture_default_str();
  app.add_option("--engine", flags.engine)->capture_default_str();
  app.add_option("--steps", flags.steps)->capture_default_str();
  app.add_option("--threads", flags.threads)->capture_default_str();
  app.add_flag("--forward", flags.forward, "a forward pass instead of a training step");
  app.add_flag("--no-fuse", flags.apart, "each op on its own");
  app.add_option("--slowest", flags.slowest, "ops to list")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    rockmate::run(flags);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
