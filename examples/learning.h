// What the examples that learn have in common: the same network is trained twice side by side, with
// all the memory that it takes and within a third of it, and judged before and after.
#pragma once

#include <rockmate/rockmate.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>

namespace learning {

struct Task {
  rockmate::Graph network;      ///< reads "input" and "target"; its output are scores
  rockmate::TensorType input;   ///< of one sample
  rockmate::TensorType target;  ///< of one sample; below 0: does not count
  std::int64_t batch = 32;
  std::uint64_t steps = 100;
  double rate = 1e-3;
};

inline rockmate::Loader load(const Task& task, const std::filesystem::path& folder,
                             const std::string& extension, bool shuffle) {
  std::vector<rockmate::Feed> feeds;
  feeds.push_back({"input", rockmate::open_samples(folder / ("input" + extension), task.input)});
  feeds.push_back({"target", rockmate::open_samples(folder / ("target" + extension), task.target)});
  return {std::move(feeds), {.batch = task.batch, .shuffle = shuffle, .seed = 1}};
}

inline void feed(rockmate::Executor& executor, const std::vector<rockmate::BatchPart>& batch) {
  for (const rockmate::BatchPart& part : batch) executor.set(part.input, part.bytes);
}

// The share of targets that the network tells right.
inline double accuracy(rockmate::Executor& executor, rockmate::Evaluator& evaluator,
                       const rockmate::TrainingModel& evaluation, rockmate::Loader& data) {
  const rockmate::ValueId output = evaluation.outputs.front();
  const auto classes = static_cast<std::size_t>(evaluation.types[output].shape.back());
  std::size_t right = 0, counted = 0;
  for (std::int64_t b = 0; b < data.batches_per_epoch(); ++b) {
    feed(executor, data.batch(static_cast<std::uint64_t>(b)));
    static_cast<void>(evaluator.run());
    const auto* scores = reinterpret_cast<const float*>(evaluator.bytes(output).data());
    const auto targets = executor.values<std::int64_t>("target");
    for (std::size_t t = 0; t < targets.size(); ++t) {
      if (targets[t] < 0) continue;
      const float* row = scores + t * classes;
      right += std::max_element(row, row + classes) - row == targets[t] ? 1 : 0;
      ++counted;
    }
  }
  return static_cast<double>(right) / static_cast<double>(counted);
}

// 0 where the network learned and both runs had the same losses, bit for bit.
inline int learn(const Task& task, const std::filesystem::path& data,
                 const std::string& extension) {
  rockmate::TrainingOptions options;
  options.optimizer = rockmate::OptimizerKind::kAdam;
  options.learning_rate = task.rate;
  options.clip_norm = 1;
  options.workspace = rockmate::engine_workspace("reference", 1);
  const auto model = rockmate::make_training_model(task.network, options);
  const auto evaluation = rockmate::make_evaluation_model(task.network, options);

  const auto whole = rockmate::plan(model.graph, rockmate::Budget::share(1)).value();
  const rockmate::Bytes third(whole.needed().count() / 3);
  const auto plan = rockmate::plan(model.graph, third, {.work_limit = 2000});
  if (!plan) {
    std::cerr << plan.error() << "\n";
    return 1;
  }
  rockmate::Executor rich(model, whole, {.threads = 1, .seed = 1}),
      poor(model, *plan, {.threads = 1, .seed = 1});
  std::cout << "memory " << rich.planned() << " and " << poor.planned() << "\n";

  const auto room = rockmate::Evaluator::budget(poor, evaluation);
  const auto judging = rockmate::plan(evaluation.graph, room).value();
  rockmate::Evaluator evaluator(poor, evaluation, judging);
  auto train = load(task, data / "train", extension, true);
  auto test = load(task, data / "test", extension, false);
  std::cout << "before: " << accuracy(poor, evaluator, evaluation, test) << " right\n";
  const auto schedule = rockmate::RateSchedule::parse("cosine:" + std::to_string(task.steps), 5);
  for (std::uint64_t step = 0; step < task.steps; ++step) {
    const auto& batch = train.batch(step);
    double losses[2] = {};
    for (auto* executor : {&rich, &poor}) {
      feed(*executor, batch);
      executor->set_rate(schedule.factor(step));
      losses[executor == &poor] = executor->step().loss;
    }
    if (losses[0] != losses[1]) return 1;
    if (step % 20 == 0) std::cout << "step " << step << ": loss " << losses[1] << "\n";
  }
  const double right = accuracy(poor, evaluator, evaluation, test);
  std::cout << "after: " << right << " right\n";
  return right > 0.9 ? 0 : 1;
}

}  // namespace learning
