#include "cli/inference_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/shown.h"
#include "cli/op_times.h"
#include "cli/table.h"

namespace rockmate::cli {
namespace {

constexpr std::int64_t kShownSamples = 8;
constexpr std::size_t kShownClasses = 5;

// What memory would have to hold if nothing were ever freed.
Bytes sum_of_activations(const TrainingGraph& graph) {
  Bytes sum;
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph[ValueId(i)];
    if (!value.is_source && value.storage == ValueId(i)) sum += value.bytes;
  }
  return sum;
}

// Of parameters that were packed once.
Bytes packed_bytes(const TrainingModel& model) {
  Bytes sum;
  for (const Source& source : model.sources) {
    const TensorType& type = model.types[source.value];
    if (type.format == MemoryFormat::kPacked) sum += type.bytes();
  }
  return sum;
}

double images_per_second(const InferenceOutcome& outcome) {
  const double seconds = median(outcome.seconds).count();
  return seconds > 0 ? static_cast<double>(outcome.batch) / seconds : 0;
}

// "  sample 0  class 207 (14.2), class 208 (11.9), ..."
std::string best_classes(const InferenceOutput& output) {
  if (output.type.dtype != DType::kFloat32 || output.type.shape.size() != 2) return {};
  const auto classes = static_cast<std::size_t>(output.type.shape[1]);
  const auto samples = std::min(output.type.shape[0], kShownSamples);
  std::vector<float> scores(classes);
  std::vector<std::size_t> order(classes);
  const std::size_t count = std::min(kShownClasses, classes);
  Table table("ll");
  for (std::size_t s = 0; s < static_cast<std::size_t>(samples); ++s) {
    if ((s + 1) * classes * sizeof(float) > output.bytes.size()) break;
    std::memcpy(scores.data(), output.bytes.data() + s * classes * sizeof(float),
                classes * sizeof(float));
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(count),
                              std::ranges::greater(), [&](std::size_t c) { return scores[c]; });
    std::string best;
    for (std::size_t i = 0; i < count; ++i) {
      best += fmt::format("{}{} ({:.4g})", i == 0 ? "" : ", ", order[i], scores[order[i]]);
    }
    table.row({fmt::format("sample {}", s), best});
  }
  return fmt::format("\nlargest of '{}'\n{}", shown(output.name), table.text());
}

}  // namespace

std::string report(const InferenceJob& job, const InferenceOutcome& outcome) {
  const TrainingGraph& graph = job.model.graph;
  Table table("lrl");
  table.row({"run", to_string(median(outcome.seconds)),
             fmt::format("median of {}, {} in each, {:.1f} samples/s", outcome.seconds.size(),
                         counted(static_cast<std::size_t>(outcome.batch), "sample"),
                         images_per_second(outcome))});
  table.row({"memory", to_string(outcome.planned),
             fmt::format("{} bytes planned, {} measured", outcome.planned.count(),
                         outcome.measured.count())});
  table.row({"parameters", to_string(job.plan.static_bytes),
             fmt::format("and inputs; {} of them packed for their kernels",
                         to_string(packed_bytes(job.model)))});
  table.row({"activations", to_string(outcome.planned - job.plan.static_bytes),
             fmt::format("of {}, if all were kept", to_string(sum_of_activations(graph)))});
  for (const InferenceOutput& output : outcome.outputs) {
    table.row({"output", to_string(output.type.bytes()),
               fmt::format("'{}' {}", shown(output.name), to_string(output.type))});
  }
  std::string text =
      fmt::format("{}: {}\n\n{}", graph.name(),
                  counted(static_cast<std::size_t>(outcome.samples), "sample"), table.text());
  if (!outcome.outputs.empty()) text += best_classes(outcome.outputs.front());
  if (job.options.time_ops)
    text += fmt::format("\n{}", report(timed_ops(job.model, outcome.op_times)));
  return text;
}

nlohmann::ordered_json to_json(const InferenceJob& job, const InferenceOutcome& outcome) {
  nlohmann::ordered_json object = {
      {"samples", outcome.samples},
      {"batch", outcome.batch},
      {"runs", outcome.seconds.size()},
      {"seconds", median(outcome.seconds).count()},
      {"samples_per_second", images_per_second(outcome)},
      {"planned_bytes", outcome.planned.count()},
      {"measured_bytes", outcome.measured.count()},
      {"static_bytes", job.plan.static_bytes.count()},
      {"packed_bytes", packed_bytes(job.model).count()},
      {"activation_bytes", sum_of_activations(job.model.graph).count()}};
  object["outputs"] = nlohmann::ordered_json::array();
  for (const InferenceOutput& output : outcome.outputs) {
    object["outputs"].push_back({{"name", output.name},
                                 {"dtype", to_string(output.type.dtype)},
                                 {"shape", output.type.shape}});
  }
  object["run_seconds"] = nlohmann::ordered_json::array();
  for (const Seconds each : outcome.seconds) object["run_seconds"].push_back(each.count());
  if (job.options.time_ops) object["ops"] = to_json(timed_ops(job.model, outcome.op_times));
  return object;
}

}  // namespace rockmate::cli
