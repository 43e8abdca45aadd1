#include "cli/inference.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/shown.h"
#include "cli/batches.h"
#include "cli/console.h"
#include "cli/progress_line.h"
#include "rockmate/checkpoint.h"
#include "rockmate/error.h"

namespace rockmate::cli {
namespace {

std::vector<const Source*> data_of(const TrainingModel& model) {
  std::vector<const Source*> given;
  for (const Source& source : model.sources) {
    if (source.is_given) given.push_back(&source);
  }
  return given;
}

// The file that each input is read from, as the user names them.
std::vector<Feed> open_inputs(const TrainingModel& model, const std::vector<std::string>& files,
                              std::int64_t batch) {
  std::vector<Feed> feeds;
  const std::vector<const Source*> given = data_of(model);
  for (const std::string& text : files) {
    const auto named = std::ranges::find_if(given, [&](const Source* source) {
      return text.starts_with(model.graph[source->value].name + "=");
    });
    if (named == given.end() && given.size() != 1) {
      throw InvalidInput(
          fmt::format("--input {}: the model has {} inputs, expected INPUT=FILE; the first is '{}'",
                      shown(text), given.size(),
                      given.empty() ? "" : shown(model.graph[given.front()->value].name)));
    }
    const Source& source = named == given.end() ? *given.front() : **named;
    const std::string& input = model.graph[source.value].name;
    const std::string file = named == given.end() ? text : text.substr(input.size() + 1);
    feeds.push_back(
        {input, open_samples(file, sample_of(input, model.types[source.value], batch))});
  }
  for (const Feed& feed : feeds) {
    const auto same = [&](const Feed& other) { return other.input == feed.input; };
    if (std::ranges::count_if(feeds, same) > 1) {
      throw InvalidInput(fmt::format("--input: two files for the input '{}'", shown(feed.input)));
    }
    if (feed.samples->count() == feeds.front().samples->count()) continue;
    throw InvalidInput(fmt::format("--input: '{}' has {} samples, '{}' has {}", shown(feed.input),
                                   feed.samples->count(), shown(feeds.front().input),
                                   feeds.front().samples->count()));
  }
  if (!feeds.empty() && feeds.size() < given.size()) {
    warn("inputs without a file are made up");
  }
  return feeds;
}

// One call of `infer`.
class Inference {
 public:
  explicit Inference(const InferenceJob& job)
      : job_(job), executor_(job.model, job.plan, job.options) {
    if (!job.weights.empty()) load_weights(executor_, job.weights);
    outcome_.batch = batch_of(job.model);
    feeds_ = open_inputs(job.model, job.inputs, outcome_.batch);
    outcome_.samples = feeds_.empty() ? outcome_.batch : feeds_.front().samples->count();
    outcome_.planned = executor_.planned();
    for (const ValueId v : job.model.outputs) add_output(v);
  }

  InferenceOutcome run() && {
    ProgressLine line;
    const std::int64_t batch = outcome_.batch, all = outcome_.samples;
    for (std::int64_t first = 0; first < all && !job_.stop.stop_requested(); first += batch) {
      feed(first);
      for (std::size_t r = 0; r < job_.repeat && !job_.stop.stop_requested(); ++r) {
        const StepReport report = executor_.step();
        outcome_.seconds.push_back(report.seconds);
        outcome_.measured = report.measured;
        const auto times = executor_.op_times();
        if (!times.empty()) outcome_.op_times.emplace_back(times.begin(), times.end());
        line.show(fmt::format("sample {} of {}  {}", first + 1, all, to_string(report.seconds)));
      }
      collect(std::min(batch, all - first));
    }
    return std::move(outcome_);
  }

 private:
  void add_output(ValueId v) {
    TensorType type = job_.model.types[v];
    const bool is_by_sample = !type.shape.empty() && type.shape.front() % outcome_.batch == 0;
    if (!is_by_sample && outcome_.samples != outcome_.batch) {
      throw InvalidInput(fmt::format(
          "the output '{}' is {}, which is not told apart by sample; expected {} samples, found {}",
          shown(job_.model.graph[v].name), to_string(type), outcome_.batch, outcome_.samples));
    }
    if (is_by_sample) type.shape.front() = type.shape.front() / outcome_.batch * outcome_.samples;
    outcome_.outputs.push_back({job_.model.graph[v].name, type, {}});
  }

  void feed(std::int64_t first) {
    for (const Feed& feed : feeds_) {
      const auto size = static_cast<std::size_t>(feed.samples->type().bytes().count());
      const auto batch = static_cast<std::size_t>(outcome_.batch);
      std::vector<std::byte> bytes(size * batch);
      for (std::size_t i = 0; i < batch; ++i) {
        const std::int64_t sample =
            std::min(first + static_cast<std::int64_t>(i), outcome_.samples - 1);
        feed.samples->read(sample, std::span(bytes).subspan(i * size, size));
      }
      executor_.set(feed.input, bytes);
    }
  }

  // The outputs of the first `samples` of the batch.
  void collect(std::int64_t samples) {
    for (InferenceOutput& output : outcome_.outputs) {
      const auto made = executor_.bytes(output.name);
      const std::size_t size = made.size() / static_cast<std::size_t>(outcome_.batch) *
                               static_cast<std::size_t>(samples);
      const auto counted = samples == outcome_.batch ? made : made.first(size);
      output.bytes.insert(output.bytes.end(), counted.begin(), counted.end());
    }
  }

  const InferenceJob& job_;
  Executor executor_;
  std::vector<Feed> feeds_;
  InferenceOutcome outcome_;
};

}  // namespace

InferenceOutcome infer(const InferenceJob& job) { return Inference(job).run(); }

}  // namespace rockmate::cli
