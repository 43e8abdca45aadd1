#include "cli/batches.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate::cli {

std::int64_t batch_of(const TrainingModel& model) {
  std::int64_t batch = kLargestExtent;
  for (const Source& source : model.sources) {
    const Shape& shape = model.types[source.value].shape;
    if (source.is_given && !shape.empty()) batch = std::min(batch, shape.front());
  }
  return batch;
}

TensorType sample_of(const std::string& input, const TensorType& type, std::int64_t batch) {
  if (type.shape.empty() || batch == 0 || type.shape.front() % batch != 0) {
    throw InvalidInput(fmt::format("input '{}' is {}, which is no batch of {} samples",
                                   shown(input), to_string(type), batch));
  }
  TensorType sample = type;
  sample.shape.front() /= batch;
  if (sample.shape.front() == 1) sample.shape.erase(sample.shape.begin());
  return sample;
}

}  // namespace rockmate::cli
